"""A request to the WFS, in whatever encoding it came: its operation, what it asks for, and how the same is asked for again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request

from ogc import links
from ogc.forms import form_fields, is_form
from ogc.ows import OwsError, keyed_values, required
from ogc.wfs.asked import Asked, as_parameters, asked_by_parameters, asked_by_xml
from ogc.wfs.capabilities import OPERATIONS
from ogc.wfs.xml_body import children, local_name, parse_xml, text_of

VERSION = "2.0.0"
MOST_ADDRESS_BYTES = 32_768
"""The longest address that is taken."""
PARAMETERS = frozenset(
    {
        "service", "version", "request", "acceptversions", "acceptformats", "sections", "updatesequence", "namespaces", "namespace",
        "typenames", "typename", "srsname", "propertyname", "filter", "filter_language", "bbox", "resourceid", "sortby", "startindex",
        "count", "maxfeatures", "resulttype", "outputformat", "storedquery_id", "id", "valuereference", "resolve", "resolvedepth",
        "resolvetimeout", "aliases", "handle", "lang", "language", "as-of",
    }
)  # fmt: skip
"""What a request may have: those of the standard, those that its clients add (QGIS writes TYPENAME beside TYPENAMES), and ``as-of`` of our
own, by which all pages of a walk are of one commit."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that is asked for."""

    operation: str
    asked: Asked | None
    types: tuple[str, ...]
    value_reference: str | None
    pairs: tuple[tuple[str, str], ...]
    """The parameters that ask for the same."""

    def onward(self, address: str, start: int, count: int, commit: int) -> str | None:
        """Return where the part that begins at ``start`` is had, of the state at ``commit``; None where no address is long enough."""
        kept = [(name, value) for name, value in self.pairs if name.lower() not in {"startindex", "count", "maxfeatures", "as-of"}]
        made = links.with_parameters(address, [*kept, ("startIndex", str(start)), ("count", str(count)), ("as-of", str(commit))])
        return made if len(made.encode()) <= MOST_ADDRESS_BYTES else None


async def call_of(request: Request) -> Call:
    """Return what a request asks for; XML, which may be large, is read beside the event loop."""
    pairs = request.query_params.multi_items()
    if request.method != "POST":
        return await asyncio.to_thread(_call_of_parameters, pairs)
    if is_form(request):
        return await asyncio.to_thread(_call_of_parameters, pairs + await form_fields(request))
    return await asyncio.to_thread(_call_of_xml, await request.body())


def _call_of_parameters(pairs: list[tuple[str, str]]) -> Call:
    given = keyed_values(pairs, PARAMETERS)
    operation = required(given, "request")
    _require_version(given.get("service", "WFS"), given.get("version"), given.get("acceptversions"), operation)
    names = tuple(name for name in given.get("typenames", given.get("typename", "")).split(",") if name)
    asked = asked_by_parameters(given)  # refused where it is wrong, whatever the operation
    is_asked = _known(operation) in {"GetFeature", "GetPropertyValue"}
    return Call(operation, asked if is_asked else None, names, given.get("valuereference"), tuple(pairs))


def _call_of_xml(body: bytes) -> Call:
    root = parse_xml(body, "request")
    operation = _known(local_name(root))
    accepted = [text_of(p).strip() for p in root.iter() if isinstance(p.tag, str) and local_name(p) == "Version"]
    _require_version(root.get("service") or "WFS", root.get("version"), ",".join(accepted) or None, operation)
    names = tuple(text_of(part).strip() for part in children(root) if local_name(part) == "TypeName")
    asked = asked_by_xml(root) if operation in {"GetFeature", "GetPropertyValue"} else None
    value = root.get("valueReference")
    pairs = [("service", "WFS"), ("version", VERSION), ("request", operation), *([("valueReference", value)] if value else [])]
    return Call(operation, asked, names, value, tuple(pairs + (as_parameters(asked) if asked else [])))


def _known(operation: str) -> str:
    if operation not in OPERATIONS:
        raise OwsError(
            "OperationNotSupported", operation[:40], f"there is no operation {operation[:40]!r} here", f"此处没有操作 {operation[:40]!r}"
        )
    return operation


def _require_version(service: str, version: str | None, accepted: str | None, operation: str) -> None:
    if service.upper() != "WFS":
        raise OwsError("InvalidParameterValue", "service", "the service is WFS", "服务为 WFS")
    if operation == "GetCapabilities":
        if accepted and VERSION not in {part.strip() for part in accepted.split(",")}:
            raise OwsError("VersionNegotiationFailed", "AcceptVersions", f"the version is {VERSION}", f"版本为 {VERSION}")
    elif version is not None and not version.startswith("2.0"):
        raise OwsError("InvalidParameterValue", "version", f"the version is {VERSION}", f"版本为 {VERSION}")
