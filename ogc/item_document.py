"""One feature as GeoJSON, and the entity tag of that: what reading sends, and what writing says that it would send."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from starlette.requests import Request

from ogc import answers, links
from ogc.escapes import client_proof
from ogc.form_links import form_links
from ogc.writing.preconditions import representation_of, state_tag
from twin.query.collection import Collection

FEATURE_VERSION = 3
"""Part of every entity tag: raise it when the same rows are written differently."""


def item_address(request: Request, collection: Collection, fid: int) -> str:
    """Return the address of a feature."""
    return f"{links.base_url(request)}/collections/{collection.slug}/items/{collection.oid_prefix}{fid}"


def item_tag(
    request: Request, collection: Collection, fid: int, since: int, pairs: Iterable[tuple[str, str]] = (), form: str = "json"
) -> str:
    """Return the strong entity tag of a feature in the state that commit ``since`` wrote, sent in ``form``.

    ``pairs`` are the query parameters of its address; language and coding are those that the headers of ``request`` ask for.
    """
    kind = collection.feature_type
    shown = representation_of(request, pairs, form, FEATURE_VERSION, kind.name, kind.version, collection.dataset.title)
    return state_tag(fid, since, shown)


def item_links(
    request: Request, collection: Collection, fid: int, pairs: Iterable[tuple[str, str]], form: str, language: str, *, json_fg: bool
) -> list[links.Link]:
    """Return the links of a feature that is sent in ``form``; ``json_fg`` says whether this door has that, too."""
    own, given = item_address(request, collection, fid), list(pairs)
    made = links.self_and_alternate(own, given, form, answers.GEOJSON, language)
    made += form_links(own, given, "alternate", (), language) if json_fg else []
    made.append(links.link(f"{own}/versions", "version-history", answers.JSON, links.title("versions", language)))
    address = f"{links.base_url(request)}/collections/{collection.slug}"
    return [*made, links.link(address, "collection", answers.JSON, collection.dataset.title.in_language(language))]


def item_content(feature: bytes, made: list[links.Link]) -> bytes:
    """Return a GeoJSON Feature with its links."""
    return client_proof(feature[:-1]) + b',"links":' + orjson.dumps(made) + b"}"
