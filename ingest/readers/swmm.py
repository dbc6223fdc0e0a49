"""SWMM input files (.inp, EPA SWMM 5.2 User's Manual, appendix D): a drainage network with inverts, offsets, sections and bends.

Lengths are feet for US customary flow units, else metres; sections are in the same unit. A link begins at the invert of its node plus
its offset, which LINK_OFFSETS may say is an elevation instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from pathlib import Path

from ingest.protocol import Limits
from ingest.readers.inp import (
    FOOT_M,
    LINKS,
    NODES,
    Columns,
    Elements,
    Network,
    Sections,
    floats,
    has_sections,
    number,
    read_sections,
    scaled,
    source_text,
    texts,
    word,
)
from ingest.readers.model_sections import NamedNumbers, NamedRows, Row
from twin.errors import Text

_US_FLOW_UNITS = frozenset({"CFS", "GPM", "MGD"})
_DEFAULT_FLOW_UNIT = "CFS"
_NODE_SECTIONS = ("JUNCTIONS", "OUTFALLS", "STORAGE", "DIVIDERS")
_LINK_SECTIONS = ("CONDUITS", "PUMPS", "ORIFICES", "WEIRS", "OUTLETS")
_APPURTENANCES = {"JUNCTIONS": "检查井", "STORAGE": "水池"}
_FEATURES = {"OUTFALLS": "出水口"}
_DEPTH_AT = {"JUNCTIONS": 2, "STORAGE": 2}
"""Which word is the depth from the invert to the ground."""
_OFFSETS_AT: Mapping[str, tuple[int, int | None]] = {"CONDUITS": (5, 6), "ORIFICES": (4, None), "WEIRS": (4, None), "OUTLETS": (3, None)}
"""Which words are the offsets at both ends; those of other links than conduits are at the inlet."""
_ROUND = frozenset({"CIRCULAR", "FORCE_MAIN", "FILLED_CIRCULAR"})
_WITHOUT_SIZE = frozenset({"IRREGULAR", "STREET", "DUMMY"})
"""Sections whose first number is the name of something else, or nothing."""
_MM = 1000.0
_NOTE = Text(
    zh="SWMM：节点高程为井底标高，地面高程 = 井底标高 + 最大深度；管线高程为管内底；断面尺寸为内尺寸；河道与街道断面没有尺寸",
    en="SWMM: nodes have an invert, the ground is invert + maximum depth; links lie at their inverts; sizes are inner ones; channels and "
    "streets have none",
)


def is_swmm(content: bytes) -> bool:
    """Return whether a text is a SWMM file: it has conduits, or at least subcatchments, which EPANET does not know."""
    return has_sections(content, b"CONDUITS") or has_sections(content, b"SUBCATCHMENTS", b"OUTFALLS")


def open_swmm(source: Path | bytes, limits: Limits) -> Network:
    """Return the nodes and links of a model; RejectedError ``too-many-rows``."""
    sections = read_sections(source_text(source), limits)
    model = Model(sections, FOOT_M if sections.option("FLOW_UNITS", _DEFAULT_FLOW_UNIT) in _US_FLOW_UNITS else 1.0)
    nodes, links = Elements(NODES, _NODE_SECTIONS, model.nodes), Elements(LINKS, _LINK_SECTIONS, model.links)
    return Network("SWMM", sections, nodes, links, (_NOTE, *_map_note(sections)), limits)


def _map_note(sections: Sections) -> tuple[Text, ...]:
    unit = sections.option("UNITS", "NONE", "MAP")
    if unit == "NONE":
        return ()
    return (
        Text(zh=f"底图坐标单位：{unit}（请声明同一单位的坐标系）", en=f"coordinates are said to be in {unit}: declare a CRS of that unit"),
    )


@dataclass(frozen=True)
class Model:
    """A drainage model in metres."""

    sections: Sections
    unit_m: float

    def nodes(self, rows: Sequence[Row]) -> Columns:
        """Return the columns of junctions, outfalls, storage units and dividers."""
        inverts = [self._metres(words, 1) for _, _, words in rows]
        depths = [self._depth(section, words) for section, _, words in rows]
        grounds = [None if z is None or d is None else round(z + d, 4) for z, d in zip(inverts, depths, strict=True)]
        return {
            "node_id": texts(words[0] for _, _, words in rows),
            "kind": texts("PS" for _ in rows),
            "feature": texts(_FEATURES.get(section) for section, _, _ in rows),
            "appurtenance": texts(_APPURTENANCES.get(section) for section, _, _ in rows),
            "ground_elevation_m": floats(grounds),
            "depth_m": floats(depths),
            "bottom_elevation_m": floats(inverts),
            "swmm_section": texts(section for section, _, _ in rows),
        }

    def links(self, rows: Sequence[Row]) -> Columns:
        """Return the columns of conduits, pumps, orifices, weirs and outlets."""
        sizes = [self._size(words) for words in self._sections_of([words[0] for _, _, words in rows])]
        inverts = [self._inverts.of([word(words, 1 + end) for _, _, words in rows])[:, 0].tolist() for end in (0, 1)]
        return {
            "segment_id": texts(words[0] for _, _, words in rows),
            "start_node": texts(word(words, 1) for _, _, words in rows),
            "end_node": texts(word(words, 2) for _, _, words in rows),
            "kind": texts("PS" for _ in rows),
            "outer_diameter_mm": floats(size.diameter_mm for size in sizes),
            "width_mm": floats(size.width_mm for size in sizes),
            "section_height_mm": floats(size.height_mm for size in sizes),
            "start_elevation_m": floats(self._elevation(row, 0, invert) for row, invert in zip(rows, inverts[0], strict=True)),
            "end_elevation_m": floats(self._elevation(row, 1, invert) for row, invert in zip(rows, inverts[1], strict=True)),
            "z_reference": texts("invert" for _ in rows),
            "swmm_section": texts(section for section, _, _ in rows),
            "swmm_shape": texts(size.shape for size in sizes),
            "swmm_length_m": floats(self._metres(words, 3) if section == "CONDUITS" else None for section, _, words in rows),
            "swmm_roughness": floats(number(words, 4) if section == "CONDUITS" else None for section, _, words in rows),
            "swmm_barrels": floats(size.barrels for size in sizes),
        }

    def _metres(self, words: Sequence[str], index: int) -> float | None:
        return scaled(number(words, index), self.unit_m)

    def _depth(self, section: str, words: Sequence[str]) -> float | None:
        """Return the depth of a node; 0 means that the file leaves it to the highest pipe."""
        depth = self._metres(words, _DEPTH_AT[section]) if section in _DEPTH_AT else None
        return depth or None

    @cached_property
    def _inverts(self) -> NamedNumbers:
        inverts = ((words[0], (self._metres(words, 1),)) for _, _, words in self.sections.rows(_NODE_SECTIONS))
        return NamedNumbers(inverts, 1, beside=self.sections.places)

    @cached_property
    def _named_sections(self) -> NamedRows:
        return NamedRows(words[0] for _, _, words in self.sections.rows(("XSECTIONS",)))

    def _sections_of(self, links: Sequence[str]) -> list[Sequence[str]]:
        """Return the line of the section of each link; nothing for one that has none."""
        rows = self.sections.rows(("XSECTIONS",))
        return [words for _, _, words in rows.at(self._named_sections.places(links).tolist())]

    @cached_property
    def _offsets_are_elevations(self) -> bool:
        return self.sections.option("LINK_OFFSETS", "DEPTH") == "ELEVATION"

    def _elevation(self, row: Row, end: int, node_m: float) -> float | None:
        """Return the invert of one end of a link (0 inlet, 1 outlet) at a node whose own is ``node_m``, NaN for none."""
        section, _, words = row
        invert = None if isnan(node_m) else node_m
        at = _OFFSETS_AT.get(section, (None, None))[end]
        offset = None if at is None else self._metres(words, at)  # "*" stands for none
        if offset is None or invert is None:
            return invert
        return offset if self._offsets_are_elevations else round(invert + offset, 4)

    def _size(self, words: Sequence[str]) -> Size:
        """Return what the line of a section says: a diameter where it is round, else its greatest height and width."""
        shape = (word(words, 1) or "").upper() or None
        barrels = number(words, 6)
        height, width = (scaled(number(words, k), self.unit_m * _MM) or None for k in (2, 3))
        if shape is None or shape in _WITHOUT_SIZE:
            return Size(shape, None, None, None, barrels)
        if shape in _ROUND:
            return Size(shape, height, None, None, barrels)
        return Size(shape, None, width if height else None, height if width else None, barrels)


@dataclass(frozen=True, slots=True)
class Size:
    """A cross section; height and width come together or not at all."""

    shape: str | None
    diameter_mm: float | None
    width_mm: float | None
    height_mm: float | None
    barrels: float | None
