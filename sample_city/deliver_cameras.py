"""Delivers the cameras: 摄像头.geojson, in longitude and latitude with 1985 heights."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import TextIO

from pyproj import Transformer

from sample_city.cameras import Camera, cameras
from sample_city.city import STORAGE_CRS, City
from sample_city.handover import HandOver
from sample_city.manifest import Fault, Severity

FILE_NAME, LAYER = "摄像头.geojson", "摄像头"
_BAD_AZIMUTH, _BAD_KIND, _NO_ID = 7, 12, 17
"""Which rows are faulty, from 1."""
_DEGREE_DECIMALS = 8


def deliver_cameras(city: City, handover: HandOver) -> None:
    """Write one feature a line."""
    to_degrees = Transformer.from_crs(STORAGE_CRS, "EPSG:4490", always_xy=True)

    def fault(row: int, camera: Camera, rule: str, severity: Severity, note: str) -> None:
        handover.faults.append(Fault(FILE_NAME, LAYER, row, camera.camera_id, rule, severity, note))

    def rows() -> Iterator[Camera]:
        for row, sound in enumerate(cameras(city.grid, city.blocks()), start=1):
            camera = sound
            if row == _BAD_AZIMUTH:
                camera = dataclasses.replace(sound, azimuth_deg=-45.0)
                fault(row, camera, "range", "error", "方位角为负 / negative azimuth")
            elif row == _BAD_KIND:
                camera = dataclasses.replace(sound, kind="千里眼")
                fault(row, camera, "code", "warning", "摄像机类型不在代码表中 / unknown kind of camera")
            elif row == _NO_ID:
                camera = dataclasses.replace(sound, camera_id="")
                fault(row, camera, "required", "error", "缺设备编号 / no camera id")
            yield camera

    with (city.folder / FILE_NAME).open("w", encoding="utf-8") as file:
        count = _write(file, rows(), to_degrees)
    handover.wrote(
        FILE_NAME, LAYER, "camera", count, "经纬度，高程为1985国家高程基准 / degrees with 1985 heights", crs="OGC:CRS84", crs_in_file=False
    )


def _write(file: TextIO, rows: Iterator[Camera], to_degrees: Transformer) -> int:
    count = 0
    file.write('{"type": "FeatureCollection", "features": [\n')
    for count, camera in enumerate(rows, start=1):
        file.write(",\n" if count > 1 else "")
        file.write(json.dumps(_feature(camera, to_degrees), ensure_ascii=False))
    file.write("\n]}\n")
    return count


def _feature(c: Camera, to_degrees: Transformer) -> dict[str, object]:
    longitude, latitude = to_degrees.transform(c.e, c.n)
    coordinates = [round(longitude, _DEGREE_DECIMALS), round(latitude, _DEGREE_DECIMALS), c.height_m]
    properties = {
        "设备编号": c.camera_id or None,
        "名称": c.name,
        "摄像机类型": c.kind,
        "方位角": c.azimuth_deg,
        "俯角": c.tilt_deg,
        "水平视场角": c.fov_deg,
        "有效距离": c.range_m,
        "架设高度": c.mount_height_m,
        "设备状态": c.state,
        "主管部门": c.department,
        "安装日期": c.installed_on.isoformat(),
    }
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Point", "coordinates": coordinates}}
