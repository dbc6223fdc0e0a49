"""Recorded states over HTTP (RFC 7089): an address negotiates in time by Accept-Datetime, and every state has an address of its own.

The address of a feature, of items, of a search, a tile or a file is original resource and time gate at once, ``as-of=COMMIT`` on it names a
memento, ``…/versions`` is the time map (RFC 7089, 4.2.1: a time gate that answers with the memento itself, status 200).
"""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request

from ogc import answers, links
from twin.errors import BadRequestError

LINK_FORMAT = "application/link-format"
VARY = {"Vary": f"{answers.caching(None)['Vary']}, Accept-Datetime"}
"""By what headers the answers of a time gate differ."""


def accepted_time(request: Request) -> dt.datetime | None:
    """Return the time of Accept-Datetime, None without it; BadRequestError ``bad-accept-datetime`` (RFC 7089, 4.5.3)."""
    text = request.headers.get("accept-datetime")
    if text is None:
        return None
    try:
        time = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year of many digits
        time = None
    if time is None or time.utcoffset() != dt.timedelta(0):
        error = BadRequestError(
            "Accept-Datetime is a time like Thu, 31 May 2007 20:35:00 GMT", zh="Accept-Datetime 应形如 Thu, 31 May 2007 20:35:00 GMT"
        )
        raise error.with_code("bad-accept-datetime")
    return time.replace(tzinfo=dt.UTC)


def named_state(request: Request) -> str | None:
    """Return what the address of a request says by ``as-of``, None where it does not; WMTS knows no case of names."""
    return next((value for name, value in request.query_params.multi_items() if name.lower() == "as-of"), None)


def headers(request: Request, address: str, timemap: str | None, memento: tuple[int, dt.datetime] | None) -> dict[str, str]:
    """Return the headers of a state: where the original and its time map are, and of a ``memento`` (commit, time) from when it is.

    ``address`` is that of the resource without parameters, ``timemap`` that of its states, where one lists them. ``Link`` is to be joined
    with others by a comma.
    """
    plain = [(name, value) for name, value in request.query_params.multi_items() if name.lower() not in {"as-of", "cursor"}]
    original = links.with_parameters(address, plain)
    listed = f', <{timemap}>; rel="timemap"; type="{LINK_FORMAT}"' if timemap is not None else ""
    made = {"Link": f'<{_safe(original)}>; rel="original timegate"{listed}', **VARY}
    if memento is not None:
        commit, time = memento
        made["Memento-Datetime"] = http_date(time)
        if named_state(request) is None and "cursor" not in request.query_params:
            made["Content-Location"] = links.with_parameters(address, [*plain, ("as-of", str(commit))])
    return made


def http_date(time: dt.datetime) -> str:
    """Return a time as HTTP writes it (RFC 9110, 5.6.7)."""
    return format_datetime(time.astimezone(dt.UTC).replace(microsecond=0), usegmt=True)


def _safe(address: str) -> str:
    return address.replace(",", "%2C")
