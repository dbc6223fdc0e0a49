"""GDAL as a reader of what we serve: that of pyogrio's wheel, and where it is installed Debian's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

_READ = """
import json, sys
import pyogrio, shapely
source, layer, options = sys.argv[1], sys.argv[2] or None, json.loads(sys.argv[3])
options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
meta, _, wkb, fields = pyogrio.raw.read(source, layer=layer, **options)
columns = {name: [None if v is None or v != v else str(v) if column.dtype.kind == "M" else v for v in column.tolist()]
           for name, column in zip(meta["fields"], fields)}
geometry = [] if wkb is None else [None if g is None else shapely.to_wkt(g, rounding_precision=-1) for g in shapely.from_wkb(wkb)]
print(json.dumps({"crs": meta["crs"], "geometry": geometry, "columns": columns}, default=str))
"""


def read(source: str, layer: str = "", **options: object) -> dict[str, Any]:
    """Read a layer with pyogrio's GDAL: its CRS, geometries as WKT, and columns; ``options`` are pyogrio's and the driver's open options.

    In a process of its own: GDAL keeps the interpreter locked while it waits for a server in this one.
    """
    command = [sys.executable, "-c", _READ, source, layer, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def debian(program: str, *arguments: object) -> str:
    """Run a program of Debian's GDAL and return what it says; skips the test where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} of Debian's gdal-bin is not here")
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout
