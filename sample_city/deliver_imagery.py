"""Delivers two images of the middle of the city a year apart, and a laser scan: 影像2025.tif, 影像2026.tif, 点云.laz."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import from_origin

from sample_city.aerial_changes import Change, after, plan_changes
from sample_city.aerial_ground import blocks_in, build_scene, window_of
from sample_city.aerial_image import Flight, render, texture_of
from sample_city.aerial_scene import PIXEL_M, Window
from sample_city.city import STORAGE_CRS, City
from sample_city.handover import HandOver
from sample_city.manifest import Fact, Value
from sample_city.point_cloud import scan
from sample_city.write_point_cloud import write_point_cloud

_TILE = 256
_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Image:
    """One file: its name, the moment it was taken (UTC) and how."""

    layer: str
    taken: dt.datetime
    flight: Flight

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.layer}.tif"


BEFORE = Image("影像2025", dt.datetime(2025, 4, 18, 2, 36, tzinfo=dt.UTC), Flight(1, (1.10, 1.09, 1.07), 0.06))
AFTER = Image("影像2026", dt.datetime(2026, 4, 11, 2, 41, tzinfo=dt.UTC), Flight(2, (1.12, 1.08, 1.04), 0.05))
POINT_CLOUD, POINT_CLOUD_LAYER = "点云.laz", "点云"


def deliver_imagery(city: City, handover: HandOver) -> None:
    """Write the images and the point cloud of the same ground; every change between the images is a fact."""
    window = window_of(city)
    blocks = blocks_in(city, window)
    ground_m = window.ground_m(city.grid.relief)
    scene = build_scene(city, window, blocks)
    changes = plan_changes(city, window, blocks)
    texture = texture_of(window.size, city.seed)
    earlier = render(scene, BEFORE.flight, texture, city.seed)
    _write(city.folder, BEFORE, window, earlier)
    _write(city.folder, AFTER, window, render(after(scene, changes, ground_m), AFTER.flight, texture, city.seed))
    for image in (BEFORE, AFTER):
        note = f"{image.taken:%Y-%m-%d} 摄，{PIXEL_M} m / taken on that day; 8-bit RGB"
        handover.wrote(image.file, image.layer, "imagery", 1, note, encoding="")
    handover.facts += [_fact(number, change) for number, change in enumerate(changes, start=1)]
    points = scan(scene, earlier, city.grid.relief)
    write_point_cloud(city.folder / POINT_CLOUD, points, BEFORE.taken.date())
    note = "LAS 1.4，地面2、植被5、建筑6 / ground 2, vegetation 5, building 6; 1985 heights"
    handover.wrote(POINT_CLOUD, POINT_CLOUD_LAYER, "point_cloud", 1, note, encoding="")
    counts: dict[str, Value] = {f"class_{number}": count for number, count in points.counts().items()}
    note = "各类点数 / points by class"
    handover.facts.append(Fact("points-by-class", POINT_CLOUD, POINT_CLOUD_LAYER, POINT_CLOUD_LAYER, note, counts))


def _write(folder: Path, image: Image, window: Window, bands: NDArray[np.uint8]) -> None:
    with rasterio.open(
        folder / image.file, "w", driver="GTiff", width=window.size, height=window.size, count=3, dtype="uint8", crs=STORAGE_CRS,
        transform=from_origin(window.west, window.north, PIXEL_M, PIXEL_M), tiled=True, blockxsize=_TILE, blockysize=_TILE,
        compress="JPEG", photometric="YCBCR", jpeg_quality=_QUALITY,
    ) as raster:  # fmt: skip
        raster.update_tags(TIFFTAG_DATETIME=f"{image.taken:%Y:%m:%d %H:%M:%S}")
        raster.write(bands)


def _fact(number: int, change: Change) -> Fact:
    ring = [float(c) for c in shapely.get_coordinates(change.ground.exterior).ravel()]
    values: dict[str, Value] = {"change": change.kind, "area_m2": round(float(change.ground.area), 3), "ring": ring}
    if change.key:
        values["feature"] = change.key
    if change.building is not None:
        values["footprint_m2"] = round(float(change.building.footprint.area), 3)
    note = "两期影像之间的变化 / changed between the two images"
    return Fact("image-change", AFTER.file, AFTER.layer, f"变化{number}", note, values)
