"""Which profile of GeoJSON a caller wants, and how an answer says which it has (JSON-FG 1.0, 21-045r1, clauses 14 to 16)."""

from __future__ import annotations

from typing import Literal, get_args

from starlette.requests import Request

from ogc import negotiation
from twin.errors import BadRequestError

Profile = Literal["rfc7946", "jsonfg", "jsonfg-plus"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
PARAMETER = "profile"
FORM = "jsonfg"
"""Value of ``f`` that asks for JSON-FG."""
MEDIA_TYPES = ("application/vnd.ogc.fg+json", "application/fg+json")
"""What drafts called it and a caller may still name in Accept; the answer is application/geo+json, of a profile."""
_GEOJSON = ("application/geo+json", "application/json", "application/*")
_REGISTER = "http://www.opengis.net/def/profile/OGC/0/"


def profile_uri(profile: Profile) -> str:
    """Return the URI of a profile, as OGC's register has it."""
    return _REGISTER + profile


def profile_link(profile: Profile) -> str:
    """Return the value of a Link header that says which profile an answer has."""
    return f'<{profile_uri(profile)}>; rel="profile"'


def asked_profile(request: Request) -> Profile:
    """Return the profile of GeoJSON asked for: by parameter ``profile`` (names or URIs), else by ``f``, else by Accept.

    Without any of them it is ``rfc7946``. BadRequestError ``bad-parameter`` when the parameter names no profile there is, or only
    ``rfc7946`` where ``f`` asks for JSON-FG.
    """
    form, text = request.query_params.get("f"), request.query_params.get(PARAMETER)
    if text is not None:
        known = [found for name in text.split(",") if (found := _named(name.strip())) is not None]
        wanted = [profile for profile in known if form != FORM or profile != "rfc7946"]
        if not wanted:
            names = ", ".join(PROFILES if form != FORM else PROFILES[1:])
            raise BadRequestError(f"profile is one of {names}", zh=f"profile 可为 {names}").with_code("bad-parameter")
        return wanted[0]
    if form is not None:
        return "jsonfg-plus" if form == FORM else "rfc7946"
    for media_type, profiles in negotiation.accepted_profiles(request):
        if media_type in MEDIA_TYPES:
            return "jsonfg-plus"
        if media_type in _GEOJSON:
            return next((found for uri in profiles if (found := _named(uri)) is not None), "rfc7946")
    return "rfc7946"


def _named(text: str) -> Profile | None:
    """Return the profile of a name or a URI; clients write the register's own name in capitals or not."""
    name = text.rsplit("/", 1)[-1]
    is_known = text == name or text.lower() == (_REGISTER + name).lower()
    return next((profile for profile in PROFILES if is_known and profile == name), None)
