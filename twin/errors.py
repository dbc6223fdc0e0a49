"""Every error a user can meet, each with a stable code, an HTTP status and an exit code.

The codes are part of the interface (RFC 9457 ``code`` member): they never change meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self


@dataclass(frozen=True, slots=True)
class Text:
    """One user-facing text in both languages of the platform."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the text for ``language`` (``zh…`` gives Chinese, anything else English)."""
        return self.zh if language.startswith("zh") else self.en


class TwinError(Exception):
    """Something went wrong on our side."""

    code: str = "internal"
    status: int = 500
    exit_code: int = 3
    headers: Mapping[str, str] = MappingProxyType({})
    """What an HTTP answer that says this has to say besides."""

    def __init__(self, detail: str, *, zh: str | None = None, extra: Mapping[str, object] | None = None) -> None:
        super().__init__(detail)
        self.text = Text(zh=zh or detail, en=detail)
        self.extra: Mapping[str, object] = dict(extra or {})

    def with_code(self, code: str) -> Self:
        """Return this error carrying a more precise ``code`` of the same class."""
        self.code = code
        return self


class BadRequestError(TwinError):
    """The request or the command line is not of the form it takes."""

    code, status, exit_code = "bad-request", 400, 2


class UnauthorizedError(TwinError):
    """The caller has not said who it is, or not truly."""

    code, status, exit_code = "token-missing", 401, 2


class ForbiddenError(TwinError):
    """The caller is known, and may not do this."""

    code, status, exit_code = "forbidden", 403, 2


class NotFoundError(TwinError):
    """There is no such thing, or the caller may not see it."""

    code, status, exit_code = "not-found", 404, 2


class GoneError(TwinError):
    """The thing was here and is no more; what is recorded of it says when."""

    code, status, exit_code = "gone", 410, 2


class ConflictError(TwinError):
    """The thing is in a state that does not allow this."""

    code, status, exit_code = "conflict", 409, 1


class MethodNotAllowedError(TwinError):
    """The thing is there, and this cannot be done to it; ``Allow`` says what can."""

    code, status, exit_code = "method-not-allowed", 405, 2

    def __init__(self, allowed: Sequence[str]) -> None:
        self.headers = {"Allow": ", ".join(allowed)}
        super().__init__(f"only {self.headers['Allow']} here", zh=f"此处仅支持 {self.headers['Allow']}")


class NotAcceptableError(TwinError):
    """The thing is there, and in none of the forms that the caller takes."""

    code, status, exit_code = "not-acceptable", 406, 2
    headers = MappingProxyType({"Vary": "Accept"})


class PreconditionFailedError(TwinError):
    """The thing is not in the state any more that the caller has seen."""

    code, status, exit_code = "state-changed", 412, 1


class PreconditionRequiredError(TwinError):
    """The caller has to say which state of the thing it has seen."""

    code, status, exit_code = "if-match-missing", 428, 2


class TooLargeError(TwinError):
    """The body of a request is larger than is taken here."""

    code, status, exit_code = "too-large", 413, 1


class AddressTooLongError(TwinError):
    """The address of a request is longer than any that means something here."""

    code, status, exit_code = "address-too-long", 414, 1


class TooManyRequestsError(TwinError):
    """More is asked at once than is answered here; later it will be."""

    code, status, exit_code = "too-many-requests", 429, 3


class UnsupportedMediaError(TwinError):
    """The file is of a kind that is not read here."""

    code, status, exit_code = "unsupported-media", 415, 1


class RangeError(TwinError):
    """The file has not the bytes that are asked for; ``Content-Range`` says how many it has."""

    code, status, exit_code = "no-such-range", 416, 2

    def __init__(self, length: str) -> None:
        self.headers = {"Content-Range": length}
        super().__init__(f"there is no such range: {length}", zh=f"没有该范围：{length}")


class RejectedError(TwinError):
    """The content of a file cannot be taken, by a blocking rule."""

    code, status, exit_code = "rejected", 422, 1


class UnavailableError(TwinError):
    """A part that is needed cannot be had just now; nothing was changed."""

    code, status, exit_code = "unavailable", 503, 3


class StorageFullError(TwinError):
    """There is no room on the disk; nothing was changed."""

    code, status, exit_code = "disk-full", 507, 3
