"""What the older OGC services share (OWS Common 1.1, 06-121r3): parameters whose names know no case, and exception reports."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response

from ogc import negotiation
from twin.errors import Text, TwinError

OWS, XLINK, XSI = "http://www.opengis.net/ows/1.1", "http://www.w3.org/1999/xlink", "http://www.w3.org/2001/XMLSchema-instance"
XML = "text/xml; charset=utf-8"
_XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"


class OwsError(Exception):
    """A request of an older service that cannot be answered, as its clients know it."""

    def __init__(self, code: str, locator: str, en: str, zh: str, status: int = 400) -> None:
        super().__init__(en)
        self.code, self.locator, self.text, self.status = code, locator, Text(zh, en), status


def keyed_values(pairs: Iterable[tuple[str, str]], allowed: frozenset[str]) -> Mapping[str, str]:
    """Return the parameters by name in lower case; OwsError for one that is not ``allowed``, is given twice or holds a NUL."""
    found: dict[str, str] = {}
    for given, value in pairs:
        name = given.lower()
        if name not in allowed:
            raise OwsError(
                "InvalidParameterValue", given[:40], f"there is no parameter {given[:40]!r} here", f"此处没有参数 {given[:40]!r}"
            )
        if name in found or "\x00" in value:
            en, zh = f"parameter {given[:40]!r} is given twice or not valid", f"参数 {given[:40]!r} 重复或无效"
            raise OwsError("InvalidParameterValue", given[:40], en, zh)
        found[name] = value
    return found


def required(given: Mapping[str, str], name: str) -> str:
    """Return a parameter's value; OwsError MissingParameterValue without it."""
    if not given.get(name):
        raise OwsError("MissingParameterValue", name, f"parameter {name} is missing", f"缺少参数 {name}")
    return given[name]


async def reported(request: Request, work: Awaitable[Response]) -> Response:
    """Return the answer to ``request`` that ``work`` comes to, an exception report where it fails with an OwsError."""
    try:
        return await work
    except OwsError as error:
        return exception_report(error, negotiation.spoken_language(request))


def exception_report(error: OwsError, language: negotiation.Language, version: str = "1.1.0") -> Response:
    """Return an error as an exception report of a ``version`` of the service, its text in ``language``."""
    tag = negotiation.LANGUAGE_TAGS[language]
    root = etree.Element(f"{{{OWS}}}ExceptionReport", {f"{{{_XML_NAMESPACE}}}lang": tag}, {None: OWS}, version=version)
    exception = etree.SubElement(root, f"{{{OWS}}}Exception", exceptionCode=error.code, locator=_spoken(error.locator))
    etree.SubElement(exception, f"{{{OWS}}}ExceptionText").text = _spoken(error.text.in_language(language))
    headers = {"Content-Language": tag, "Vary": "Accept-Language"}
    return Response(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), error.status, headers, media_type=XML)


def of_twin_error(error: TwinError, locator: str = "") -> OwsError:
    """Return what an error of ours is to a client of an older service."""
    code = "InvalidParameterValue" if error.status < 500 else "NoApplicableCode"
    return OwsError(code, locator, error.text.en, error.text.zh, error.status)


def _spoken(text: str) -> str:
    """Return a text without the characters that XML 1.0 cannot hold."""
    return "".join(c if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000" else "\ufffd" for c in text)
