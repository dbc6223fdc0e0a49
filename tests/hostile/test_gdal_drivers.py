"""Of every GDAL that a process has loaded (rasterio's, pyogrio's, the system's) only the named drivers are left."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from ingest.gdal_policy import ALLOWED_DRIVERS

REPOSITORY = Path(__file__).parents[2]

SCRIPT = """
    import ctypes, ctypes.util, json, os, sys
    sys.path.append(sys.argv[1])
    import pyogrio, rasterio
    from ingest import gdal_policy
    system = ctypes.util.find_library("gdal")
    if system:
        ctypes.CDLL(system).GDALAllRegister()
    gdals = gdal_policy.loaded_gdals()
    before = [gdal.GDALGetDriverCount() for gdal in gdals]
    gdal_policy.allow_only()
    left = [[gdal.GDALGetDriverShortName(gdal.GDALGetDriver(i)).decode() for i in range(gdal.GDALGetDriverCount())] for gdal in gdals]
    refused = []
    for opens in (lambda: rasterio.open(sys.argv[2]), lambda: pyogrio.read_info(sys.argv[2])):
        try:
            opens()
        except Exception as error:
            refused.append(type(error).__name__)
    print(json.dumps({"system": bool(system), "before": before, "left": left, "refused": refused}))
"""


def test_every_gdal_that_is_loaded_has_the_named_drivers_only(tmp_path: Path) -> None:
    virtual = tmp_path / "a.tif"
    virtual.write_text('<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1"/></VRTDataset>')
    command = [sys.executable, "-B", "-c", textwrap.dedent(SCRIPT), str(REPOSITORY), str(virtual)]
    run = subprocess.run(command, capture_output=True, check=False, cwd="/", timeout=60)
    assert run.returncode == 0, run.stderr.decode()
    answer = json.loads(run.stdout)
    assert len(answer["left"]) == 2 + answer["system"]
    assert min(sorted(answer["before"])[-2:]) > len(ALLOWED_DRIVERS)  # the wheels register all they have when they are imported
    for drivers in answer["left"]:
        assert set(drivers) <= ALLOWED_DRIVERS
    assert len(answer["refused"]) == 2
