"""What a writer prefers (RFC 7240; 20-002, classes handling and return-resource-representation-in-response) and says of the commit."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import Request

from twin.errors import BadRequestError

REASON_HEADER = "Commit-Reason"
_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Preferences:
    """Preferences that are understood; all others are passed over, as RFC 7240 §2 demands."""

    representation: bool
    """The feature as it is after the write is wanted in the answer."""
    strict: bool
    """``handling=strict`` was asked for: it is how everything is handled."""

    @property
    def on_refusal(self) -> dict[str, str]:
        """Headers of an answer that refuses what a body holds."""
        return {"Preference-Applied": "handling=strict"} if self.strict else {}


def preferences(request: Request) -> Preferences:
    """Return what the Prefer headers of a request ask for."""
    said = {
        part.strip().lower().replace(" ", "") for line in request.headers.getlist("prefer") for part in line.replace(";", ",").split(",")
    }
    return Preferences("return=representation" in said, "handling=strict" in said)


def reason_of(request: Request) -> str:
    """Return why the writer writes: the header Commit-Reason, percent-encoded UTF-8 or plain; empty when there is none."""
    given = request.headers.get(REASON_HEADER, "")
    try:
        plain = given.encode("latin-1").decode("utf-8")
    except UnicodeError:
        plain = given
    return checked_reason(unquote(plain, errors="replace"))


def checked_reason(text: str) -> str:
    """Return a reason as it is kept; BadRequestError for one that is too long or holds a NUL."""
    if len(text) > _LONGEST_REASON or "\x00" in text:
        raise BadRequestError(f"a reason has at most {_LONGEST_REASON} characters", zh=f"原因不超过 {_LONGEST_REASON} 字").with_code(
            "bad-reason"
        )
    return text.strip()
