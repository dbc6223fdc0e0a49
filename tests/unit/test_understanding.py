"""How a layer is understood: generated city points in every CRS, order of axes and unit are recognised, and texts in every encoding."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.understanding.area import DeploymentArea, deployment_area
from ingest.understanding.axes import axes_by_values
from ingest.understanding.columns import column_evidence
from ingest.understanding.crs import crs_evidence
from ingest.understanding.defined import told_by_file
from ingest.understanding.encoding import encoding_evidence
from ingest.understanding.heights import vertical_evidence
from ingest.understanding.layer import Understanding
from ingest.understanding.obfuscation import AS_IS, BD09, GCJ02, Coinciding, Hypotheses, obfuscation_evidence
from ingest.understanding.review import Answered, doubts
from ingest.understanding.sample import ColumnSample, LayerSample
from ingest.understanding.scale import is_packed
from ingest.understanding.units import unit_evidence
from ingest.units import factor, unit_of_header
from twin.crs import FloatArray, bd09_from_wgs84, gcj02_from_wgs84
from twin.featuretypes.loader import load_feature_types

CHANGZHOU = deployment_area(4549, (119.1, 31.1, 120.3, 32.1))
ROTTERDAM = deployment_area(28992, (4.3, 51.8, 4.7, 52.0))
TYPES = load_feature_types()
GRIDS = ["EPSG:4549", "EPSG:4528", "EPSG:4548", "EPSG:4527", "EPSG:4498", "EPSG:4490", "EPSG:3857"]
"""What comes in for Changzhou: its own belt and its neighbour of 3°, with and without zone, the 6° zone, degrees, a web map's."""


def city_points(seed: int, count: int = 60, centre: tuple[float, float] = (119.974, 31.811)) -> FloatArray:
    return np.random.default_rng(seed).normal(centre, (0.03, 0.02), (count, 2))


def sample(places: FloatArray, **more: object) -> LayerSample:
    return LayerSample(len(places), places=tuple((float(x), float(y)) for x, y in places), **more)  # type: ignore[arg-type]


def in_crs(lonlat: FloatArray, crs: str) -> FloatArray:
    return np.column_stack(pyproj.Transformer.from_crs(4490, crs, always_xy=True).transform(*lonlat.T))


def column(name: str, *values: object) -> LayerSample:
    return LayerSample(len(values), (ColumnSample(name, tuple(values)),))  # type: ignore[arg-type]


# -- CRS and axes: requirements.md C.2 -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "crs", "axes"),
    [
        ((497_538.152, 3_520_895.434), "EPSG:4549", "xy"),
        ((3_520_895.434, 497_538.152), "EPSG:4549", "yx"),
        ((40_497_538.152, 3_520_895.434), "EPSG:4528", "xy"),
        ((3_520_895.434, 40_497_538.152), "EPSG:4528", "yx"),
        ((450_934.723, 3_477_212.677), "EPSG:4549", "xy"),
        ((119.974, 31.811), "EPSG:4490", "xy"),
        ((31.811, 119.974), "EPSG:4490", "yx"),
    ],
)
def test_the_published_vectors_are_told_by_their_numbers(place: tuple[float, float], crs: str, axes: str) -> None:
    found, order = crs_evidence(None, sample(np.array([place])), CHANGZHOU)
    assert (found.value, order) == (crs, axes)
    assert 0.5 < found.confidence < 0.9, "numbers alone are never sure of a datum"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(GRIDS), st.booleans())
def test_city_points_in_any_crs_and_order_are_recognised(seed: int, crs: str, swapped: bool) -> None:
    places = in_crs(city_points(seed), crs)
    found, order = crs_evidence(None, sample(places[:, ::-1] if swapped else places), CHANGZHOU)
    assert (found.value, order) == (crs, "yx" if swapped else "xy")


def test_of_belts_with_one_meridian_the_three_degree_one_is_proposed() -> None:
    found, _ = crs_evidence(None, sample(in_crs(city_points(3), "EPSG:4509")), CHANGZHOU)
    assert found.value == "EPSG:4548", "its numbers are those of 4509"


def test_a_city_elsewhere_has_its_own_grid() -> None:
    for crs in ("EPSG:28992", "EPSG:4326", "EPSG:3857", "EPSG:32631"):
        lonlat = city_points(5, centre=(4.5, 51.9))
        places = np.column_stack(pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(*lonlat.T))
        assert crs_evidence(None, sample(places), ROTTERDAM)[0].value == crs


def test_the_wrong_belt_is_found_out() -> None:
    """A file in 4549 that says 4548 would lie 285 km off."""
    places = in_crs(city_points(7), "EPSG:4549")
    found, _ = crs_evidence("EPSG:4548", sample(places), CHANGZHOU)
    assert (found.value, found.stated, found.gainsays) == ("EPSG:4549", "EPSG:4548", True)
    assert "km to the west" in found.text.en
    right, _ = crs_evidence("EPSG:4549", sample(places), CHANGZHOU)
    assert (right.value, right.gainsays) == ("EPSG:4549", False)
    assert right.confidence > 0.95


@pytest.mark.parametrize("stated", ["OGC:CRS84", "EPSG:4490"])
def test_metres_in_a_file_that_says_degrees_are_found_out(stated: str) -> None:
    """GeoJSON written in the city's grid: read as degrees it is nowhere, and no direction leads there."""
    found, _ = crs_evidence(stated, sample(in_crs(city_points(7), "EPSG:4549")), CHANGZHOU, assumed=True)
    assert (found.value, found.gainsays) == ("EPSG:4549", True)
    assert "outside the projection" in found.text.en


def test_axes_swapped_under_a_declared_crs_are_found_out() -> None:
    found, order = crs_evidence("EPSG:4549", sample(in_crs(city_points(8), "EPSG:4549")[:, ::-1]), CHANGZHOU)
    assert (found.value, found.gainsays, order) == ("EPSG:4549", False, "yx")


@pytest.mark.parametrize("crs", ["EPSG:4610", "EPSG:2385", "EPSG:2365", "EPSG:4214", "EPSG:2437"])
def test_a_datum_without_public_parameters_is_refused(crs: str) -> None:
    found, _ = crs_evidence(crs, sample(in_crs(city_points(9), "EPSG:4549")), CHANGZHOU)
    assert (found.value, found.confidence, found.code) == (None, 0.0, "crs-parameters-needed")
    assert "X-LOCAL:" in found.text.zh


def test_what_cannot_be_decided_is_left_open() -> None:
    belt = sample(in_crs(city_points(10), "EPSG:4549")[:, ::-1])
    found, order = crs_evidence(None, belt, None)
    assert (found.value, order) == (None, "yx"), "without a city its meridian is not in the numbers, the order is"
    local = sample(city_points(11, centre=(0.0, 0.0)) * 1e5 + (52_000, 61_000))
    undecided = crs_evidence(None, local, CHANGZHOU)[0]
    assert (undecided.value, "X-LOCAL:" in undecided.text.zh, "X-LOCAL:" in undecided.text.en) == (None, True, True)
    named = re.findall(r"按 (EPSG:\d+) 偏", undecided.text.zh)
    assert len(set(named)) == len(named) > 0, "a CRS is told of once, not again with its axes swapped"
    assert crs_evidence(None, LayerSample(0), CHANGZHOU)[0].value is None
    assert axes_by_values(np.array([1.0]), np.array([2.0])) is None


@pytest.mark.parametrize(("factor", "said"), [(1e-3, "kilometres"), (100, "centimetres"), (1000, "millimetres")])
@pytest.mark.parametrize("area", [CHANGZHOU, None])
@pytest.mark.parametrize("declared", [None, "EPSG:4549"])
def test_a_grid_in_another_unit_than_metres_is_told(factor: float, said: str, area: DeploymentArea | None, declared: str | None) -> None:
    places = in_crs(city_points(12), "EPSG:4549")[:, ::-1] * factor
    if declared is None or area is not None:
        assert said in crs_evidence(declared, sample(places), area)[0].text.en
    assert "metres" not in crs_evidence(declared, sample(places / factor), area)[0].text.en


