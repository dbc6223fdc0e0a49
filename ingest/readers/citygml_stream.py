"""A CityGML document read as a stream: its members come one after another and are forgotten, so the size of the file does not matter.

Hostile XML ends here: no DTD, no entity, nothing fetched, depth and text limited by libxml2 (reliability.md §2, D5 and D6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

from lxml import etree

from ingest.readers.unknown_files import dtd_forbidden
from ingest.refusals import rejected
from twin.errors import TwinError

Element = Any
"""An element of lxml, which has no types."""

GML_ID = ("{http://www.opengis.net/gml}id", "{http://www.opengis.net/gml/3.2}id")
HREF = "{http://www.w3.org/1999/xlink}href"
_NAMESPACES = {"g": "http://www.opengis.net/gml", "g32": "http://www.opengis.net/gml/3.2"}
_WITH_ID = etree.XPath("descendant-or-self::*[@g:id or @g32:id]", namespaces=_NAMESPACES)
_NETWORK_MEMBERS = ("component", "featureGraphMember", "linkMember")
_MEMBERS = ("cityObjectMember", "featureMember", "member", "appearanceMember", "versionMember", "versionTransitionMember")
_STREAMED = frozenset({*_MEMBERS, *_NETWORK_MEMBERS, "Triangle"})
_TAGS = tuple(f"{{*}}{name}" for name in ("CityModel", "FeatureCollection", "TINRelief", "Triangle", *_MEMBERS, *_NETWORK_MEMBERS))
_UTILITY = "/ade/utility"


@dataclass(slots=True)
class Member:
    """An object of the model, and by which property the model has it."""

    role: str
    element: Element
    """None once the next is asked for: one that somebody holds is moved out of the document node by node, not freed."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the first member: the envelope of the model."""

    envelope: Element | None


def members(stream: IO[bytes]) -> Iterator[Head | Member]:
    """Yield the head, then every member in order of the document; an element is good until the next one is asked for.

    Components, graphs and links of a utility network (ADE) are members of their own. RejectedError ``xml-dtd-forbidden`` for any
    DOCTYPE, ``citygml-invalid`` where the XML breaks off or is none.
    """
    try:
        yield from _members(stream)
    except etree.XMLSyntaxError as error:
        raise invalid(str(error)[:300], str(error)[:300]) from error


def _members(stream: IO[bytes]) -> Iterator[Head | Member]:
    events = etree.iterparse(stream, ("start", "end"), tag=_TAGS, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root: Element | None = None
    head_told = in_tin = False
    for event, element in events:
        name = local_name(element)
        if event == "start":
            if root is None:
                root = element
                _refuse_dtd(element)
            in_tin = in_tin or name == "TINRelief"
            continue
        if name == "TINRelief":
            in_tin = False
        elif name == "Triangle":
            if in_tin:
                _forget(element)
        elif _is_member(element, name, root):
            if not head_told:
                head_told = True
                yield Head(_envelope(root))
            yield from _held_by(element, name)
            _forget(element)
    if not head_told:
        yield Head(None if root is None else _envelope(root))


def _held_by(held: Element, role: str) -> Iterator[Member]:
    for child in held.iterchildren("*"):
        member = Member(role, child)
        yield member
        member.element = None


def _is_member(element: Element, name: str, root: Element) -> bool:
    parent = element.getparent()
    if name in _NETWORK_MEMBERS:
        return _UTILITY in namespace(element) and (name != "linkMember" or local_name(parent) == "NetworkGraph")
    return parent is root and name in _MEMBERS


def _refuse_dtd(root: Element) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise dtd_forbidden()


def _envelope(root: Element) -> Element | None:
    return next((e for b in root.iterchildren("{*}boundedBy") for e in b.iterchildren("{*}Envelope")), None)


def _forget(element: Element) -> None:
    """Free an element, and what is left of those before it."""
    element.clear()
    parent = element.getparent()
    while (before := element.getprevious()) is not None and (not isinstance(before.tag, str) or local_name(before) in _STREAMED):
        parent.remove(before)


def local_name(element: Element) -> str:
    """Return the name of an element without its namespace; "" for comments and instructions."""
    return _local_name(element.tag)


@lru_cache(maxsize=4096)
def _local_name(tag: object) -> str:
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def namespace(element: Element) -> str:
    """Return the namespace of an element, "" without one."""
    tag = element.tag
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag.startswith("{") else ""


def gml_id(element: Element) -> str | None:
    """Return the ``gml:id`` of an element, in GML 3.1 or 3.2."""
    return element.get(GML_ID[0]) or element.get(GML_ID[1])


def with_ids(element: Element) -> dict[str, Element | None]:
    """Return an element and all in it that have a ``gml:id``, by it; None where two have the same."""
    found: dict[str, Element | None] = {}
    for one in _WITH_ID(element):
        name = str(gml_id(one))
        found[name] = None if name in found else one
    return found


def reference(element: Element) -> str | None:
    """Return the id of the element of this document that a property names by ``xlink:href``, None when it names none here."""
    href = element.get(HREF)
    return href[1:] if href is not None and href.startswith("#") and len(href) > 1 else None


def invalid(en: str, zh: str) -> TwinError:
    """Return the error of a file that is no CityGML."""
    return rejected("citygml-invalid", f"The file is not valid CityGML: {en}.", f"文件不是有效的 CityGML：{zh}。")
