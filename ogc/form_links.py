"""Links to the other forms that items, an item or a collection's items are had in (17-069r4, 7.14.3, 7.15.8, 7.16.3); pure."""

from __future__ import annotations

from collections.abc import Iterable

from ogc import answers, links
from ogc.formats import Format
from ogc.json_fg.profile import FORM, profile_uri

_NOT_OF_FILES = frozenset({"cursor", "resulttype"})


def form_links(
    address: str, pairs: Iterable[tuple[str, str]], relation: str, offered: Iterable[Format], language: str, *, shown: str = "json"
) -> list[links.Link]:
    """Return the links to what is at ``address`` as JSON-FG, where that is not ``shown``, and as each of the formats ``offered``.

    ``pairs`` are the query parameters of the request, kept but for those of another form; a page amid others is no file.
    """
    given = list(pairs)
    plain = links.with_parameters(address, [(name, value) for name, value in given if name not in {"f", "profile"}])
    begin = f"{plain}{'&' if '?' in plain else '?'}f="
    made = [] if shown == FORM else [_json_fg(begin + FORM, relation)]
    if not any(name in _NOT_OF_FILES for name, _ in given):
        made += [links.link(begin + f.name, relation, f.media_type, f.title.in_language(language)) for f in offered]
    return made


def _json_fg(href: str, relation: str) -> links.Link:
    return links.link(href, relation, answers.GEOJSON, "JSON-FG") | {"profile": [profile_uri("jsonfg-plus")]}
