"""GDAL as a reader of what we serve: that of pyogrio's wheel, and where it is installed Debian's."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest


def read(source: str, layer: str = "", config: Mapping[str, str] | None = None, **options: object) -> dict[str, Any]:
    """Read a layer with pyogrio's GDAL: its CRS, geometries as WKT, and columns; ``options`` are pyogrio's and the driver's open options.

    ``config`` are options of GDAL itself. In another process: GDAL keeps the interpreter locked while it waits for a server in this one.
    """
    return _reader().submit(_read, source, layer or None, dict(config or {}), options).result(timeout=120)


@cache
def _reader() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def _read(source: str, layer: str | None, config: dict[str, str], options: dict[str, object]) -> dict[str, Any]:
    import pyogrio.raw
    import shapely

    pyogrio.set_gdal_config_options(config)
    try:
        meta, _, wkb, fields = pyogrio.raw.read(source, layer=layer, **options)
    finally:
        pyogrio.set_gdal_config_options(dict.fromkeys(config))
    columns = {
        name: [None if v is None or v != v else str(v) if column.dtype.kind == "M" else v for v in column.tolist()]  # noqa: PLR0124 - NaN
        for name, column in zip(meta["fields"], fields, strict=True)
    }
    shapes = [] if wkb is None else [None if g is None else shapely.to_wkt(g, rounding_precision=-1) for g in shapely.from_wkb(wkb)]
    return {"crs": meta["crs"], "geometry": shapes, "columns": columns}


def read_by(
    whose: str, folder: Path, source: str, layer: str = "", config: Mapping[str, str] | None = None, **options: str
) -> dict[str, Any]:
    """Read a layer as :func:`read` does, by the ``wheel`` or by ``debian``, which copies it into ``folder`` first."""
    if whose == "wheel":
        return read(source, layer, config, **options)
    copy = folder / "copied.gpkg"
    told = [word for name, value in (config or {}).items() for word in ("--config", name, value)]
    told += [word for name, value in options.items() for word in ("-oo", f"{name}={value}")]
    debian("ogr2ogr", "-f", "GPKG", copy, source, *([layer] if layer else []), "-nln", "copied", *told)
    return read(str(copy))


def debian(program: str, *arguments: object) -> str:
    """Run a program of Debian's GDAL and return what it says; skips the test where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} of Debian's gdal-bin is not here")
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout
