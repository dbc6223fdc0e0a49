"""N against PROJ's own reading of the grid; the frame against a published point and its own inverse."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pyproj
import pytest

from twin.crs import add_grid_directories, geocentric, storage_crs
from twin.errors import BadRequestError, UnavailableError
from twin.heights import Frame, VerticalModel, read_gtx, vertical_model

GRIDS = Path("/usr/share/proj")
needs_grid = pytest.mark.skipif(not (GRIDS / "egm96_15.gtx").is_file(), reason="proj-data is not installed")


@pytest.fixture(scope="module")
def egm96() -> VerticalModel:
    return vertical_model("egm96", [GRIDS])


@needs_grid
@pytest.mark.parametrize(
    ("place", "expected"),
    [((119.974, 31.811), 5.118), ((119.484, 31.416), 3.665), ((120.2, 31.6), 6.084), ((119.3, 31.85), 2.768)],
)
def test_separation_runs_from_3_to_6_m_across_changzhou(egm96: VerticalModel, place: tuple[float, float], expected: float) -> None:
    assert float(egm96.separation_m(*place)) == pytest.approx(expected, abs=0.001)


@needs_grid
def test_separation_equals_proj_all_over_the_world(egm96: VerticalModel) -> None:
    add_grid_directories([GRIDS])
    shift = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        "+step +inv +proj=vgridshift +grids=egm96_15.gtx +multiplier=1 +step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    rng = np.random.default_rng(7)
    lon, lat = rng.uniform(-180, 180, 20_000), rng.uniform(-90, 90, 20_000)
    theirs = -np.asarray(shift.transform(lon, lat, np.zeros(20_000))[2])
    assert np.abs(egm96.separation_m(lon, lat) - theirs).max() < 1e-6


@needs_grid
def test_a_value_like_the_missing_mark_is_a_value(egm96: VerticalModel) -> None:
    # −88.88 m ± 1 cm occurs in the Indian Ocean: a tolerance around the mark once made holes there.
    assert egm96.grid is not None
    assert np.isfinite(egm96.grid.values_m).all()


@needs_grid
def test_the_grid_wraps_at_the_antimeridian_and_ends_at_the_poles(egm96: VerticalModel) -> None:
    west, east = egm96.separation_m(np.array([-180.0, 180.0]), np.array([10.0, 10.0]))
    assert west == pytest.approx(east, abs=1e-9)
    between = egm96.separation_m(np.array([179.9]), np.array([10.0]))
    assert np.isfinite(between).all()
    assert np.isnan(egm96.separation_m(0.0, 90.001))


def test_a_missing_grid_is_an_error_not_a_zero(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        vertical_model("egm96", [tmp_path])
    assert caught.value.code == "geoid-grid-missing"
    assert "proj-data" in str(caught.value)


@needs_grid
def test_a_grid_cut_short_is_an_error(tmp_path: Path) -> None:
    short = tmp_path / "egm96_15.gtx"
    short.write_bytes((GRIDS / "egm96_15.gtx").read_bytes()[:-4])
    with pytest.raises(UnavailableError):
        vertical_model("egm96", [tmp_path])
    short.write_bytes(b"")
    with pytest.raises(UnavailableError):
        read_gtx(short)


def test_constant_and_none() -> None:
    assert float(vertical_model("constant:5.1").separation_m(119.9, 31.8)) == 5.1
    assert vertical_model("constant:0").known
    none = vertical_model("none")
    assert not none.known
    assert float(none.separation_m(119.9, 31.8)) == 0.0


@pytest.mark.parametrize("spec", ["", "egm2008", "constant:", "constant:abc", "constant:nan", "constant:1000", "constant"])
def test_other_models_are_refused(spec: str) -> None:
    with pytest.raises(BadRequestError):
        vertical_model(spec, [GRIDS])


def test_frame_places_the_published_point() -> None:
    frame = Frame(geocentric(storage_crs(4549)).operation, vertical_model("constant:5.118"))
    ecef = frame(497538.15199, 3520895.43383, 7.0)
    assert tuple(map(float, ecef)) == pytest.approx((-2710440.123, 4699543.709, 3342646.743), abs=0.002)


@needs_grid
@pytest.mark.parametrize(("srid", "tolerance_m"), [(4549, 1e-6), (4528, 1e-6), (32650, 1e-6), (26913, 1e-6), (28992, 2e-3), (2056, 2e-3)])
def test_frame_and_inverse_agree_over_a_city(egm96: VerticalModel, srid: int, tolerance_m: float) -> None:
    storage = storage_crs(srid)
    frame = Frame(geocentric(storage).operation, egm96)
    rng = np.random.default_rng(srid)
    x0, y0 = (storage.bounds_m[0] + storage.bounds_m[2]) / 2, (storage.bounds_m[1] + storage.bounds_m[3]) / 2
    x, y, h = x0 + rng.uniform(-3e4, 3e4, 500), y0 + rng.uniform(-3e4, 3e4, 500), rng.uniform(-50, 500, 500)
    back = frame.inverse(*frame(x, y, h))
    for given, found in zip((x, y, h), back, strict=True):
        assert np.abs(given - found).max() < tolerance_m


@needs_grid
def test_frame_uses_n_at_every_vertex_as_pyproj_would(egm96: VerticalModel) -> None:
    frame = Frame(geocentric(storage_crs(4549)).operation, egm96)
    x, y, h = np.array([428_000.0, 505_000.0]), np.array([3_480_000.0, 3_540_000.0]), np.array([3.0, 90.0])
    lon, lat = pyproj.Transformer.from_crs(4549, 4490, always_xy=True).transform(x, y)
    n = egm96.separation_m(lon, lat)
    theirs = pyproj.Transformer.from_crs(4979, 4978, always_xy=True).transform(lon, lat, h + n)
    for mine, other in zip(frame(x, y, h), theirs, strict=True):
        assert np.abs(mine - other).max() < 2e-4  # the equivalence of the ellipsoids
    assert abs(n[0] - n[1]) > 1.0


@needs_grid
def test_frame_reaches_other_processes(egm96: VerticalModel) -> None:
    frame = Frame(geocentric(storage_crs(4549)).operation, egm96)
    again = pickle.loads(pickle.dumps(frame))
    assert np.array_equal(frame(5e5, 3.5e6, 1.0), again(5e5, 3.5e6, 1.0))


def test_unreachable_points_are_nan_not_inf() -> None:
    frame = Frame(geocentric(storage_crs(4549)).operation, vertical_model("none"))
    assert np.isnan(frame([1e30, np.nan], [1e30, 0], [0, 0])).all()


@needs_grid
def test_lon_lat_and_back(egm96: VerticalModel) -> None:
    frame = Frame(geocentric(storage_crs(4549)).operation, egm96)
    lon, lat = frame.lon_lat_deg([497538.15199], [3520895.43383])
    assert (float(lon[0]), float(lat[0])) == pytest.approx((119.974, 31.811), abs=1e-9)
    assert [float(v[0]) for v in frame.easting_northing_m(lon, lat)] == pytest.approx([497538.15199, 3520895.43383], abs=1e-6)
    assert float(frame.separation_m(497538.15199, 3520895.43383)) == pytest.approx(5.118, abs=0.001)
