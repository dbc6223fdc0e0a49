"""The pipe survey that contenders load: streets of water pipes in good order, as a GeoPackage of points and lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio.raw
import shapely

from bench.workload import SRID

POINTS, LINES = "管线点", "管线段"
_ORIGIN_E, _ORIGIN_N = 490_000.0, 3_510_000.0
_STEP_M, _STREET_M = 30.0, 60.0
_ON_A_STREET = 1000
_DEPTH_M = 1.4


def write_pipe_survey(segments: int, path: Path) -> int:
    """Write ``segments`` lines with the points between them, no fault among them; return the number of rows of both layers."""
    streets = -(-segments // _ON_A_STREET)
    points = segments + streets
    street = np.minimum(np.arange(points) // (_ON_A_STREET + 1), streets - 1)
    along = np.arange(points) - street * (_ON_A_STREET + 1)
    east, north = _ORIGIN_E + along * _STEP_M, _ORIGIN_N + street * _STREET_M
    ground = np.round(5.0 + 0.3 * np.sin(along / 40.0) + 0.2 * np.cos(street / 9.0), 3)
    number = np.array([f"JS{k:07d}" for k in range(points)], dtype=object)
    ends = (along == 0) | (np.append(street[1:] != street[:-1], True))
    first = np.flatnonzero(np.append(street[1:] == street[:-1], False))
    path.unlink(missing_ok=True)
    _write(
        path,
        POINTS,
        shapely.points(east, north, ground),
        {
            "管线点编号": number,
            "管线类型": np.full(points, "JS", dtype=object),
            "特征": np.where(ends, "起讫点", "直线点").astype(object),
            "地面高程": ground,
        },
    )
    _write(
        path,
        LINES,
        shapely.linestrings(_ends(np.column_stack([east, north, ground - _DEPTH_M]), first)),
        {
            "起点点号": number[first],
            "终点点号": number[first + 1],
            "管线类型": np.full(len(first), "JS", dtype=object),
            "材质": np.full(len(first), "球墨铸铁", dtype=object),
            "管径": np.full(len(first), 300.0),
            "埋设方式": np.full(len(first), "直埋", dtype=object),
            "起点埋深": np.full(len(first), _DEPTH_M),
            "终点埋深": np.full(len(first), _DEPTH_M),
            "起点管线高程": np.round(ground[first] - _DEPTH_M, 3),
            "终点管线高程": np.round(ground[first + 1] - _DEPTH_M, 3),
            "建设年代": np.full(len(first), 2015, dtype=np.int32),
        },
    )
    return points + len(first)


def _ends(places: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.stack([places[first], places[first + 1]], axis=1)


def _write(path: Path, layer: str, geometry: np.ndarray, fields: dict[str, np.ndarray]) -> None:
    pyogrio.raw.write(
        path, shapely.to_wkb(geometry), list(fields.values()), list(fields), layer=layer, driver="GPKG",
        geometry_type="Point Z" if layer == POINTS else "LineString Z", crs=f"EPSG:{SRID}", append=path.exists(),
    )  # fmt: skip
