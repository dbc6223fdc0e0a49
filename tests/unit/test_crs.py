"""Operations, storage CRS and source transforms against published coordinates."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pyproj
import pytest

from twin.crs import CrsError, legacy_datum, operation, parse_crs, storage_crs, to_storage
from twin.crs.operation import EQUIVALENCE_NAME

CHANGZHOU = (119.974, 31.811)
CHANGZHOU_4549 = (497538.152, 3520895.434)
LIYANG = (119.484, 31.416)
LIYANG_4549 = (450934.723, 3477212.677)


@pytest.mark.parametrize("source", ["EPSG:4490", "EPSG:4326", "OGC:CRS84", "EPSG:4979", "EPSG:4480"])
@pytest.mark.parametrize(("degrees", "grid"), [(CHANGZHOU, CHANGZHOU_4549), (LIYANG, LIYANG_4549)])
def test_geographic_sources_reach_the_grid_to_a_millimetre(source: str, degrees: tuple[float, float], grid: tuple[float, float]) -> None:
    result = to_storage(source, storage_crs(4549)).transform(*degrees)
    assert (result.x, result.y) == pytest.approx(grid, abs=0.001)
    assert result.ok


def test_grid_with_zone_prefix_is_the_same_grid() -> None:
    result = to_storage("EPSG:4528", storage_crs(4549)).transform(40_497_538.152, 3_520_895.434)
    assert (result.x, result.y) == pytest.approx(CHANGZHOU_4549, abs=1e-6)


def test_esri_wkt_of_a_chinese_shapefile_is_the_same_grid() -> None:
    wkt = (
        'PROJCS["CGCS2000_3_Degree_GK_CM_120E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
        'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
        'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
        'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",120.0],PARAMETER["Scale_Factor",1.0],'
        'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
    )
    result = to_storage(wkt, storage_crs(4549)).transform(*CHANGZHOU_4549)
    assert (result.x, result.y) == pytest.approx(CHANGZHOU_4549, abs=1e-6)


@pytest.mark.parametrize(
    ("srid", "grid", "degrees"),
    [
        # The old observatory in Bern, origin of the Swiss grid (swisstopo, Formulas and constants).
        (2056, (2_600_000.0, 1_200_000.0), (7.4386372, 46.9510828)),
        # The tower of Our Lady in Amersfoort, origin of RD New (Kadaster).
        (28992, (155_000.0, 463_000.0), (5.3872062, 52.1551744)),
    ],
)
def test_foreign_grids_agree_with_their_surveys_within_the_stated_accuracy(
    srid: int, grid: tuple[float, float], degrees: tuple[float, float]
) -> None:
    chosen = storage_crs(srid).to_crs84()
    assert chosen.accuracy_m is not None
    lon, lat = chosen.transform(*grid)
    metres = np.hypot((lon - degrees[0]) * 111_320 * np.cos(np.radians(lat)), (lat - degrees[1]) * 111_200)
    assert float(metres) < chosen.accuracy_m + 0.5  # 0.5 m: the published values round to 0.1 m and omit the epoch


def test_cgcs2000_is_wgs84_as_one_recorded_step() -> None:
    chosen = operation(parse_crs(4326), parse_crs(4549))
    assert EQUIVALENCE_NAME in chosen.name
    assert chosen.accuracy_m == pytest.approx(0.0001)
    assert operation(parse_crs(4490), parse_crs(4549)).accuracy_m == 0.0


@pytest.mark.parametrize("source", ["EPSG:2385", "EPSG:2437", "EPSG:4610", "EPSG:4214", "EPSG:4555"])
def test_old_chinese_datums_are_refused_without_parameters(source: str) -> None:
    with pytest.raises(CrsError) as caught:
        to_storage(source, storage_crs(4549))
    assert caught.value.code == "crs-parameters-needed"
    assert "参数" in caught.value.text.zh


RENAMED = {
    "D_Krasovsky_1940": (2437, {"D_Beijing_1954": "D_Krasovsky_1940", "GCS_Beijing_1954": "GCS_Krasovsky_1940"}),
    "D_User": (2385, {"D_Xian_1980": "D_User", "GCS_Xian_1980": "GCS_User", "Xian_1980_3_Degree_GK_CM_120E": "changzhou"}),
    "D_Unknown": (2385, {"D_Xian_1980": "D_Unknown", "GCS_Xian_1980": "Unknown"}),
}


@pytest.mark.parametrize("name", RENAMED)
def test_old_chinese_datums_of_another_name_are_known_by_their_ellipsoid(name: str) -> None:
    code, names = RENAMED[name]
    text = parse_crs(code).to_wkt("WKT1_ESRI")
    for old, new in names.items():
        text = text.replace(old, new)
    assert legacy_datum(parse_crs(text)) in ("Krassowsky 1940 (Beijing 1954?)", "IAG 1975 (Xian 1980?)")
    with pytest.raises(CrsError) as caught:
        to_storage(text, storage_crs(4549))
    assert caught.value.code == "crs-parameters-needed"
    assert "X-LOCAL" in caught.value.text.zh


@pytest.mark.parametrize("source", ["EPSG:4284", "EPSG:28403", "EPSG:4490", "EPSG:4326", "EPSG:4549", "EPSG:4277"])
def test_named_datums_are_none_of_the_old_chinese_ones(source: str) -> None:
    assert legacy_datum(parse_crs(source)) is None


def test_an_old_datum_with_declared_parameters_is_taken() -> None:
    local = "+proj=tmerc +lon_0=120 +x_0=500000 +ellps=IAU76 +towgs84=10,-20,30,0.1,0.2,0.3,1 +units=m +type=crs"
    chosen = to_storage(local, storage_crs(4549)).operation
    assert chosen.accuracy_m is None
    x, y = chosen.transform(*CHANGZHOU_4549)
    assert 1 < np.hypot(x - CHANGZHOU_4549[0], y - CHANGZHOU_4549[1]) < 200


def with_heights(grid: str) -> str:
    """A grid and a height datum in WKT 1, as GDAL writes them into LAS and GeoTIFF."""
    return f'COMPD_CS["survey",{grid},VERT_CS["h",VERT_DATUM["local",2005],UNIT["metre",1],AXIS["Up",UP]]]'


@pytest.mark.parametrize("written", ["WKT1_GDAL", "WKT2_2019", "PROJJSON"])
@pytest.mark.parametrize("ellipsoid", ["krass", "IAU76"])
def test_an_old_datum_with_its_own_parameters_and_heights_is_taken(ellipsoid: str, written: str) -> None:
    grid = f"+proj=tmerc +lon_0=120 +x_0=500000 +ellps={ellipsoid} +towgs84=10,-20,30,0.1,0.2,0.3,1 +units=m +type=crs"
    compound = parse_crs(with_heights(parse_crs(grid).to_wkt("WKT1_GDAL")))
    text = compound.to_json() if written == "PROJJSON" else compound.to_wkt(written)
    assert legacy_datum(parse_crs(text)) is None
    placed, alone = (to_storage(t, storage_crs(4549)).operation.transform(*CHANGZHOU_4549) for t in (text, grid))
    assert np.abs(np.subtract(placed, alone)).max() < 1e-6


@pytest.mark.parametrize("code", [2437, 2385])
def test_an_old_datum_with_heights_and_no_parameters_is_refused(code: int) -> None:
    text = with_heights(parse_crs(code).to_wkt("WKT1_GDAL"))
    assert legacy_datum(parse_crs(text)) in ("Beijing 1954", "Xian 1980")
    with pytest.raises(CrsError) as caught:
        to_storage(text, storage_crs(4549))
    assert caught.value.code == "crs-parameters-needed"


@pytest.mark.parametrize("source", ["+proj=tmerc +lon_0=120 +x_0=500000 +ellps=GRS80 +type=crs", "EPSG:28992", "EPSG:4277", "EPSG:4301"])
def test_ballpark_is_refused(source: str) -> None:
    with pytest.raises(CrsError) as caught:
        to_storage(source, storage_crs(4549))
    assert caught.value.code == "crs-no-operation"


@pytest.mark.parametrize(("source", "code"), [("EPSG:4978", "crs-unfit"), ("EPSG:5737", "crs-unfit"), ("EPSG:1", "crs-unknown")])
def test_systems_that_are_no_map_are_refused(source: str, code: str) -> None:
    with pytest.raises(CrsError) as caught:
        to_storage(source, storage_crs(4549))
    assert caught.value.code == code


def test_heights_are_named_and_brought_to_metres() -> None:
    compound = to_storage("EPSG:7415", storage_crs(28992))
    assert (compound.height_kind, compound.height_unit_m) == ("gravity", 1.0)
    assert to_storage("EPSG:4979", storage_crs(4549)).height_kind == "ellipsoidal"
    assert to_storage("EPSG:4490", storage_crs(4549)).height_kind == "unstated"
    feet = to_storage("EPSG:4269+6360", storage_crs(26913))
    assert feet.height_unit_m == pytest.approx(1200 / 3937)
    result = feet.transform(-105.2, 40.0, 100.0)
    assert result.z == pytest.approx(30.48, abs=0.001)


def test_unreachable_and_foreign_rows_are_flagged_not_passed() -> None:
    way = to_storage("EPSG:4326", storage_crs(4549))
    lon = np.array([119.974, 31.811, 119.974, np.nan, np.inf, 116.4, 200.0])
    lat = np.array([31.811, 119.974, 91.0, 31.0, 31.0, 39.9, 0.0])
    result = way.transform(lon, lat)
    assert result.ok.tolist() == [True, False, False, False, False, False, False]
    z = np.array([7.0, 7, 7, 7, 7, 7, np.nan])
    assert not way.transform(np.full(7, 119.974), np.full(7, 31.811), z).ok[-1]


def test_zone_prefixed_eastings_in_the_unprefixed_grid_are_flagged() -> None:
    assert not storage_crs(4549).inside(40_497_538.152, 3_520_895.434)
    assert not storage_crs(4549).inside(3_520_895.434, 497_538.152)  # northing and easting swapped


@pytest.mark.parametrize("srid", [4490, 4326, 4479, 3435, 7415])
def test_only_projected_metres_can_store(srid: int) -> None:
    with pytest.raises(CrsError) as caught:
        storage_crs(srid)
    assert caught.value.code == "crs-storage"


def test_axis_order_is_known_but_storage_is_xy() -> None:
    assert storage_crs(4549).northing_first
    assert not storage_crs(28992).northing_first


def test_a_pickled_operation_computes_the_same_in_a_fresh_process() -> None:
    way = to_storage("X-GCJ02", storage_crs(4549))
    code = "import pickle,sys; r=pickle.load(sys.stdin.buffer).transform(119.98,31.81); print(repr((float(r.x),float(r.y))))"
    run = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(way), capture_output=True, check=True)
    here = way.transform(119.98, 31.81)
    assert run.stdout.decode().strip() == repr((float(here.x), float(here.y)))


def test_operation_round_trips_through_its_pipeline() -> None:
    chosen = operation(parse_crs(28992), parse_crs(3857), (4.2, 51.7, 4.7, 52.0))
    again = pyproj.Transformer.from_pipeline(chosen.pipeline).transform(92_000.0, 437_000.0)
    assert chosen.transform(92_000.0, 437_000.0) == pytest.approx(again, abs=1e-9)
    assert chosen.inverse(*again) == pytest.approx((92_000.0, 437_000.0), abs=1e-3)  # Bessel and WGS 84 heights differ


def test_missing_grids_are_recorded() -> None:
    boulder = operation(parse_crs(26913), parse_crs(4326), (-105.3, 39.9, -105.1, 40.1))
    assert boulder.accuracy_m == 4.0
    assert boulder.better_unavailable
