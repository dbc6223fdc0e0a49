"""Images from file to picture tile: several dates in one dataset, every pixel where an independent warp puts it."""

from __future__ import annotations

import datetime as dt
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.warp import Resampling, reproject

from ingest.request import LoadRequest, PartSpec
from tests.opened_city import get, load, opened_city
from twin.errors import RejectedError
from twin.server.city import City

HALF_M = 20037508.342789244
PART = PartSpec(None, "imagery", "imagery")
NAIP = ("m_4709963_se_14_1_20090818.tif", "m_4709963_se_14_1_20200831.tif")


def asked(path: Path, mode: str = "delta", crs: str | None = None) -> LoadRequest:
    return LoadRequest(files=(path,), parts=(PART,), mode=mode, crs=crs)  # type: ignore[arg-type]


def picture(content: bytes) -> NDArray[np.uint8]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a WebP says no place
        with MemoryFile(content) as memory, memory.open() as image:
            values = image.read()
    return values if len(values) == 4 else np.concatenate([values, np.full((1, 256, 256), 255, np.uint8)])  # opaque


def warped(path: Path, z: int, x: int, y: int) -> NDArray[np.uint8]:
    """Return red, green and blue of a tile as GDAL's warper makes it."""
    size = 2 * HALF_M / 2**z / 256
    transform = rasterio.Affine(size, 0, -HALF_M + x * 256 * size, 0, -size, HALF_M - y * 256 * size)
    with rasterio.open(path) as source:
        target = np.zeros((3, 256, 256), np.uint8)
        for band in range(3):
            reproject(
                rasterio.band(source, band + 1), target[band], dst_transform=transform, dst_crs="EPSG:3857", resampling=Resampling.nearest
            )
    return target


def tile_at(longitude: float, latitude: float, z: int) -> tuple[int, int]:
    x = (longitude + 180) / 360 * 2**z
    y = (1 - np.arcsinh(np.tan(np.radians(latitude))) / np.pi) / 2 * 2**z
    return int(x), int(y)


def test_two_dates_stand_in_one_dataset_and_lie_where_gdal_puts_them(database_url: str, open_folder: Path, real_data: Path) -> None:
    files = [real_data / "raster-naip-change" / name for name in NAIP]
    with opened_city(database_url, open_folder / "data", 26914, (-99.4, 46.9, -98.9, 47.1)) as city:
        for path in files:
            assert load(city, asked(path)).published == 1
            assert load(city, asked(path)).commit is None
        z = 15
        x, y = tile_at(-99.155, 47.02, z)
        far = tile_at(-99.155, 47.02, 9)
        answers = get(
            city,
            f"/tiles/imagery/2/{z}/{x}/{y}.webp",
            f"/tiles/imagery/2/{z}/{x}/{y}.webp?on=2010-01-01",
            f"/tiles/imagery/1/{z}/{x}/{y}.webp",
            f"/tiles/imagery/2/{z}/0/0.webp",
            f"/tiles/imagery/2/9/{far[0]}/{far[1]}.webp",
            f"/tiles/imagery/2/{z}/{2**z}/0.webp",
            f"/tiles/imagery/9/{z}/{x}/{y}.webp",
            f"/tiles/imagery/2/{z}/{x}/{y}.webp?on=gestern",
            "/scene.json",
            "/ogc/collections/imagery/items?f=json",
        )
        tags = [a.headers["ETag"] for a in answers[:3]]
        kept = [f["properties"]["sha256"] for f in answers[9].json()["features"]]
        whole, none = get(city, f"/tiles/imagery/2/{kept[0]}.tif", f"/tiles/imagery/1/{kept[1]}.tif")
        (part,) = get(city, f"/tiles/imagery/2/{kept[0]}.tif", headers={"Range": "bytes=0-4095"})
        (held,) = get(city, f"/tiles/imagery/2/{z}/{x}/{y}.webp", headers={"If-None-Match": tags[0]})
        (other,) = get(city, f"/tiles/imagery/2/{z}/{x}/{y}.webp", headers={"If-None-Match": tags[1]})
        world = get(city, *(f"/tiles/imagery/2/{place}.webp" for place in ("0/0/0", "12/1856/2008")))
        covered = next(f["properties"]["sha256"] for f in answers[9].json()["features"] if f["properties"]["name"] == files[0].stem)
        city.store.delete(f"imagery/{covered}.tif")
        (without,) = get(city, f"/tiles/imagery/2/{z}/{x}/{y}.webp")
    assert [a.status_code for a in world] == [200, 204], "where the CRS can say nothing no image is asked for"
    assert (without.status_code, without.content) == (200, answers[0].content), "what is covered is not fetched"
    assert len(set(tags)) == 2, "the first revision and the day of its image show the same"
    assert {a.headers["Cache-Control"] for a in answers[:3]} == {"no-cache"}
    assert ([held.status_code, held.content], other.content) == ([304, b""], answers[0].content)
    assert [a.status_code for a in answers] == [200, 200, 200, 204, 200, 404, 404, 400, 200, 200]
    assert answers[3].content == b"", "nothing where no image comes near"
    assert (part.status_code, part.content, none.status_code) == (206, whole.content[:4096], 404)
    assert_cloud_optimized(whole.content, files[0])
    newest, oldest, first = (picture(a.content) for a in answers[:3])
    for drawn, path in ((newest, files[1]), (oldest, files[0]), (first, files[0])):
        expected = warped(path, z, x, y).astype(float)
        assert (drawn[3] == 255).all()
        assert agreement(drawn[:3], expected) > 0.97
        assert agreement(np.roll(drawn[:3], 3, axis=2), expected) < agreement(drawn[:3], expected) - 0.02
    layer = answers[8].json()["layers"][0]
    assert layer["raster"] == "tiles/imagery/2/{z}/{x}/{y}.webp"
    assert layer["raster_days"] == ["2009-08-18", "2020-08-31"]
    days = {f["properties"]["name"]: f["properties"]["acquired_on"] for f in answers[9].json()["features"]}
    assert days == {Path(NAIP[0]).stem: "2009-08-18", Path(NAIP[1]).stem: "2020-08-31"}


def assert_cloud_optimized(content: bytes, source: Path) -> None:
    """All headers stand before the first pixel, those of smaller pictures after that of the whole; the pixels are the source's."""
    headers, at = [], struct.unpack("<4xI", content[:8])[0]
    while at:
        headers.append(at)
        (entries,) = struct.unpack_from("<H", content, at)
        (at,) = struct.unpack_from("<I", content, at + 2 + 12 * entries)
    with MemoryFile(content) as memory, memory.open() as image, rasterio.open(source) as given:
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert len(headers) == 1 + len(image.overviews(1)) >= 3
        first = min(int(image.tags(1, ns="TIFF").get(f"BLOCK_OFFSET_{i}_0", 2**40)) for i in range(2))
        assert headers == sorted(headers)
        assert headers[-1] < first
        assert np.array_equal(image.read([1, 2, 3]), given.read([1, 2, 3]))


def agreement(drawn: NDArray[np.uint8], expected: NDArray[np.float64]) -> float:
    """Return the correlation of two pictures: WebP changes single values a little."""
    return float(np.corrcoef(drawn.ravel().astype(float), expected.ravel())[0, 1])


@pytest.mark.parametrize(
    ("name", "crs", "code"),
    [
        ("raster-rasterio/float_nan.tif", "EPSG:32618", "raster-type"),
        ("raster-rasterio/all-nodata.tif", None, "raster-empty"),
        ("raster-dem/dtm.tif", None, "raster-type"),
    ],
)
def test_what_is_no_picture_is_refused(
    database_url: str, open_folder: Path, real_data: Path, name: str, crs: str | None, code: str
) -> None:
    srid, extent = {"all-nodata": (32628, (-17.0, 14.0, -16.0, 15.0))}.get(Path(name).stem, (26918, (-77.2, 38.7, -77.0, 38.9)))
    with opened_city(database_url, open_folder / "data", srid, extent) as city:
        with pytest.raises(RejectedError) as refused:
            load(city, asked(real_data / name, crs=crs))
        assert refused.value.code == code
        assert not city.catalogue.datasets()


def test_sixteen_bits_a_palette_and_a_day_in_the_name(database_url: str, open_folder: Path) -> None:
    """Pictures written by rasterio: 16 bits are shown by the range most pixels have, a palette by its colours."""
    grid = {"driver": "GTiff", "crs": "EPSG:4549", "transform": rasterio.transform.from_origin(497_000, 3_521_000, 1, 1)}
    deep, palette = open_folder / "航片_20260301.tif", open_folder / "扫描图.tif"
    with rasterio.open(deep, "w", width=300, height=300, count=3, dtype="uint16", nodata=0, **grid) as image:
        values = np.broadcast_to(np.linspace(1000, 3000, 300).astype("uint16"), (3, 300, 300)).copy()
        values[:, 100:200, 100:200] = 0
        image.write(values)
    with rasterio.open(palette, "w", width=64, height=64, count=1, dtype="uint8", **grid) as image:
        image.write(np.full((1, 64, 64), 7, "uint8"))
        image.write_colormap(1, {7: (200, 30, 40, 255)})
    with opened_city(database_url, open_folder / "data", 4549) as city:
        load(city, asked(deep))
        load(city, asked(palette))
        x, y = tile_at(119.970, 31.8125, 17)
        shown = {stem: city_row for stem, *city_row in _rows(city)}
        around = [(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        tiles = get(city, *(f"/tiles/imagery/2/17/{i}/{j}.webp" for i, j in around))
    assert shown == {"航片_20260301": [dt.date(2026, 3, 1), 3], "扫描图": [None, 3]}
    shown_at = [at for at, t in zip(around, tiles, strict=True) if t.status_code == 200]
    pictures = [picture(t.content) for t in tiles if t.status_code == 200]
    covered = np.concatenate([p[:3, p[3] == 255] for p in pictures], axis=1)
    middle = city.to_crs84.transform([497_150.0], [3_520_850.0])
    fx, fy = (float(middle[0][0]) + 180) / 360 * 2**17, (1 - np.arcsinh(np.tan(np.radians(float(middle[1][0])))) / np.pi) / 2 * 2**17
    there = next(p for p, at in zip(pictures, shown_at, strict=True) if at == (int(fx), int(fy)))
    i, j = int(fy % 1 * 256), int(fx % 1 * 256)
    assert not there[3, i - 5 : i + 5, j - 5 : j + 5].any(), "no data is transparent"
    assert covered.min() < 10
    assert covered.max() > 245


def _rows(city: City) -> list[tuple[object, ...]]:
    with city.pool.connection() as connection:
        return connection.execute("SELECT name, acquired_on, bands FROM city.imagery_d1").fetchall()
