"""Entity tags of single features, and what a writer says of the state it has seen (RFC 9110, 13.1.1).

A tag is ``"{fid}-{commit}-{representation}"``: the first two name the recorded state, the last the form it was sent in, so that tags are
strong (RFC 9110, 8.8.1) and any representation of a state can be given back to prove that it was seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from starlette.requests import Request

from ogc import links, negotiation
from twin.errors import PreconditionFailedError, PreconditionRequiredError

_TAG = re.compile(r'"(\d{1,19})-(\d{1,19})(?:-[0-9a-f]*)?"')
_LISTED = re.compile(r'(W/)?"[^"]*"')


def state_tag(fid: int, since: int, representation: str = "") -> str:
    """Return the entity tag of a feature in the state that commit ``since`` wrote."""
    return f'"{fid}-{since}-{representation}"' if representation else f'"{fid}-{since}"'


def representation_of(request: Request, pairs: Iterable[tuple[str, str]], form: str, *meaning: object) -> str:
    """Return what tells apart the forms in which a state can be sent: parameters of its address, form, language, coding, ``meaning``.

    Language and coding are what the headers of ``request``, a reading or a writing one, come to.
    """
    packed = negotiation.takes_gzip(request)
    told = (links.base_url(request), list(pairs), form, negotiation.language(request), packed, *meaning)
    return blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def require_state(request: Request, fid: int, since: int) -> None:
    """Raise unless the request says that it has seen the state that commit ``since`` wrote, or any.

    PreconditionRequiredError without If-Match, PreconditionFailedError where it names other states. ``*`` means any.
    """
    given = ",".join(request.headers.getlist("if-match"))  # a list may stand in several lines (RFC 9110, 5.3)
    if not given:
        raise PreconditionRequiredError(
            "say in If-Match which state you have seen: its ETag, or * for any", zh="请用 If-Match 给出所依据状态的 ETag（* 表示任意状态）"
        )
    require_seen(given, fid, since)


def require_seen(given: str, fid: int, since: int) -> None:
    """Raise PreconditionFailedError unless ``given``, the value of If-Match, covers the state."""
    if given.strip() != "*" and (fid, since) not in seen_states(given):
        raise PreconditionFailedError(
            "the feature has been changed since it was read; read it again", zh="该要素在读取之后已被修改，请重新读取"
        )


def seen_states(given: str) -> Sequence[tuple[int, int]]:
    """Return (fid, commit) of the strong tags in a value of If-Match; weak ones match nothing there (RFC 9110, 8.8.3.2)."""
    tags = [match[0] for match in _LISTED.finditer(given[:4000]) if match[1] is None]
    return [(int(match[1]), int(match[2])) for match in map(_TAG.fullmatch, tags) if match is not None]
