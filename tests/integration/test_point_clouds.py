"""Laser scans: what is said of a real cloud is what laspy and pyproj say of it, and a file that claims too much is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray

from ingest.protocol import Limits, PartRequest, PointCloudHeader, ReadRequest
from tests.opened_city import get, load, opened_city, request
from tests.reading import inspect_file, read_file
from tiles.checker.gltf_file import GltfFile
from tiles.checker.problem import Problems
from twin.errors import TwinError, UnsupportedMediaError
from twin.featuretypes.loader import load_feature_types
from twin.model import Principal
from twin.server.assets import build_missing
from twin.server.city import City
from twin.server.scene import scene_document

FT_M, US_FT_M = 0.3048, 1200 / 3937
CELL_M = 10.0
COUNT_AT, COUNT_14_AT, RECORDS_AT, POINTS_AT = 107, 247, 100, 96


def described(path: Path, srid: int, crs: str | None = None, limits: Limits | None = None) -> PointCloudHeader:
    """Return what the sandbox says of a point cloud."""
    part = PartRequest(None, load_feature_types()["point_cloud"], "clouds")
    header, *_ = read_file(ReadRequest(path, (part,), srid, crs=crs, limits=limits or Limits()))
    assert isinstance(header, PointCloudHeader)
    return header


def placed(path: Path, source: str | int, srid: int) -> NDArray[np.float64]:
    """Return the points of a file, (n, 3), in the CRS ``srid``; heights as they stand in the file."""
    las = laspy.read(path)
    transformer = pyproj.Transformer.from_crs(source, srid, always_xy=True)
    return np.column_stack([*transformer.transform(np.array(las.x), np.array(las.y)), np.array(las.z)])


@pytest.mark.parametrize(
    ("name", "declared", "source", "srid", "unit_m", "day"),
    [
        ("Megaplot.laz", None, 26917, 26917, 1.0, None),
        ("Topography.laz", None, 2949, 2949, 1.0, dt.date(2017, 12, 31)),
        ("autzen_trim.laz", None, 2994, 3740, FT_M, dt.date(2015, 9, 10)),
        ("test1_4.las", None, 2903, 3743, US_FT_M, dt.date(2014, 12, 10)),
        ("epsg_4326.las", None, 4326, 32615, 1.0, None),
        ("simple.las", "EPSG:2994", 2994, 3740, FT_M, None),
        ("warsaw_small.las", "EPSG:2180", 2180, 2180, 1.0, dt.date(2025, 11, 11)),
    ],
)
def test_a_real_cloud_is_described_as_laspy_and_pyproj_have_it(
    real_data: Path, name: str, declared: str | None, source: int, srid: int, unit_m: float, day: dt.date | None
) -> None:
    path = real_data / "pointcloud" / name
    points = placed(path, source, srid)
    got = described(path, srid, declared)
    assert (got.points, got.acquired_on, got.format) == (len(points), day, path.suffix[1:].upper())
    assert (got.minimum_m, got.maximum_m) == pytest.approx((points[:, 2].min() * unit_m, points[:, 2].max() * unit_m), abs=1e-6)
    footprint = shapely.from_wkb(got.footprint)
    assert (footprint.geom_type, footprint.is_valid, shapely.get_srid(footprint)) == ("MultiPolygon", True, srid)
    assert shapely.contains_xy(footprint.buffer(0.01), points[:, :2]).all()
    cells = np.unique(np.floor(points[:, :2] / CELL_M), axis=0)
    assert footprint.area == pytest.approx(CELL_M**2 * len(cells), rel=0.01)
    assert got.density_m2 == pytest.approx(len(points) / footprint.area)


@pytest.mark.parametrize(
    ("name", "code"), [("simple.las", "crs-undeclared"), ("warsaw_small.las", "crs-undeclared"), ("lone-star.copc.laz", "crs-unfit")]
)
def test_a_cloud_that_does_not_say_where_it_lies_is_refused(real_data: Path, name: str, code: str) -> None:
    with pytest.raises(TwinError) as refused:
        described(real_data / "pointcloud" / name, 3740)
    assert refused.value.code == code


def test_a_cloud_beyond_the_city_is_refused(real_data: Path) -> None:
    with pytest.raises(TwinError) as refused:
        described(real_data / "pointcloud/Topography.laz", 26917)
    assert refused.value.code in ("area-of-use", "crs-no-operation")


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def claiming(at: int, layout: str, value: int):
    """Return what overwrites a number of a header."""

    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        struct.pack_into(layout, changed, at, value)
        return bytes(changed)

    return change


@pytest.mark.parametrize(
    ("name", "change", "codes"),
    [
        ("test1_4.las", half, {"point-cloud-truncated"}),
        ("test1_4.las", lambda content: content[:300], {"point-cloud-truncated"}),
        ("test1_4.las", lambda content: content[:80], {"point-cloud-truncated"}),
        ("test1_4.las", claiming(COUNT_14_AT, "<Q", 10**19), {"point-cloud-truncated"}),
        ("simple.las", claiming(RECORDS_AT, "<I", 2**32 - 1), {"point-cloud-truncated"}),
        ("simple.las", claiming(POINTS_AT, "<I", 2**32 - 1), {"point-cloud-truncated"}),
        ("Topography.laz", half, {"unreadable", "parser-crash"}),
        ("Topography.laz", claiming(COUNT_AT, "<I", 10**7), {"compression-ratio"}),
        ("Topography.laz", claiming(COUNT_AT, "<I", 2**32 - 1), {"point-cloud-too-large"}),
        ("Topography.laz", claiming(COUNT_AT, "<I", 80_000), {"unreadable", "parser-crash", "point-cloud-truncated"}),
        ("Megaplot.laz", claiming(COUNT_AT, "<I", 0), {"point-cloud-empty"}),
    ],
)
def test_a_header_that_claims_more_than_the_file_holds_is_refused(
    real_data: Path, tmp_path: Path, name: str, change, codes: set[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(change((real_data / "pointcloud" / name).read_bytes()))
    with pytest.raises(TwinError) as refused:
        described(path, 2949, "EPSG:2949")
    assert refused.value.code in codes


def test_the_scan_of_the_sample_city_goes_in_and_its_file_is_kept(database_url: str, open_folder: Path, sample_city_folder: Path) -> None:
    path = sample_city_folder / "点云.laz"
    asked = request(path, (None, "point_cloud", "point_clouds"))
    with opened_city(database_url, open_folder / "data", 4549) as city:
        assert load(city, asked).published == 1
        assert load(city, asked).commit is None
        with city.pool.connection() as connection:
            name, day, points, lowest, highest, sha256, crs = connection.execute(
                "SELECT name, acquired_on, points, minimum_m, maximum_m, sha256, source_crs FROM city.point_cloud"
            ).fetchone()  # type: ignore[misc]
        assert city.store.get(f"pointcloud/{sha256}.laz") == path.read_bytes()
        (layer,) = scene_document(city.catalogue, Principal.anonymous(), city.frame.vertical)["layers"]
        assert build_missing(city, lambda *_: None) is None
        (built,) = city.catalogue.assets.of_current_revisions()
        tileset, refused, archive = get(
            city, *(f"/tiles/point_clouds/1/{name}" for name in ("tileset.json", "tileset.json?filter=TRUE", "export.3tz"))
        )
        drawn = np.concatenate(list(leaves(city, tileset.json()["root"])))
        for wrong in (request(path, (None, "terrain", "terrain")), request(sample_city_folder / "高程.tif", (None, "point_cloud", "more"))):
            with pytest.raises(UnsupportedMediaError):
                load(city, wrong)
    assert (refused.status_code, refused.json()["code"]) == (400, "no-filter")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as whole:
        assert sum(name.endswith(".glb") for name in whole.namelist()) == built.detail["contents"]
    las = laspy.read(path)
    assert (name, day, points, crs) == ("点云", las.header.creation_date, len(las), "EPSG:4549")
    assert (lowest, highest) == pytest.approx((np.min(las.z), np.max(las.z)))
    assert (layer["recipe"], layer["mvt"]) == ("point_cloud", None)
    assert layer["tileset"] == {"url": "tiles/point_clouds/1/tileset.json", "state": "missing"}
    assert inspect_file(path).layers[0].rows == len(las)
    assert (built.state, built.detail["points"], built.detail["clouds"]) == ("ready", len(las), 1)
    true = np.column_stack(city.frame(np.array(las.x), np.array(las.y), np.array(las.z)))
    assert len(drawn) == len(true)
    for axis in range(3):  # whatever their order: sorted alike, no coordinate is off by more than the accuracy
        assert np.abs(np.sort(drawn[:, axis]) - np.sort(true[:, axis])).max() <= float(str(built.detail["accuracy_m"])) + 0.001 < 0.01


def leaves(city: City, tile: dict[str, Any]) -> Iterator[NDArray[np.float64]]:
    """Yield the geocentric points of the tiles that are replaced by none."""
    uri = tile.get("content", {}).get("uri", "")
    (answer,) = get(city, f"/tiles/point_clouds/open/{uri.split('open/')[-1].removeprefix('../')}") if uri else (None,)
    if answer is not None and uri.endswith(".json"):
        document = answer.json()
        yield from leaves(city, document["root"])
    elif answer is not None and "children" not in tile:
        gltf = GltfFile(answer.content, Problems(uri))
        ((_, matrix),) = gltf.placements()
        stored = gltf.accessor(gltf.items("meshes")[0]["primitives"][0]["attributes"]["POSITION"], uri)
        assert stored is not None
        yield stored @ matrix[:3, :3].T + matrix[:3, 3]
    for child in tile.get("children", []):
        yield from leaves(city, child)


@pytest.mark.parametrize("name", ["Megaplot.laz", "warsaw_small.las"])
def test_a_cloud_in_an_archive_is_kept_as_if_it_had_come_alone(database_url: str, open_folder: Path, real_data: Path, name: str) -> None:
    path, archive = real_data / "pointcloud" / name, open_folder / "扫描.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(path, f"数据/{name}")
        packed.writestr("说明.txt", "扫描成果")
    srid, crs = (26917, None) if name == "Megaplot.laz" else (2180, "EPSG:2180")
    alone, inside = described(path, srid, crs), described(archive, srid, crs)
    assert inside.unpacked_bytes == path.stat().st_size
    assert dataclasses.replace(inside, unpacked_bytes=0) == alone
    with opened_city(database_url, open_folder / "data", srid) as city:
        result = load(city, request(archive, (None, "point_cloud", "clouds"), crs=crs))
        assert (result.read, result.published) == (1, 1)
        kept = city.store.path(f"pointcloud/{hashlib.sha256(path.read_bytes()).hexdigest()}{path.suffix}")
        assert kept.read_bytes() == path.read_bytes()