@pytest.mark.parametrize(("low", "high"), [((200, 2_100), (800, 3_500)), ((30_000, 3_000), (36_000, 5_500))])
@pytest.mark.parametrize("area", [CHANGZHOU, None])
def test_metres_of_a_grid_of_the_city_are_no_kilometres(
    low: tuple[float, float], high: tuple[float, float], area: DeploymentArea | None
) -> None:
    text = crs_evidence(None, sample(np.random.default_rng(5).uniform(low, high, (200, 2))), area)[0].text.en
    assert "X-LOCAL:" in text
    assert "kilometres" not in text


@pytest.mark.parametrize("centre", [(0.0, 0.0), (30.0, 20.0), (40.0, 20.0)])
@pytest.mark.parametrize("area", [CHANGZHOU, None])
def test_metres_of_a_model_about_an_origin_of_its_own_are_no_degrees(centre: tuple[float, float], area: DeploymentArea | None) -> None:
    places = np.random.default_rng(6).uniform(-30, 30, (200, 2)) + centre
    found, _ = crs_evidence(None, sample(np.round(places, 3)), area)
    assert (found.value, found.confidence) == (None, 0.0)
    assert "a drawing or model" in found.text.en
    assert "图纸或模型" in found.text.zh


def test_a_format_that_means_degrees_is_doubted_where_its_coordinates_lie_about_the_origin() -> None:
    model = sample(np.random.default_rng(6).uniform(-20, 20, (200, 2)))
    found, _ = crs_evidence("OGC:CRS84", model, None, assumed=True)
    assert (found.value, found.confidence) == ("OGC:CRS84", 0.3)
    assert crs_evidence("OGC:CRS84", model, None)[0].confidence > 0.9, "what the file itself declares is believed"
    world = sample(np.random.default_rng(6).uniform((-170, -60), (170, 70), (200, 2)))
    assert crs_evidence("OGC:CRS84", world, None, assumed=True)[0].confidence == 0.8


def test_degrees_of_a_country_are_those_that_its_columns_name() -> None:
    places = np.random.default_rng(7).uniform((80, 20), (130, 45), (200, 2))
    assert crs_evidence(None, sample(places), None)[0].value is None
    named = sample(places, columns=(ColumnSample("经度", tuple(places[:, 0])), ColumnSample("纬度", tuple(places[:, 1]))))
    assert crs_evidence(None, named, None)[0].value == "EPSG:4490"


UTM_32 = {
    "Frankfurt": (475_000, 5_550_000),
    "Munich": (692_000, 5_333_000),
    "Hamburg": (565_000, 5_930_000),
    "Berlin": (390_000, 5_820_000),
}


@pytest.mark.parametrize("city", UTM_32)
@pytest.mark.parametrize("declared", [None, "EPSG:25832"])
def test_utm_of_europe_is_no_belt_of_china(city: str, declared: str | None) -> None:
    places = sample(np.random.default_rng(8).normal(UTM_32[city], 2_000, (100, 2)))
    assert crs_evidence(declared, places, CHANGZHOU)[0].value == declared
    found, _ = crs_evidence(declared, places, deployment_area(4549, None))
    assert found.value in (declared, "EPSG:4549" if city == "Frankfurt" and declared is None else None)
    assert found.confidence < 0.6
    assert declared or found.value is None or "°; no extent of the city is known, and UTM" in found.text.en


def test_a_city_without_extent_has_its_own_grid_and_degrees() -> None:
    without = deployment_area(4549, None)
    for crs in ("EPSG:4549", "EPSG:4528", "EPSG:4490"):
        found, _ = crs_evidence(None, sample(in_crs(city_points(14), crs)), without)
        assert (found.value, 0.3 < found.confidence < 0.6) == (crs, True)
        assert "no extent of the city is known" in found.text.en
        assert ("UTM" in found.text.en) is (crs != "EPSG:4490")
    found, _ = crs_evidence("OGC:CRS84", sample(in_crs(city_points(14), "EPSG:4549")), without, assumed=True)
    assert (found.value, found.gainsays) == ("EPSG:4549", True)


@pytest.mark.parametrize(("zoned", "plain"), [(4528, "EPSG:4549"), (4498, "EPSG:4509"), (4533, "EPSG:4554"), (4491, "EPSG:4502")])
def test_a_city_stored_with_zone_numbers_and_without_extent_knows_its_meridian_without_them(zoned: int, plain: str) -> None:
    west, south, east, north = deployment_area(zoned, None).box_deg
    places = in_crs(city_points(14, centre=((west + east) / 2, (south + north) / 2)), plain)
    found, axes = crs_evidence(None, sample(places), deployment_area(zoned, None))
    assert (found.value, axes, 0.3 < found.confidence < 0.6) == (plain, "xy", True)


@pytest.mark.parametrize("storage", [4528, 4549])
@pytest.mark.parametrize("place", [(12.0, 7.0), (5e6, 5e6), (24_500_000.0, 3_520_000.0), (1e9, 1e9)])
def test_what_fits_nowhere_is_told_without_empty_brackets(storage: int, place: tuple[float, float]) -> None:
    places = np.random.default_rng(9).normal(place, 900.0, (100, 2))
    for extent in (None, (119.1, 31.1, 120.3, 32.1)):
        found, _ = crs_evidence(None, sample(places), deployment_area(storage, extent))
        assert found.value is None
        assert "()" not in found.text.en
        assert "（）" not in found.text.zh


def packed(decimal: FloatArray) -> FloatArray:
    """31.8108 as 31.4839: 31°48′39″."""
    whole, minutes = np.floor(decimal), np.floor(decimal % 1 * 60)
    written: FloatArray = np.round(whole + minutes / 100 + (decimal % 1 * 60 - minutes) * 60 / 1e4, 6)
    return written


@pytest.mark.parametrize("area", [CHANGZHOU, None])
def test_degrees_packed_with_minutes_and_seconds_are_told(area: DeploymentArea | None) -> None:
    decimal = city_points(13)
    assert "31°48′39″" in crs_evidence(None, sample(packed(decimal)), area)[0].text.zh
    assert "31°48′39″" not in crs_evidence(None, sample(decimal), area)[0].text.zh
    assert "31°48′39″" not in crs_evidence(None, sample(packed(decimal[:19])), area)[0].text.zh, "of so few it may be chance"


@pytest.mark.parametrize("name", ["D_Krasovsky_1940", "D_Pekin"])
def test_an_old_datum_of_another_name_is_not_believed(name: str) -> None:
    text = pyproj.CRS(2437).to_wkt("WKT1_ESRI").replace("D_Beijing_1954", name).replace("GCS_Beijing_1954", "GCS_of_ours")
    places = sample(in_crs(city_points(15), "EPSG:4549"))
    _, defined = told_by_file(text.replace("Beijing_1954_3_Degree_GK_CM_120E", "GK_120"), places)
    found, _ = crs_evidence(defined, places, CHANGZHOU)
    assert (found.value, found.confidence, found.code) == (None, 0.0, "crs-parameters-needed")
    assert "X-LOCAL" in found.text.en


@pytest.mark.parametrize("stated", ["EPSG:4490", "OGC:CRS84", None])
@pytest.mark.parametrize("area", [CHANGZHOU, None])
def test_packed_degrees_in_the_city_are_doubted_whatever_is_declared(stated: str | None, area: DeploymentArea | None) -> None:
    decimal = np.random.default_rng(3).uniform((119.964, 31.801), (119.984, 31.821), (60, 2))
    found, _ = crs_evidence(stated, sample(packed(decimal)), area)
    assert (found.code, found.confidence) == ("degrees-packed", 0.3)
    assert "31°48′39″" in found.text.zh
    asked = doubts(Understanding(found), "layer", Answered(crs=True))
    assert [f.rule for f in asked] == ["degrees-packed"], "declaring a CRS is no answer"
    assert crs_evidence(stated, sample(decimal), area)[0].code is None


def test_decimal_degrees_within_one_hundredth_are_not_taken_for_packed_ones() -> None:
    site = np.random.default_rng(4).uniform((119.12, 31.341), (119.1245, 31.3455), (500, 2))
    assert crs_evidence("EPSG:4490", sample(site), CHANGZHOU)[0].code is None


def test_decimal_degrees_of_two_small_sites_are_not_taken_for_packed_ones() -> None:
    """Two compounds of 350 m, whose decimals happen to lie below 60 in places of minutes and of seconds."""
    random = np.random.default_rng(5)
    sites = [random.uniform(corner, np.add(corner, 0.0035), (30, 2)) for corner in ((119.4210, 31.3215), (119.4512, 31.3308))]
    both: FloatArray = np.round(np.vstack(sites), 7).astype(np.float64)
    assert ((both * 1e4 % 100 < 60) & (both * 1e2 % 100 < 60)).all(), "else they say nothing here"
    for area in (CHANGZHOU, None):
        assert crs_evidence("EPSG:4490", sample(both), area)[0].code is None


@given(
    corners=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=2, max_size=4),
    width=st.integers(3, 50),
    seed=st.integers(0, 1000),
)
def test_decimal_degrees_of_a_few_small_sites_are_never_packed(corners: list[tuple[int, int]], width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    aside = [(x - x % 100 + min(x % 100, 4), y) for x, y in corners]  # none ends just before a full hundredth
    sites = [random.uniform((119 + x / 1e4, 31 + y / 1e4), (119 + (x + width) / 1e4, 31 + (y + width) / 1e4), (20, 2)) for x, y in aside]
    assert not is_packed(np.round(np.vstack(sites), 7).astype(np.float64))


@pytest.mark.parametrize("corner", [(119.964, 31.801), (119.99, 30.99)])
@pytest.mark.parametrize(("width", "count"), [(0.03, 200), (0.3, 40)])
def test_packed_degrees_of_a_town_or_scattered_over_a_city_are_known(corner: tuple[float, float], width: float, count: int) -> None:
    decimal = np.random.default_rng(6).uniform(corner, np.add(corner, width), (count, 2))
    assert is_packed(packed(decimal))
    assert not is_packed(np.round(decimal, 7))


@given(st.integers(0, 10_000))
def test_decimal_degrees_of_a_city_are_never_packed(seed: int) -> None:
    assert crs_evidence("EPSG:4490", sample(city_points(seed)), CHANGZHOU)[0].code is None


def test_few_packed_degrees_are_told_where_only_so_they_lie_in_the_city() -> None:
    few = packed(np.array([[118.9911 + i / 3600, 31.8108] for i in range(5)]))
    for axes in (few, few[:, ::-1]):
        for declared in (None, "EPSG:4490"):
            assert "31°48′39″" in crs_evidence(declared, sample(axes), CHANGZHOU)[0].text.zh


# -- GCJ-02 and BD-09 ------------------------------------------------------------------------------------------------


def published(lonlat: FloatArray, within_m: float = 5.0) -> Coinciding:
    """An oracle of its own for what lies on published features: distances on the plane to each of them."""

    def coinciding(tried: Hypotheses) -> dict[str, float]:
        metres = np.array([111_320 * np.cos(np.radians(31.8)), 110_900])
        return {
            name: float(np.mean((np.linalg.norm((p[:, None] - lonlat[None]) * metres, axis=2) < within_m).any(axis=1)))
            for name, p in tried.items()
        }

    return coinciding


@pytest.mark.parametrize(("shift", "told"), [(gcj02_from_wgs84, GCJ02), (bd09_from_wgs84, BD09), (lambda x, y: (x, y), AS_IS)])
def test_a_web_maps_offset_is_recognised_by_what_is_published(
    shift: Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]], told: str
) -> None:
    city = city_points(12, 4000)
    there = city[:150] + np.random.default_rng(1).normal(0, 1e-5, (150, 2))  # resurveyed: a metre off
    found = obfuscation_evidence(np.column_stack(shift(*there.T)), published(city))
    assert found is not None
    assert found.value == told
    assert found.confidence > 0.8


