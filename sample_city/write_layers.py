"""Writes GeoPackages of one or more layers, EPSG:4549, as a stream: any length in little memory, equal rows to equal bytes.

A delivery names its layers and adds rows as they come::

    ROADS = Layer("道路", "LineString", {"道路编号": TEXT, "红线宽度": NUMBER, "车道数": INTEGER})
    with GeoPackage(folder / "基础地理.gpkg", ROADS, WATER) as package:
        package.add(ROADS, shape, "R000001", 36.0, 6)
        ...
    handover.wrote("基础地理.gpkg", ROADS.name, "road", package.rows(ROADS))

Rows of different layers may come in any order. The n-th row of a layer gets feature id n, which is the ``row`` of a ``Fault``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray

from sample_city.city import STORAGE_CRS

TEXT, INTEGER, NUMBER, DATE = "text", "integer", "number", "date"
Value = str | int | float | dt.date | None
_LAST_CHANGE = "2026-01-01T00:00:00.000Z"
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: its name, its OGR geometry type (as "Polygon", "Point Z") and the type of every column."""

    name: str
    geometry_type: str
    columns: Mapping[str, str]

    def __hash__(self) -> int:
        return hash(self.name)


class GeoPackage:
    """A GeoPackage being written; used as a context manager. An earlier file is replaced."""

    def __init__(self, path: Path, *layers: Layer) -> None:
        self._path = path
        self._shapes: dict[Layer, list[shapely.Geometry]] = {layer: [] for layer in layers}
        self._values: dict[Layer, list[tuple[Value, ...]]] = {layer: [] for layer in layers}
        self._written = dict.fromkeys(layers, 0)
        path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            for layer in self._written:
                if self._shapes[layer] or not self._written[layer]:
                    self._flush(layer)

    def add(self, layer: Layer, shape: shapely.Geometry, *values: Value) -> None:
        """Append a row; ``values`` are those of the layer's columns in their order, None is NULL."""
        if len(values) != len(layer.columns):
            raise ValueError(f"{layer.name}: {len(values)} values for {len(layer.columns)} columns")
        self._shapes[layer].append(shape)
        self._values[layer].append(values)
        if len(self._shapes[layer]) >= _BATCH:
            self._flush(layer)

    def rows(self, layer: Layer) -> int:
        """Return how many rows a layer has so far."""
        return self._written[layer] + len(self._shapes[layer])

    def _flush(self, layer: Layer) -> None:
        shapes, rows = self._shapes[layer], self._values[layer]
        columns = [_column(kind, [row[k] for row in rows]) for k, kind in enumerate(layer.columns.values())]
        with _fixed_change_time():
            pyogrio.raw.write(
                self._path,
                shapely.to_wkb(np.array(shapes, dtype=object), output_dimension=3 if layer.geometry_type.endswith("Z") else 2),
                [values for values, _ in columns],
                list(layer.columns),
                field_mask=[missing for _, missing in columns],
                layer=layer.name,
                driver="GPKG",
                geometry_type=layer.geometry_type,
                crs=STORAGE_CRS,
                append=self._written[layer] > 0,
            )
        self._written[layer] += len(shapes)
        self._shapes[layer], self._values[layer] = [], []


def _column(kind: str, values: list[Value]) -> tuple[np.ndarray, NDArray[np.bool_] | None]:
    """Return the values as OGR takes them, and which are missing where the type has no value for that."""
    if kind == TEXT:
        return np.array(values, dtype=object), None
    if kind == DATE:
        return np.array(values, dtype="datetime64[D]"), None
    missing = np.array([v is None for v in values], dtype=bool)
    present = [0 if v is None else v for v in values]
    return np.array(present, dtype=np.int32 if kind == INTEGER else np.float64), missing


@contextmanager
def _fixed_change_time() -> Generator[None]:
    """GDAL stamps a GeoPackage with the time of writing; equal seeds shall give equal bytes."""
    option = "OGR_CURRENT_DATE"
    before = pyogrio.get_gdal_config_option(option)
    pyogrio.set_gdal_config_options({option: _LAST_CHANGE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({option: before})
