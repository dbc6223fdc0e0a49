"""XML that callers send, parsed behind walls: no DTD, no entities, nothing fetched, bounded in size and depth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from lxml import etree
from lxml.etree import _Element as Element

from ogc.ows import OwsError

__all__ = ["Element", "children", "local_name", "parse_xml", "text_of"]

MOST_BYTES = 256 << 10
MOST_ELEMENTS = 5_000
MOST_DEPTH = 60


def parse_xml(content: bytes, locator: str) -> Element:
    """Return the root of a document; OwsError OperationParsingFailed for what is not well-formed, too large or has a DTD."""
    if len(content) > MOST_BYTES:
        raise OwsError("OperationParsingFailed", locator, f"the XML is at most {MOST_BYTES >> 10} kB", f"XML 不超过 {MOST_BYTES >> 10} kB")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        raise OwsError("OperationParsingFailed", locator, "the XML is not well-formed", "XML 格式有误") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise OwsError("OperationParsingFailed", locator, "the XML has a DTD, which is not taken", "不接受含 DTD 的 XML")
    if sum(1 for _ in islice(root.iter(), MOST_ELEMENTS + 1)) > MOST_ELEMENTS:
        raise OwsError(
            "OperationParsingFailed", locator, f"the XML has more than {MOST_ELEMENTS} elements", f"XML 的元素超过 {MOST_ELEMENTS} 个"
        )
    if _depth(root) > MOST_DEPTH:
        raise OwsError("OperationParsingFailed", locator, f"the XML is deeper than {MOST_DEPTH} levels", f"XML 嵌套超过 {MOST_DEPTH} 层")
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Element) -> Iterator[Element]:
    """Yield the child elements (entities that were not resolved are none)."""
    return (child for child in element if isinstance(child.tag, str))


def text_of(element: Element) -> str:
    """Return the text directly in an element."""
    return element.text or ""


def _depth(root: Element) -> int:
    deepest, level = 0, 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        level += 1 if event == "start" else -1
        deepest = max(deepest, level)
    return deepest
