"""The root element of an XML file, told from its first bytes without parsing it: enough to know of which kind the file is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass

_DECLARED = re.compile(rb"^\s*<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})[\"']")
_BEFORE_ROOT = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>|\s+)*", re.DOTALL)
_BEFORE_DTD = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->|\s+)*", re.DOTALL)
_TAG = re.compile(r"<(?:([\w.-]+):)?([\w.-]+)([^>]*)", re.DOTALL)
_NAMESPACE = re.compile(r"xmlns(?::([\w.-]+))?\s*=\s*[\"']([^\"']*)[\"']")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class XmlRoot:
    """Local name and namespace of a root element, and the namespaces declared on it by prefix ("" the default)."""

    name: str
    namespace: str
    namespaces: Mapping[str, str]

    def declares(self, beginning: str) -> bool:
        """Return whether a namespace declared on the root begins with ``beginning``."""
        return any(uri.startswith(beginning) for uri in self.namespaces.values())


def has_dtd(head: bytes) -> bool:
    """Return whether a document type declaration stands before the root element: it can hold entities that grow or name files."""
    text = _decoded(head)
    before = _BEFORE_DTD.match(text)
    return text.startswith("<!DOCTYPE", before.end() if before else 0)


def root_of(head: bytes) -> XmlRoot | None:
    """Return the root element that ``head`` begins with, None when it is no XML; a tag cut off by the end of ``head`` counts."""
    text = _decoded(head)
    if not text.lstrip().startswith("<"):
        return None
    before = _BEFORE_ROOT.match(text)
    tag = _TAG.match(text, before.end() if before else 0)
    if tag is None:
        return None
    namespaces = {prefix or "": uri for prefix, uri in _NAMESPACE.findall(tag[3])}
    return XmlRoot(tag[2], namespaces.get(tag[1] or "", ""), namespaces)


def _decoded(head: bytes) -> str:
    for bom, codec in _BOMS:
        if head.startswith(bom):
            return head.removeprefix(bom).decode(codec, "replace")
    declared = _DECLARED.match(head)
    name = declared[1].decode("ascii") if declared else "utf-8"
    try:
        return head.decode(name, "replace")
    except LookupError:
        return head.decode("utf-8", "replace")
