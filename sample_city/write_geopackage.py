"""Writes the building survey as a GeoPackage with Chinese layer and column names."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from sample_city.buildings import Building

FILE_NAME, LAYER = "建筑物.gpkg", "建筑物"
_LAST_CHANGE = "2026-01-01T00:00:00.000Z"
_COLUMNS = ("建筑编号", "名称", "建筑用途", "地上层数", "地下层数", "建筑高度", "基底高程", "建成年份", "结构", "地址")


def write_buildings(folder: Path, batches: Iterator[list[Building]]) -> None:
    """Write all batches into one layer, EPSG:4549; missing heights are NULL. One batch is in memory at a time."""
    path = folder / FILE_NAME
    path.unlink(missing_ok=True)
    with _fixed_change_time():
        for number, batch in enumerate(batches):
            columns = [
                _strings(b.building_id for b in batch),
                _strings(b.name for b in batch),
                _strings(b.usage for b in batch),
                np.array([b.floors_above for b in batch], dtype=np.int32),
                np.array([b.floors_below for b in batch], dtype=np.int32),
                _numbers(b.height_m for b in batch),
                _numbers(b.base_height_m for b in batch),
                np.array([b.year_built for b in batch], dtype=np.int32),
                _strings(b.structure for b in batch),
                _strings(b.address for b in batch),
            ]
            pyogrio.raw.write(
                path,
                shapely.to_wkb(np.array([b.footprint for b in batch], dtype=object)),
                columns,
                list(_COLUMNS),
                field_mask=[np.isnan(c) if c.dtype.kind == "f" else None for c in columns],
                layer=LAYER,
                driver="GPKG",
                geometry_type="Polygon",
                crs="EPSG:4549",
                append=number > 0,
            )


def _strings(values: Iterable[str]) -> np.ndarray:
    return np.array(list(values), dtype=object)


def _numbers(values: Iterable[float | None]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


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
