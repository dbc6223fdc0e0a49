"""Tokens: who may write. A token is shown once, when it is made; what is kept is its SHA-256, which tells nothing of 256 random bits."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal

from twin.db import Pool, load_queries, translated
from twin.errors import BadRequestError, ConflictError, NotFoundError

_QUERIES = load_queries("twin.sql", "tokens.sql")
_PREFIX = "twin_"
_BYTES = 32
_LONGEST_NAME = 80

Role = Literal["writer", "reviewer"]
"""A writer submits and publishes; a reviewer may also let findings pass."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: its name is the actor of what is written with it."""

    name: str
    made_at: dt.datetime
    revoked_at: dt.datetime | None
    role: Role = "writer"


class Tokens:
    """The tokens of one deployment."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def make(self, name: str, role: Role = "writer") -> str:
        """Make the token called ``name`` and return its text; ConflictError when there is or was one of that name."""
        text = _new(name)
        with translated(), self._pool.connection() as connection:
            values = {"name": name, "sha256": _hash(text), "role": role}
            if connection.execute(_QUERIES["make"], values).fetchone() is None:
                raise ConflictError(f"there is a token {name!r} already", zh=f"令牌“{name}”已存在").with_code("token-exists")
        return text

    def renew(self, name: str, role: Role = "writer") -> str:
        """Make the token called ``name``, in place of one of that name, and return its text."""
        text = _new(name)
        with translated(), self._pool.connection() as connection:
            connection.execute(_QUERIES["renew"], {"name": name, "sha256": _hash(text), "role": role})
        return text

    def find(self, text: str) -> Token | None:
        """Return the token in force whose text this is, None when it is none; the time it takes tells nothing."""
        given = _hash(text)
        with translated(), self._pool.connection() as connection:
            held = connection.execute(_QUERIES["in_force"]).fetchall()
        found = [Token(*token) for sha256, *token in held if hmac.compare_digest(given, bytes(sha256))]
        return found[0] if found else None

    def all(self) -> tuple[Token, ...]:
        """Return every token that was ever made, oldest first."""
        with translated(), self._pool.connection() as connection:
            return tuple(Token(*row) for row in connection.execute(_QUERIES["all"]).fetchall())

    def revoke(self, name: str) -> None:
        """Take a token out of force for good; NotFoundError when there is none of that name in force."""
        with translated(), self._pool.connection() as connection:
            if connection.execute(_QUERIES["revoke"], {"name": name}).fetchone() is None:
                raise NotFoundError(f"there is no token {name!r} in force", zh=f"没有有效令牌“{name}”")


def _new(name: str) -> str:
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= _LONGEST_NAME:
        raise BadRequestError(f"a token's name is 1 to {_LONGEST_NAME} printable characters: {name!r}", zh=f"令牌名称无效：{name!r}")
    return f"{_PREFIX}{secrets.token_urlsafe(_BYTES)}"


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