def test_nothing_is_told_of_what_nobody_has_published() -> None:
    city = city_points(13, 4000)
    elsewhere = city_points(14, 150)
    assert obfuscation_evidence(elsewhere, published(city)) is None, "a new survey of other things"
    assert obfuscation_evidence(city[:5], published(city)) is None, "too few"
    assert obfuscation_evidence(city[:100], lambda _: {}) is None, "nothing to compare with"


# -- heights, units, encodings, columns ------------------------------------------------------------------------------


def test_heights_show_what_they_are_counted_from() -> None:
    rng = np.random.default_rng(2)
    ground, separation = rng.uniform(2, 8, 80), np.full(80, 4.6) + rng.normal(0, 0.05, 80)
    noise = rng.normal(0, 0.05, 80)
    own, ellipsoidal, harbour = (
        vertical_evidence(ground + lift + noise, ground, separation) for lift in (np.zeros(80), separation, np.full(80, 1.9))
    )
    assert own
    assert ellipsoidal
    assert harbour
    assert (own.value, ellipsoidal.value, harbour.aspect) == ("deployment", "ellipsoidal", "height-offset")
    assert float(harbour.value or 0) == pytest.approx(-1.9, abs=0.05)
    assert harbour.confidence <= 0.5, "a constant is a hint"
    few = np.full(3, 5.0)
    assert vertical_evidence(few, few, few) is None


@pytest.mark.parametrize(("off_m", "said"), [(-0.001, "+0.00"), (0.0, "+0.00"), (-0.02, "-0.02"), (0.02, "+0.02")])
def test_what_rounds_to_nothing_is_not_said_to_be_below(off_m: float, said: str) -> None:
    ground = np.linspace(1.0, 9.0, 80)
    found = vertical_evidence(ground + off_m, ground, np.zeros(80))
    assert found is not None
    assert f"{said} 米" in found.text.zh
    assert f"{said} m " in found.text.en


@pytest.mark.parametrize(
    ("name", "values", "unit", "gainsays"),
    [
        ("管径", (300, 400, 500, 600, 300), "mm", False),
        ("管径", (30, 40, 50, 60, 30), "cm", True),
        ("管径", (0.3, 0.4, 0.5, 0.6, 0.3), "m", True),
        ("管径(cm)", (30, 40, 50, 60, 30), "cm", False),
        ("管径（米）", (0.3, 0.4, 0.5, 0.6, 0.3), "m", False),
    ],
)
def test_a_column_is_in_the_unit_that_its_header_or_its_numbers_say(
    name: str, values: tuple[float, ...], unit: str, gainsays: bool
) -> None:
    [found] = unit_evidence(column(name, *values), {name: "outer_diameter_mm"}, TYPES["pipe_segment"])
    assert (found.value, found.gainsays) == (unit, gainsays)


def test_factors_are_those_of_the_units() -> None:
    diameter, depth = TYPES["pipe_segment"].field("outer_diameter_mm"), TYPES["pipe_node"].field("depth_m")
    assert factor("cm", diameter) == pytest.approx(10)
    assert factor("ft", depth) == pytest.approx(0.3048)
    assert factor("m", TYPES["pipe_node"].field("node_id")) is None
    assert [unit_of_header(h) for h in ("埋深(cm)", "depth_ft", "井深", "材质(PE)", "压力(MPa)")] == ["cm", "ft", None, None, None]


