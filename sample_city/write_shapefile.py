"""Writes the land use plan as a zipped Shapefile in GBK, without .cpg, as older Chinese software hands it over."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from sample_city.landuse import Plot
from sample_city.write_archive import write_archive

FILE_NAME, LAYER = "用地规划.zip", "用地规划"
_LAST_UPDATE = "2026-01-01"
_BATCH = 20_000
_LANGUAGE_DRIVER_AT, _LANGUAGE_DRIVER_GBK = 29, 0x4D
_PARTS = (".shp", ".shx", ".dbf", ".prj")


def write_plots(folder: Path, plots: Iterable[Plot]) -> None:
    """Write the plots, EPSG:4549. The .dbf's language driver byte 0x4D says GBK (code page 936)."""
    with tempfile.TemporaryDirectory() as scratch:
        shape_file = Path(scratch) / f"{LAYER}.shp"
        for number, batch in enumerate(itertools.batched(plots, _BATCH)):
            _append(shape_file, batch, append=number > 0)
        _declare_gbk(shape_file.with_suffix(".dbf"))
        path = folder / FILE_NAME
        path.unlink(missing_ok=True)
        write_archive(path, [(LAYER + part, shape_file.with_suffix(part)) for part in _PARTS])


def _append(path: Path, plots: tuple[Plot, ...], *, append: bool) -> None:
    fields: dict[str, np.ndarray] = {
        "地块编号": np.array([p.plot_id for p in plots], dtype=object),
        "用地代码": np.array([p.land_use or None for p in plots], dtype=object),
        "规划状态": np.array([p.plan_state or None for p in plots], dtype=object),
        "规划名称": np.array([p.plan_name for p in plots], dtype=object),
        "容积率": _numbers(p.far for p in plots),
        "建筑密度": _numbers(p.density_pct for p in plots),
        "限高": _numbers(p.height_limit_m for p in plots),
        "绿地率": _numbers(p.green_ratio_pct for p in plots),
        "用地面积": _numbers(p.area_m2 for p in plots),
        "批准日期": np.array([p.approved_on for p in plots], dtype="datetime64[D]"),
        "启用日期": np.array([p.valid_from for p in plots], dtype="datetime64[D]"),
        "停用日期": np.array([p.valid_to for p in plots], dtype="datetime64[D]"),
    }
    creation = {} if append else {"DBF_DATE_LAST_UPDATE": _LAST_UPDATE}
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array([p.shape for p in plots], dtype=object)),
        list(fields.values()),
        list(fields),
        field_mask=[np.isnan(c) if c.dtype.kind == "f" else None for c in fields.values()],
        driver="ESRI Shapefile",
        geometry_type="Polygon",
        crs="EPSG:4549",
        encoding="CP936",
        append=append,
        layer_options=creation,
    )


def _declare_gbk(dbf: Path) -> None:
    """Set the language driver byte, which GDAL leaves 0."""
    with dbf.open("r+b") as table:
        table.seek(_LANGUAGE_DRIVER_AT)
        table.write(bytes([_LANGUAGE_DRIVER_GBK]))


def _numbers(values: Iterable[float | None]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
