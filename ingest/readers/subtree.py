"""Implicit tiling: which contents and subtrees a tileset says are there (OGC 22-025r4 §8)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.readers.tileset_document import Json, invalid, parsed

_HEAD = struct.Struct("<4sIQQ")
_CHILDREN = {"QUADTREE": 4, "OCTREE": 8}
_MOST_LEVELS = 24
Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a tile is divided."""

    children: int
    subtree_levels: int
    levels: int
    subtrees: str
    """Template of their URIs."""


def scheme_of(implicit: Json, where: str) -> Scheme:
    """Return the division a tile declares; RejectedError ``tileset-invalid``."""
    children = _CHILDREN.get(str(implicit.get("subdivisionScheme")))
    levels, deepest = implicit.get("subtreeLevels"), implicit.get("availableLevels", implicit.get("maximumLevel"))
    subtrees = implicit.get("subtrees")
    template = subtrees.get("uri") if isinstance(subtrees, dict) else None
    sound = isinstance(levels, int) and isinstance(deepest, int) and 1 <= levels <= 10 and 0 < deepest <= _MOST_LEVELS
    if children is None or not sound or not isinstance(template, str):
        raise invalid(f"{where}/implicitTiling", "no implicit tiling", "不是有效的隐式瓦片定义")
    return Scheme(children, levels, deepest, template)  # type: ignore[arg-type]  # they are numbers here


def implicit_contents(scheme: Scheme, contents: tuple[str, ...], read: Callable[[str], bytes], where: str) -> Iterator[tuple[str, bool]]:
    """Yield the URIs of all that must be there, and whether it is a subtree (else a content).

    ``read`` gives the bytes of a URI that a subtree is or refers to.
    """
    open_subtrees = [(0, (0, 0, 0))]
    while open_subtrees:
        level, corner = open_subtrees.pop()
        uri = _filled(scheme.subtrees, level, corner)
        yield uri, True
        document, binary = _parsed(read(uri), uri)
        buffers = [binary if "uri" not in b else read(str(b["uri"])) for b in document.get("buffers", [])]
        yield from ((str(b["uri"]), True) for b in document.get("buffers", []) if "uri" in b)
        nodes = sum(scheme.children**n for n in range(scheme.subtree_levels))
        declared = document.get("contentAvailability", [])
        for template, availability in zip(contents, declared, strict=False):
            for number in np.flatnonzero(_bits(availability, nodes, document, buffers, uri)):
                yield _filled(template, *_node(int(number), scheme, level, corner)), False
        below = level + scheme.subtree_levels
        last = scheme.children**scheme.subtree_levels
        for number in np.flatnonzero(_bits(document.get("childSubtreeAvailability"), last, document, buffers, uri)):
            if below >= scheme.levels:
                raise invalid(where, "a subtree lies below the last level", "子树超出最大层级")
            open_subtrees.append((below, _corner(int(number), scheme.children, scheme.subtree_levels, corner)))


def _node(number: int, scheme: Scheme, level: int, corner: tuple[int, int, int]) -> tuple[int, tuple[int, int, int]]:
    """Return level and corner of a node of a subtree by its number, breadth first."""
    depth = 0
    while number >= scheme.children**depth:
        number -= scheme.children**depth
        depth += 1
    return level + depth, _corner(number, scheme.children, depth, corner)


def _corner(morton: int, children: int, depth: int, above: tuple[int, int, int]) -> tuple[int, int, int]:
    width = 2 if children == 4 else 3  # x and y, or z as well
    x, y, z = (sum(((morton >> (width * bit + axis)) & 1) << bit for bit in range(depth)) if axis < width else 0 for axis in range(3))
    return (above[0] << depth) + x, (above[1] << depth) + y, (above[2] << depth) + z


def _filled(template: str, level: int, corner: tuple[int, int, int]) -> str:
    for name, value in zip(("level", "x", "y", "z"), (level, *corner), strict=True):
        template = template.replace("{" + name + "}", str(value))
    return template


def _parsed(content: bytes, where: str) -> tuple[Json, bytes]:
    if len(content) < _HEAD.size or content[:4] != b"subt":
        if content.lstrip()[:1] == b"{":
            return parsed(content, where), b""
        raise invalid(where, "no subtree", "不是 subtree")
    _, version, length, binary = _HEAD.unpack_from(content)
    if version != 1 or _HEAD.size + length + binary > len(content):
        raise invalid(where, "a subtree that breaks off", "subtree 不完整")
    start = _HEAD.size + length
    return parsed(content[_HEAD.size : start], where), content[start : start + binary]


def _bits(availability: Any, count: int, document: Json, buffers: list[bytes], where: str) -> Bits:  # noqa: ANN401 - untrusted JSON
    if not isinstance(availability, Mapping):
        return np.zeros(count, np.bool_)
    if "constant" in availability:
        return np.full(count, availability["constant"] == 1)
    try:
        view = document["bufferViews"][availability.get("bitstream", availability.get("bufferView"))]
        start, length = int(view["byteOffset"]), int(view["byteLength"])
        content = buffers[view["buffer"]][start : start + length]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise invalid(where, "availability without its bits", "缺少可用性位流") from error
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[:count].astype(np.bool_)
    if len(bits) < count:
        raise invalid(where, "availability of too few bits", "可用性位流过短")
    return bits
