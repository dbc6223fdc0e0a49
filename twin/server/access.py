"""Who asks: the one place where a request becomes a Principal, and where it is told who may write.

Accounts come later; until then everybody sees open data, and whoever holds a token may write. A token comes in the Authorization header
only: no cookie is read or set, so no other page can write in a user's name.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection

from twin.errors import UnauthorizedError
from twin.model import Principal
from twin.tokens import Tokens

_SCHEME = "bearer "


def principal_of(request: HTTPConnection) -> Principal:  # noqa: ARG001 - accounts will read it
    """Return the caller of a request."""
    return Principal.anonymous()


def writer_of(request: HTTPConnection, tokens: Tokens) -> str:
    """Return the name of the token a request carries; UnauthorizedError ``token-missing`` or ``token-invalid``."""
    given = request.headers.get("authorization", "")
    if not given.lower().startswith(_SCHEME):
        raise UnauthorizedError("writing needs a token: send Authorization: Bearer …", zh="写入需要令牌：Authorization: Bearer …")
    name = tokens.name_of(given[len(_SCHEME) :].strip())
    if name is None:
        raise UnauthorizedError("the token is not in force", zh="令牌无效或已吊销").with_code("token-invalid")
    return name
