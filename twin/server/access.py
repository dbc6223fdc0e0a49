"""Who asks: the one place where a request becomes a Principal. Accounts come later; until then everybody sees open data."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from twin.model import Principal


def principal_of(request: HTTPConnection) -> Principal:  # noqa: ARG001 - accounts will read it
    """Return the caller of a request."""
    return Principal.anonymous()
