"""What CityGML says of an object beside its shape, as CityJSON attributes: simple, generic and extension elements, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingest.readers.citygml_codes import CodeLists
from ingest.readers.citygml_stream import HREF, Element, local_name, namespace

Attributes = dict[str, object]

_INTEGERS = frozenset({"storeysAboveGround", "storeysBelowGround", "yearOfConstruction", "yearOfDemolition"})
_GENERIC_VALUES: Mapping[str, type] = {"int": int, "integer": int, "double": float}
_NO_ATTRIBUTES = frozenset({"boundedBy", "metaDataProperty", "appearance", "appearanceMember", "generalizesTo"})
_PLAIN_UNITS = frozenset({"", "m", "metre", "meter", "metres", "meters", "m2", "sqm", "1", "9001"})
"""Units whose numbers stand alone; any other stands behind its number, to be converted or refused where a field takes it."""
_LONG_NAME = re.compile(r"^(?:urn:|https?://).*[:/#]", re.IGNORECASE)
"""What stands before the unit in urn:adv:uom:m (all of Germany), urn:ogc:def:uom:EPSG::9001, …/def/uom/UCUM/0/m."""
_ADDRESS_PARTS: Mapping[tuple[str, str], str] = {
    ("Thoroughfare", "ThoroughfareName"): "ThoroughfareName",
    ("Thoroughfare", "NameElement"): "ThoroughfareName",
    ("Thoroughfare", "ThoroughfareNumber"): "ThoroughfareNumber",
    ("Thoroughfare", "Number"): "ThoroughfareNumber",
    ("PostalCode", "PostalCodeNumber"): "Postcode",
    ("PostCode", "Identifier"): "Postcode",
    ("Locality", "LocalityName"): "Locality",
    ("Locality", "NameElement"): "Locality",
    ("Country", "CountryName"): "Country",
    ("Country", "NameElement"): "Country",
}
"""(parent, element) of xAL 2 and 3 → the member of a CityJSON address, from the street to the country."""
_NAME_SUFFIX = "_name"
_SIMPLE_XML_DEPTH = 8


@dataclass(frozen=True, slots=True)
class AttributeReader:
    """Reads attributes; the name behind a code stands beside it where the code list came with the file."""

    codes: CodeLists

    def read(self, element: Element, skip: frozenset[str] = frozenset()) -> Attributes:
        """Return the attributes of an object; elements named in ``skip`` are something else.

        A value that comes more than once is an array. What an extension wraps in a data type is an object, or an array of them.
        """
        found: Attributes = {}
        wrapped: dict[str, list[Attributes]] = {}
        for child in element:
            name = local_name(child)
            if not name or name in _NO_ATTRIBUTES or name in skip or (len(child) and name.startswith(("lod", "address"))):
                continue
            if (generic := _generic_name(child, name)) is not None:
                _add(found, generic, _generic_value(child))
            elif name == "genericAttributeSet":
                for key, value in self.read(child).items():
                    _add(found, f"{child.get('name') or 'set'}.{key}", value)
            elif name == "externalReference":
                wrapped.setdefault(name, []).append(_external(child))
            elif name == "height" and (height := child.find("{*}Height")) is not None:
                _add(found, "measuredHeight", _measure(height.find("{*}value")))
            elif not any(isinstance(inner.tag, str) for inner in child):
                self._simple(found, child, name)
            elif (values := self._extension(child, _SIMPLE_XML_DEPTH)) is not None:
                wrapped.setdefault(name, []).append(values)
        for name, several in wrapped.items():
            found[name] = several[0] if len(several) == 1 else several
        return found

    def _simple(self, found: Attributes, child: Element, name: str) -> None:
        text = (child.text or "").strip()
        if not text:
            return
        _add(found, name, _typed(child, name, text))
        if (space := child.get("codeSpace")) is not None and (meaning := self.codes.name(space, text)) is not None:
            _add(found, name + _NAME_SUFFIX, meaning)

    def _extension(self, element: Element, depth: int) -> Attributes | None:
        """Return what an element that holds others says, flat; None where it holds a geometry or too much."""
        values: Attributes = {}
        for inner in element.iterchildren(tag="*"):
            if depth == 0 or "opengis.net/gml" in namespace(inner):
                return None
            if any(isinstance(e.tag, str) for e in inner):
                deeper = self._extension(inner, depth - 1)
                if deeper is None:
                    return None
                for key, value in deeper.items():
                    _add(values, key, value)
            else:
                self._simple(values, inner, local_name(inner))
        return values


def addresses(element: Element) -> Iterator[dict[str, str]]:
    """Yield the addresses of an object as CityJSON has them (2.0 §2.2.1), from xAL 2 or 3."""
    for holder in element.iterchildren("{*}address"):
        said: dict[str, str] = {}
        for inner in holder.iter("*"):
            parent = inner.getparent()
            member = _ADDRESS_PARTS.get((local_name(parent), local_name(inner)))
            text = (inner.text or "").strip()
            if member is not None and text:
                said.setdefault(member, text)
        if said:
            yield {member: said[member] for member in dict.fromkeys(_ADDRESS_PARTS.values()) if member in said}


def _generic_name(child: Element, name: str) -> str | None:
    """Return the name of a generic attribute: of CityGML 1 and 2 an XML attribute, of CityGML 3 an element; None for another element."""
    if name.endswith("Attribute") and "/citygml/generics/" in namespace(child):
        return child.get("name") or name
    if name == "genericAttribute":
        return str(child.findtext("{*}*/{*}name") or name)
    return None


def _generic_value(child: Element) -> object:
    holder = child if local_name(child) != "genericAttribute" else next(child.iterchildren("*"), child)
    value = holder.find("{*}value")
    kind = local_name(holder).removesuffix("Attribute").lower()
    if kind == "measure":
        return _measure(value)
    text = "" if value is None else (value.text or "").strip()
    try:
        return _GENERIC_VALUES.get(kind, str)(text) if text else None
    except ValueError:
        return text


def _typed(child: Element, name: str, text: str) -> object:
    try:
        if name in _INTEGERS:
            return int(text)
        if child.get("uom") is not None:
            numbers = [float(v) for v in text.split()]
            return numbers if name.startswith("storeyHeights") else _with_unit(numbers[0], child) if len(numbers) == 1 else text
    except ValueError:
        pass
    return text


def _measure(element: Element | None) -> object:
    text = "" if element is None else (element.text or "").strip()
    try:
        return _with_unit(float(text), element) if text else None
    except ValueError:
        return text


def _with_unit(number: float, element: Element) -> object:
    unit = _LONG_NAME.sub("", (element.get("uom") or "").strip()).lstrip("#")
    return number if unit.casefold() in _PLAIN_UNITS else f"{number:.15g} {unit}"


def _external(child: Element) -> Attributes:
    """Return an external reference: {"informationSystem": …, "name" or "uri": …}."""
    said = {local_name(e): (e.text or "").strip() for e in child.iter("*") if (e.text or "").strip()}
    return {**said} or {"uri": child.get(HREF) or ""}


def _add(found: Attributes, name: str, value: object) -> None:
    if value is None:
        return
    before = found.get(name)
    if before is None:
        found[name] = value
    elif isinstance(before, list) and not isinstance(value, list):
        before.append(value)
    else:
        found[name] = [*(before if isinstance(before, list) else [before]), *(value if isinstance(value, list) else [value])]
