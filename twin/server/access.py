"""Who asks: the one place where a request becomes a Principal, and where it is told who may write.

Accounts come later; until then everybody sees open data, and whoever holds a token may write. A token comes in the Authorization header
only: no cookie is read or set, so no other page can write in a user's name.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection

from twin.errors import ForbiddenError, UnauthorizedError
from twin.model import Principal
from twin.tokens import Token, Tokens

_SCHEME = "bearer "


def principal_of(request: HTTPConnection) -> Principal:  # noqa: ARG001 - accounts will read it
    """Return the caller of a request."""
    return Principal.anonymous()


def writer_of(request: HTTPConnection, tokens: Tokens) -> str:
    """Return the name of the token a request carries; UnauthorizedError ``token-missing`` or ``token-invalid``."""
    return token_of(request, tokens).name


def reviewer_of(request: HTTPConnection, tokens: Tokens) -> str:
    """Return the name of the reviewer's token a request carries; ForbiddenError ``not-a-reviewer`` for one that only writes."""
    token = token_of(request, tokens)
    if token.role != "reviewer":
        error = ForbiddenError("only a reviewer may do this; a writer's token does not", zh="仅复核人可执行此操作，提交令牌无权执行")
        raise error.with_code("not-a-reviewer")
    return token.name


def token_of(request: HTTPConnection, tokens: Tokens) -> Token:
    """Return the token a request carries; UnauthorizedError ``token-missing`` or ``token-invalid``."""
    given = request.headers.get("authorization", "")
    if not given.lower().startswith(_SCHEME):
        raise UnauthorizedError("writing needs a token: send Authorization: Bearer …", zh="写入需要令牌：Authorization: Bearer …")
    token = tokens.find(given[len(_SCHEME) :].strip())
    if token is None:
        raise UnauthorizedError("the token is not in force", zh="令牌无效或已吊销").with_code("token-invalid")
    return token
