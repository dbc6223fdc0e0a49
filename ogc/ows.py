"""What the older OGC services share (OWS Common 1.1, 06-121r3): parameters whose names know no case, and exception reports."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping

from lxml import etree
from starlette.responses import Response

from twin.errors import TwinError

OWS, XLINK, XSI = "http://www.opengis.net/ows/1.1", "http://www.w3.org/1999/xlink", "http://www.w3.org/2001/XMLSchema-instance"
XML = "text/xml; charset=utf-8"


class OwsError(Exception):
    """A request of an older service that cannot be answered, as its clients know it."""

    def __init__(self, code: str, locator: str, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code, self.locator, self.text, self.status = code, locator, text, status


def keyed_values(pairs: Iterable[tuple[str, str]], allowed: frozenset[str]) -> Mapping[str, str]:
    """Return the parameters by name in lower case; OwsError for one that is not ``allowed``, is given twice or holds a NUL."""
    found: dict[str, str] = {}
    for given, value in pairs:
        name = given.lower()
        if name not in allowed:
            raise OwsError("InvalidParameterValue", given[:40], f"there is no parameter {given[:40]!r} here")
        if name in found or "\x00" in value:
            raise OwsError("InvalidParameterValue", given[:40], f"parameter {given[:40]!r} is given twice or not valid")
        found[name] = value
    return found


def required(given: Mapping[str, str], name: str) -> str:
    """Return a parameter's value; OwsError MissingParameterValue without it."""
    if not given.get(name):
        raise OwsError("MissingParameterValue", name, f"parameter {name} is missing")
    return given[name]


async def reported(work: Awaitable[Response]) -> Response:
    """Return the answer that ``work`` comes to, an exception report where it fails with an OwsError."""
    try:
        return await work
    except OwsError as error:
        return exception_report(error)


def exception_report(error: OwsError, version: str = "1.1.0") -> Response:
    """Return an error as an exception report of a ``version`` of the service."""
    root = etree.Element(f"{{{OWS}}}ExceptionReport", nsmap={None: OWS}, version=version)
    exception = etree.SubElement(root, f"{{{OWS}}}Exception", exceptionCode=error.code, locator=_spoken(error.locator))
    etree.SubElement(exception, f"{{{OWS}}}ExceptionText").text = _spoken(error.text)
    return Response(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), error.status, media_type=XML)


def of_twin_error(error: TwinError, locator: str = "") -> OwsError:
    """Return what an error of ours is to a client of an older service."""
    code = "InvalidParameterValue" if error.status < 500 else "NoApplicableCode"
    return OwsError(code, locator, error.text.en, error.status)


def _spoken(text: str) -> str:
    """Return a text without the characters that XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" else "\ufffd" for c in text)
