"""The pipe surveys that contenders load: streets of water pipes or of sewers in good order, as a GeoPackage of points and lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from bench.workload import SRID

POINTS, LINES = "管线点", "管线段"
_ORIGIN_E, _ORIGIN_N = 490_000.0, 3_510_000.0
_STEP_M, _STREET_M = 30.0, 60.0
_ON_A_STREET = 1000


@dataclass(frozen=True, slots=True)
class Network:
    """What pipes a survey is of: words for kind and material, size, depth below ground, fall along a street, how far each bends aside."""

    kind: str
    material: str
    diameter_mm: float
    depth_m: float
    fall: float = 0.0
    bend_m: float = 0.0


WATER = Network("JS", "球墨铸铁", 300.0, 1.4)
SEWERS = Network("WS", "混凝土", 500.0, 2.0, fall=0.002, bend_m=1.0)
"""Open at their ends, since the kind flows by gravity and the material says how thick the wall is; each of three points."""


@dataclass(frozen=True, slots=True)
class PipeSurvey:
    """Points and the lines between them, as geometry and as columns by the names a Chinese survey gives them."""

    points: NDArray[np.object_]
    point_fields: dict[str, NDArray[np.generic]]
    lines: NDArray[np.object_]
    line_fields: dict[str, NDArray[np.generic]]

    @property
    def rows(self) -> int:
        """Return the number of rows of both."""
        return len(self.points) + len(self.lines)


def write_pipe_survey(segments: int, path: Path, network: Network = WATER) -> int:
    """Write ``segments`` lines with the points between them, no fault among them; return the number of rows of both layers."""
    survey = make_pipe_survey(segments, network)
    write_layers(survey, path)
    return survey.rows


def write_layers(survey: PipeSurvey, path: Path) -> None:
    """Write a survey as a GeoPackage of two layers."""
    path.unlink(missing_ok=True)
    _write(path, POINTS, survey.points, survey.point_fields)
    _write(path, LINES, survey.lines, survey.line_fields)


def make_pipe_survey(segments: int, network: Network = WATER) -> PipeSurvey:
    """Return ``segments`` lines with the points between them, no fault among them."""
    streets = -(-segments // _ON_A_STREET)
    points = segments + streets
    street = np.minimum(np.arange(points) // (_ON_A_STREET + 1), streets - 1)
    along = np.arange(points) - street * (_ON_A_STREET + 1)
    east, north = _ORIGIN_E + along * _STEP_M, _ORIGIN_N + street * _STREET_M
    top = 5.0 + network.fall * _STEP_M * (_ON_A_STREET - along)
    ground = np.round(top + 0.3 * np.sin(along / 40.0) + 0.2 * np.cos(street / 9.0), 3)
    depth_m = network.depth_m
    number = np.array([f"{network.kind}{k:07d}" for k in range(points)], dtype=object)
    ends = (along == 0) | (np.append(street[1:] != street[:-1], True))
    first = np.flatnonzero(np.append(street[1:] == street[:-1], False))
    return PipeSurvey(
        shapely.points(east, north, ground),
        {
            "管线点编号": number,
            "管线类型": np.full(points, network.kind, dtype=object),
            "特征": np.where(ends, "起讫点", "直线点").astype(object),
            "地面高程": ground,
        },
        shapely.linestrings(_lines(np.column_stack([east, north, ground - depth_m]), first, network.bend_m)),
        {
            "起点点号": number[first],
            "终点点号": number[first + 1],
            "管线类型": np.full(len(first), network.kind, dtype=object),
            "材质": np.full(len(first), network.material, dtype=object),
            "管径": np.full(len(first), network.diameter_mm),
            "埋设方式": np.full(len(first), "直埋", dtype=object),
            "起点埋深": np.full(len(first), depth_m),
            "终点埋深": np.full(len(first), depth_m),
            "起点管线高程": np.round(ground[first] - depth_m, 3),
            "终点管线高程": np.round(ground[first + 1] - depth_m, 3),
            "建设年代": np.full(len(first), 2015, dtype=np.int32),
        },
    )


def _lines(places: np.ndarray, first: np.ndarray, bend_m: float) -> np.ndarray:
    """Return the points (n, 2 or 3, 3) of lines to the next place, by way of a point beside their middle where they bend."""
    ends = places[first], places[first + 1]
    if not bend_m:
        return np.stack(ends, axis=1)
    return np.stack([ends[0], np.mean(ends, axis=0) + np.array([0.0, bend_m, 0.0]), ends[1]], axis=1)


def _write(path: Path, layer: str, geometry: NDArray[np.object_], fields: dict[str, NDArray[np.generic]]) -> None:
    pyogrio.raw.write(
        path, shapely.to_wkb(geometry), list(fields.values()), list(fields), layer=layer, driver="GPKG",
        geometry_type="Point Z" if layer == POINTS else "LineString Z", crs=f"EPSG:{SRID}", append=path.exists(),
    )  # fmt: skip