TEXTS = ("给水管道检查井", "雨水口与污水井", "常州市天宁区", "混凝土管材质")
TRADITIONAL = ("給水管線人孔", "臺北市中正區", "雨水下水道", "鋼筋混凝土")


@pytest.mark.parametrize(
    ("texts", "really", "taken", "proposed"),
    [
        (TEXTS, "gb18030", "gb18030", "gb18030"),
        (TEXTS, "gb18030", "cp1252", "gb18030"),
        (TEXTS, "utf-8", "gb18030", "utf-8"),
        (TRADITIONAL, "cp950", "cp950", "cp950"),
        (TRADITIONAL, "cp950", "latin-1", "cp950"),
    ],
)
def test_garbled_texts_are_noticed_and_their_encoding_told(texts: tuple[str, ...], really: str, taken: str, proposed: str) -> None:
    shown = [t.encode(really).decode(taken, "ignore") for t in texts]
    found = encoding_evidence(taken, column("名称" if taken == really else "NAME", *shown), by_format=False)
    assert found is not None
    assert found.value == proposed
    assert found.gainsays == (taken != really)


@pytest.mark.parametrize(
    ("really", "width", "taken"),
    [("gb18030", 5, "iso8859-1"), ("gb18030", 7, "iso8859-1"), ("utf-8", 8, "gb18030"), ("utf-8", 14, "gb18030")],
)
def test_garbled_texts_that_a_short_field_cuts_are_noticed_too(really: str, width: int, taken: str) -> None:
    texts = ("污水管道", "雨水管道", "给水管道", "燃气管道", "电力管线", "通信管线", "热力管道", "检查井盖", "化粪池盖", "路灯电缆")
    shown = [t.encode(really)[:width].decode(taken) for t in texts if _is_of(t.encode(really)[:width], taken)]
    assert len(shown) >= 5
    found = encoding_evidence(taken, column("NAME", *shown), by_format=False)
    assert found is not None
    assert (found.value, found.gainsays) == (really, True)


def _is_of(content: bytes, codec: str) -> bool:
    try:
        content.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("texts", [("砼3",), ("砼", "雨箅"), ("囧", "尛"), ("ß", "Ä"), ("尛3囧", "砼"), ("囧尛骉", "猋")])
def test_rare_characters_of_sound_texts_are_not_garbled(texts: tuple[str, ...]) -> None:
    found = encoding_evidence("utf-8", column("名称", *texts), by_format=False)
    assert found is not None
    assert (found.value, found.gainsays) == ("utf-8", False)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_words_with_accents_are_not_garbled(encoding: str) -> None:
    """Taken for GB 18030 a French layer said Ch锚nes, at 90 %."""
    texts = ("Chênes", "Élément de paysage", "Bâtiment protégé", "Straße", "Überlauf", "Città", "Malmö")
    found = encoding_evidence(encoding, column("NAME", *texts), by_format=False)
    assert found is not None
    assert (found.value, found.gainsays, found.confidence > 0.7) == (encoding, False, True)


def test_columns_are_sure_by_name_and_by_values() -> None:
    right = column("管线类型", "JS", "给水", "YS", "污水")
    wrong = column("管线类型", "甲", "乙", "丙", "丁")
    node = TYPES["pipe_node"]
    [sure], _ = column_evidence(("管线类型",), node, right)
    [unsure], _ = column_evidence(("管线类型",), node, wrong)
    assert (sure.value, unsure.value) == ("kind", "kind")
    assert sure.confidence > 0.9
    assert unsure.confidence < 0.4
    _, [hint] = column_evidence(("列甲",), node, column("列甲", "JS", "给水", "YS", "污水"))
    assert (hint.value, hint.subject) == ("kind", "列甲")
    assert hint.confidence < 0.6, "by its values alone it is a hint"
