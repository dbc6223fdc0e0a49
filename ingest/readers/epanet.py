"""EPANET input files (.inp, EPANET 2.2 User Manual, appendix C): a water network's nodes and links with their coordinates and bends.

Elevations and diameters come in the units of the flow unit: feet and inches for US customary ones, metres and millimetres else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ingest.protocol import Limits
from ingest.readers.inp import (
    FOOT_M,
    INCH_MM,
    LINKS,
    NODES,
    Columns,
    Elements,
    Network,
    Sections,
    floats,
    given,
    has_sections,
    number,
    read_sections,
    scaled,
    source_text,
    texts,
    word,
)
from ingest.readers.model_sections import NamedNumbers, Row
from twin.errors import Text

_US_FLOW_UNITS = frozenset({"CFS", "GPM", "MGD", "IMGD", "AFD"})
_DEFAULT_FLOW_UNIT = "GPM"
_NODE_SECTIONS = ("JUNCTIONS", "RESERVOIRS", "TANKS")
_LINK_SECTIONS = ("PIPES", "PUMPS", "VALVES")
_APPURTENANCES = {"TANKS": "水池", "RESERVOIRS": "水源"}
_DIAMETER_AT = {"PIPES": 4, "VALVES": 3}
"""Which word is the diameter: a pipe's follows its length, a valve's its ends; a pump has none."""
_NOTE = Text(
    zh="EPANET：每个节点只有一个高程，管线按节点高程绘制；管径为内径；水库的高程为水头",
    en="EPANET gives one elevation a node, at which pipes are drawn; diameters are inner ones; the elevation of a reservoir is its head",
)


def is_epanet(content: bytes) -> bool:
    """Return whether a text is an EPANET file: it has junctions and pipes (SWMM's files of the same name have conduits)."""
    return has_sections(content, b"JUNCTIONS", b"PIPES") and not has_sections(content, b"CONDUITS")


def open_epanet(source: Path | bytes, limits: Limits) -> Network:
    """Return the nodes and links of a network; RejectedError ``too-many-rows``."""
    model = read_sections(source_text(source), limits)
    described = _Model(model, *units(model))
    nodes, links = Elements(NODES, _NODE_SECTIONS, described.nodes), Elements(LINKS, _LINK_SECTIONS, described.links)
    return Network("EPANET", model, nodes, links, (_NOTE,), limits)


def units(model: Sections) -> tuple[float, float]:
    """Return metres per unit of elevation and millimetres per unit of diameter."""
    is_us = model.option("UNITS", _DEFAULT_FLOW_UNIT) in _US_FLOW_UNITS
    return (FOOT_M, INCH_MM) if is_us else (1.0, 1.0)


@dataclass(frozen=True)
class _Model:
    sections: Sections
    elevation_m: float
    diameter_mm: float

    def nodes(self, rows: Sequence[Row]) -> Columns:
        """Return the columns of junctions, reservoirs and tanks."""
        return {
            "node_id": texts(words[0] for _, _, words in rows),
            "kind": texts("JS" for _ in rows),
            "appurtenance": texts(_APPURTENANCES.get(section) for section, _, _ in rows),
            "ground_elevation_m": floats(scaled(number(words, 1), self.elevation_m) for _, _, words in rows),
            "epanet_section": texts(section for section, _, _ in rows),
        }

    def links(self, rows: Sequence[Row]) -> Columns:
        """Return the columns of pipes, pumps and valves."""
        ends = [(word(words, 1), word(words, 2)) for _, _, words in rows]
        diameters = [scaled(number(words, _DIAMETER_AT.get(section, len(words))), self.diameter_mm) for section, _, words in rows]
        return {
            "segment_id": texts(words[0] for _, _, words in rows),
            "start_node": texts(start for start, _ in ends),
            "end_node": texts(end for _, end in ends),
            "kind": texts("JS" for _ in rows),
            "outer_diameter_mm": floats(diameters),
            "start_elevation_m": given(self._elevations.of([start for start, _ in ends])),
            "end_elevation_m": given(self._elevations.of([end for _, end in ends])),
            "z_reference": texts("axis" for _ in rows),
            "epanet_section": texts(section for section, _, _ in rows),
            "epanet_status": texts(word(words, 7) if section == "PIPES" else None for section, _, words in rows),
        }

    @cached_property
    def _elevations(self) -> NamedNumbers:
        rows = self.sections.rows(_NODE_SECTIONS)
        levels = ((words[0], (scaled(number(words, 1), self.elevation_m),)) for _, _, words in rows)
        return NamedNumbers(levels, 1, beside=self.sections.places)
