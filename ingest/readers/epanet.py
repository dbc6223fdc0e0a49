"""EPANET input files (.inp, EPANET 2.2 User Manual, appendix C): a water network's nodes and links with their coordinates and bends.

Elevations and diameters come in the units of the flow unit: feet and inches for US customary ones, metres and millimetres else.
Coordinates are in whatever CRS the modeller drew in; the file never says which.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest
from ingest.readers.layers import choose_layer
from ingest.readers.source import Fault, Geometries, SourceBatch, SourceLayer
from ingest.refusals import rejected
from twin.errors import Text

NODES, LINKS = "nodes", "links"
_US_FLOW_UNITS = frozenset({"CFS", "GPM", "MGD", "IMGD", "AFD"})
_FOOT_M, _INCH_MM = 0.3048, 25.4
_NODE_SECTIONS = ("JUNCTIONS", "RESERVOIRS", "TANKS")
_LINK_SECTIONS = ("PIPES", "PUMPS", "VALVES")
_NOTE = Text(
    zh="EPANET：每个节点只有一个高程，管线按节点高程绘制；管径为内径；水库的高程为水头",
    en="EPANET gives one elevation a node, at which pipes are drawn; diameters are inner ones; the elevation of a reservoir is its head",
)

Rows = list[tuple[int, list[str]]]
"""Line numbers with the words of the line."""


@dataclass(frozen=True, slots=True)
class Network:
    """The sections of a file that say where things are; rows are numbered by line."""

    sections: Mapping[str, Rows]
    elevation_m: float
    """Metres per unit of elevation."""
    diameter_mm: float
    """Millimetres per unit of diameter."""
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    bends: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    def rows(self, names: Sequence[str]) -> list[tuple[str, int, list[str]]]:
        """Return (section, line number, words) of the sections called ``names``."""
        return [(name, number, words) for name in names for number, words in self.sections.get(name, ())]


def is_epanet(content: bytes) -> bool:
    """Return whether a text is an EPANET file: it has junctions and pipes (SWMM's files of the same name have conduits)."""
    upper = content.upper()
    return b"[JUNCTIONS]" in upper and b"[PIPES]" in upper and b"[CONDUITS]" not in upper


_Row = tuple[str, int, list[str]]
_Make = Callable[[Network, Sequence[_Row]], SourceBatch]


class Epanet:
    """The nodes and the links of a network."""

    format = "EPANET"

    def __init__(self, path: Path, limits: Limits) -> None:
        self._limits = limits
        self._network = read_network(path.read_bytes(), limits)

    def inspect(self) -> FileInfo:
        """Return the two layers."""
        layers = ((self._nodes().source, "Point"), (self._links().source, "LineString"))
        return FileInfo(self.format, tuple(LayerInfo(s.name, kind, s.columns, None, s.rows) for s, kind in layers))

    def open(self, part: PartRequest, /) -> EpanetLayer:
        """Return the nodes for a type of points, the links for a type of lines."""
        fitting = NODES if part.feature_type.geometry_type == "Point" else LINKS
        if part.layer is not None and choose_layer(part, (NODES, LINKS)) != fitting:
            raise rejected("layer-missing", "Nodes are points, links are lines.", "nodes 为点，links 为线。")
        return self._nodes() if fitting == NODES else self._links()

    def _nodes(self) -> EpanetLayer:
        return EpanetLayer(NODES, _node_columns, self._network, _NODE_SECTIONS, self._limits)

    def _links(self) -> EpanetLayer:
        return EpanetLayer(LINKS, _link_columns, self._network, _LINK_SECTIONS, self._limits)


class EpanetLayer:
    """The rows of some sections of a network."""

    def __init__(self, name: str, make: _Make, network: Network, sections: Sequence[str], limits: Limits) -> None:
        self._make, self._network, self._limits = make, network, limits
        self._rows = network.rows(sections)
        columns = tuple(make(network, self._rows[:1]).columns)
        self.source = SourceLayer(name, columns, None, encoding="UTF-8", rows=len(self._rows), notes=(_NOTE,))

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows in the order of the file's sections, numbered by line."""
        for start in range(0, len(self._rows), self._limits.rows_per_batch):
            yield self._make(self._network, self._rows[start : start + self._limits.rows_per_batch])


def read_network(content: bytes, limits: Limits) -> Network:
    """Return what a file says; RejectedError ``too-many-rows`` beyond the limit."""
    sections: dict[str, Rows] = {}
    current: Rows = []
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        words = line.split(";", 1)[0].split()
        if not words:
            continue
        if words[0].startswith("["):
            current = sections.setdefault(words[0].strip("[]").upper(), [])
            continue
        current.append((number, words))
        if number > limits.rows:
            raise rejected("too-many-rows", f"More than {limits.rows} lines.", f"行数超过 {limits.rows}。")
    us = _flow_unit(sections) in _US_FLOW_UNITS
    bends: dict[str, list[tuple[float, float]]] = {}
    for link, place in _places(sections.get("VERTICES", [])):
        bends.setdefault(link, []).append(place)
    return Network(sections, _FOOT_M if us else 1.0, _INCH_MM if us else 1.0, dict(_places(sections.get("COORDINATES", []))), bends)


def _flow_unit(sections: Mapping[str, Rows]) -> str:
    """Return the flow unit; EPANET's own default is GPM."""
    given = [words[1].upper() for _, words in sections.get("OPTIONS", []) if len(words) > 1 and words[0].upper() == "UNITS"]
    return given[-1] if given else "GPM"


def _places(rows: Rows) -> Iterator[tuple[str, tuple[float, float]]]:
    for _, words in rows:
        x, y = _number(words, 1), _number(words, 2)
        if x is not None and y is not None:
            yield words[0], (x, y)


def _node_columns(network: Network, rows: Sequence[_Row]) -> SourceBatch:
    appurtenances = {"TANKS": "水池", "RESERVOIRS": "水源"}
    elevations = [_scaled(_number(words, 1), network.elevation_m) for _, _, words in rows]
    columns = {
        "node_id": _texts(words[0] for _, _, words in rows),
        "kind": _texts("JS" for _ in rows),
        "appurtenance": _texts(appurtenances.get(section) for section, _, _ in rows),
        "ground_elevation_m": pa.array(elevations, pa.float64()),
        "epanet_section": _texts(section for section, _, _ in rows),
    }
    places = [network.places.get(words[0]) for _, _, words in rows]
    geometry: Geometries = np.array([None if p is None else shapely.Point(p) for p in places], dtype=object)
    return SourceBatch(
        _numbers(rows), geometry, columns, _without_place([[] if p else [w[0]] for p, (_, _, w) in zip(places, rows, strict=True)])
    )


def _link_columns(network: Network, rows: Sequence[_Row]) -> SourceBatch:
    elevations = {words[0]: _scaled(_number(words, 1), network.elevation_m) for _, _, words in network.rows(_NODE_SECTIONS)}
    ends = [(_word(words, 1), _word(words, 2)) for _, _, words in rows]
    # a pipe's diameter follows its length, a valve's its ends; a pump has none
    diameters = [_scaled(_number(words, {"PIPES": 4, "VALVES": 3}.get(section, 99)), network.diameter_mm) for section, _, words in rows]
    columns = {
        "segment_id": _texts(words[0] for _, _, words in rows),
        "start_node": _texts(start for start, _ in ends),
        "end_node": _texts(end for _, end in ends),
        "kind": _texts("JS" for _ in rows),
        "outer_diameter_mm": pa.array(diameters, pa.float64()),
        "start_elevation_m": pa.array([elevations.get(start or "") for start, _ in ends], pa.float64()),
        "end_elevation_m": pa.array([elevations.get(end or "") for _, end in ends], pa.float64()),
        "z_reference": _texts("axis" for _ in rows),
        "epanet_section": _texts(section for section, _, _ in rows),
        "epanet_status": _texts(_word(words, 7) if section == "PIPES" else None for section, _, words in rows),
    }
    lost = [[name or "?" for name in pair if name not in network.places] for pair in ends]
    lines = [None if missing else _line(network, words) for missing, (_, _, words) in zip(lost, rows, strict=True)]
    return SourceBatch(_numbers(rows), np.array(lines, dtype=object), columns, _without_place(lost))


def _line(network: Network, words: list[str]) -> shapely.LineString:
    """Return a link from end to end over its bends; a bend upon the point before it is none."""
    points = [network.places[words[1]], *network.bends.get(words[0], ()), network.places[words[2]]]
    kept = [points[0], *(b for a, b in itertools.pairwise(points) if a != b)]
    return shapely.LineString(kept if len(kept) > 1 else [points[0], points[-1]])


def _without_place(lost: Sequence[Sequence[str]]) -> tuple[Fault, ...]:
    return tuple(
        Fault(i, "geometry-empty", Text(zh=f"节点 {'、'.join(names)} 没有坐标", en=f"no coordinates of node {', '.join(names)}"))
        for i, names in enumerate(lost)
        if names
    )


def _numbers(rows: Sequence[_Row]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([number for _, number, _ in rows], dtype=np.int64)


def _texts(values: Iterator[str | None]) -> pa.Array:
    return pa.array(list(values), pa.string())


def _word(words: Sequence[str], index: int) -> str | None:
    return words[index] if index < len(words) else None


def _number(words: Sequence[str], index: int) -> float | None:
    try:
        value = float(words[index])
    except (IndexError, ValueError):
        return None
    return value if np.isfinite(value) else None


def _scaled(value: float | None, unit: float) -> float | None:
    return None if value is None else round(value * unit, 4)
