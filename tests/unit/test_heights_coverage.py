"""Coverages: what is written is read back, bilinear against hand and GDAL, voids, borders, priority, hostile rows."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from twin.crs import storage_crs
from twin.errors import RejectedError
from twin.heights import Coverage, GroundSampler, open_coverage, write_coverage
from twin.heights.mosaic import NOT_YET, Sheet, in_order

X0, Y0 = 490_000.0, 3_520_000.0


def blocks_of(values: npt.NDArray[np.floating], rows: int) -> Iterator[npt.NDArray[np.floating]]:
    for start in range(0, len(values), rows):
        yield values[start : start + rows]


def coverage_of(
    path: Path, values: npt.NDArray[np.floating], *, pixel_m: float = 5.0, rows: int = 100, nodata: float | None = None, x0: float = X0
) -> Coverage:
    height, width = values.shape
    affine = (pixel_m, 0.0, x0, 0.0, -pixel_m, Y0)
    write_coverage(path, blocks_of(values, rows), width=width, height=height, affine=affine, crs_wkt="EPSG:4549", nodata=nodata)
    return open_coverage(path)


@pytest.fixture
def relief() -> npt.NDArray[np.float32]:
    row, column = np.mgrid[0:700, 0:530]
    return (20 + 8 * np.sin(column / 37) * np.cos(row / 23) + column * 0.01).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 100, 256, 5000])
def test_rows_come_back_as_they_went_in(tmp_path: Path, relief: npt.NDArray[np.float32], rows: int) -> None:
    coverage = coverage_of(tmp_path / "a.tif", relief, rows=rows)
    with rasterio.open(tmp_path / "a.tif") as theirs:
        assert np.array_equal(theirs.read(1), relief)
        assert theirs.crs.to_epsg() == 4549
        assert theirs.profile["tiled"]
    assert coverage.statistics.valid == relief.size
    assert coverage.statistics.minimum_m == float(relief.min())


def test_pixel_centres_are_exact(tmp_path: Path, relief: npt.NDArray[np.float32]) -> None:
    sampler = GroundSampler.over([coverage_of(tmp_path / "a.tif", relief)], storage_crs(4549))
    row, column = np.mgrid[0:700:13, 0:530:7]
    found = sampler.height_m(X0 + (column + 0.5) * 5, Y0 - (row + 0.5) * 5)
    assert np.abs(found - relief[row, column]).max() < 1e-9


def test_bilinear_by_hand(tmp_path: Path) -> None:
    coverage = coverage_of(tmp_path / "a.tif", np.array([[0, 10], [20, 50]], np.float32), pixel_m=10)
    sampler = GroundSampler.over([coverage], storage_crs(4549))
    assert float(sampler.height_m(X0 + 10, Y0 - 10)) == 20.0
    assert float(sampler.height_m(X0 + 7.5, Y0 - 5)) == 2.5
    assert float(sampler.height_m(X0 + 1, Y0 - 1)) == 0.0  # outer half of a border pixel
    assert np.isnan(sampler.height_m([X0 - 0.1, X0 + 5], [Y0 - 5, Y0 + 0.1])).all()


def test_bilinear_agrees_with_gdal(tmp_path: Path, relief: npt.NDArray[np.float32]) -> None:
    sampler = GroundSampler.over([coverage_of(tmp_path / "a.tif", relief)], storage_crs(4549))
    target = rasterio.Affine(3.7, 0, X0 + 101.3, 0, -3.7, Y0 - 77.9)
    with (
        rasterio.open(tmp_path / "a.tif") as source,
        WarpedVRT(source, crs=source.crs, transform=target, width=300, height=200, resampling=Resampling.bilinear) as warped,
    ):
        theirs = warped.read(1)
    column, row = np.meshgrid(np.arange(300) + 0.5, np.arange(200) + 0.5)
    mine = sampler.height_m(X0 + 101.3 + column * 3.7, Y0 - 77.9 - row * 3.7)
    assert np.abs(mine - theirs).max() < 1e-4


@pytest.mark.parametrize("mark", [-9999.0, -32768.0, 3.4e38, np.nan, np.inf])
def test_voids_are_nan_whether_declared_or_not(tmp_path: Path, relief: npt.NDArray[np.float32], mark: float) -> None:
    relief[100:200, 100:150] = mark
    coverage = coverage_of(tmp_path / "a.tif", relief)
    assert coverage.statistics.void == 5000
    assert coverage.statistics.maximum_m < 100
    sampler = GroundSampler.over([coverage], storage_crs(4549))
    assert np.isnan(sampler.height_m(X0 + 120 * 5, Y0 - 150 * 5))
    beside = float(sampler.height_m(X0 + 99.9 * 5, Y0 - 150 * 5))  # in the last valid pixel, half into the void
    assert beside == pytest.approx(float(relief[149:151, 99].mean()), abs=1e-3)


def test_a_declared_mark_within_the_range_of_heights_is_void(tmp_path: Path, relief: npt.NDArray[np.float32]) -> None:
    relief[0, 0] = 0.0
    assert coverage_of(tmp_path / "a.tif", relief, nodata=0.0).statistics.void == 1


def test_a_mark_beyond_single_precision_is_void(tmp_path: Path, relief: npt.NDArray[np.float32]) -> None:
    doubles = relief.astype(np.float64)
    doubles[:3, 0] = np.finfo(np.float64).min
    assert coverage_of(tmp_path / "a.tif", doubles, nodata=float(np.finfo(np.float64).min)).statistics.void == 3


def test_the_first_coverage_with_a_height_wins(tmp_path: Path) -> None:
    fine = np.full((40, 40), 7.0, np.float32)
    fine[10:20] = np.nan
    sampler = GroundSampler.over(
        [coverage_of(tmp_path / "fine.tif", fine, x0=X0 + 1000), coverage_of(tmp_path / "wide.tif", np.full((600, 600), 3.0, np.float32))],
        storage_crs(4549),
    )
    x, y = np.array([X0 + 1050, X0 + 1050, X0 + 100, X0 + 4000]), np.array([Y0 - 20, Y0 - 75, Y0 - 20, Y0 - 20])
    assert sampler.height_m(x, y).tolist()[:3] == [7.0, 3.0, 3.0]
    assert np.isnan(sampler.height_m(x, y)[3])
    assert sampler.range_m == (3.0, 7.0)


def test_a_geographic_dem_serves_a_city_grid(tmp_path: Path) -> None:
    row, column = np.mgrid[0:360, 0:360]
    affine = (1 / 3600, 0.0, 119.9, 0.0, -1 / 3600, 31.9)
    write_coverage(
        tmp_path / "g.tif", [(row * 0.1 + column * 0.01).astype(np.float32)], width=360, height=360, affine=affine,
        crs_wkt="EPSG:4326", nodata=None,
    )  # fmt: skip
    sampler = GroundSampler.over([open_coverage(tmp_path / "g.tif")], storage_crs(4549))
    expected = ((31.9 - 31.811) * 3600 - 0.5) * 0.1 + ((119.974 - 119.9) * 3600 - 0.5) * 0.01
    assert float(sampler.height_m(497538.15199, 3520895.43383)) == pytest.approx(expected, abs=1e-4)
    assert 25 < sampler.resolutions_m()[0] < 31


def test_sampler_reaches_other_processes(tmp_path: Path, relief: npt.NDArray[np.float32]) -> None:
    sampler = GroundSampler.over([coverage_of(tmp_path / "a.tif", relief)], storage_crs(4549))
    again = pickle.loads(pickle.dumps(sampler))
    assert float(again.height_m(X0 + 777, Y0 - 888)) == float(sampler.height_m(X0 + 777, Y0 - 888))


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        ([np.zeros((3, 10), np.float32)], "coverage-truncated"),
        ([np.zeros((5, 10), np.float32)], "coverage-truncated"),
        ([np.zeros((4, 9), np.float32)], "coverage-truncated"),
        ([np.zeros(40, np.float32)], "coverage-truncated"),
        ([np.full((4, 10), np.nan, np.float32)], "coverage-empty"),
    ],
)
def test_rows_that_are_not_as_stated_are_rejected_and_leave_no_file(
    tmp_path: Path, blocks: list[npt.NDArray[np.float32]], code: str
) -> None:
    with pytest.raises(RejectedError) as caught:
        write_coverage(tmp_path / "x.tif", blocks, width=10, height=4, affine=(2, 0, 0, 0, -2, 0), crs_wkt="EPSG:4549", nodata=None)
    assert caught.value.code == code
    assert not (tmp_path / "x.tif").exists()


def test_one_pixel_wide_coverages_work(tmp_path: Path) -> None:
    sampler = GroundSampler.over([coverage_of(tmp_path / "a.tif", np.array([[1], [3]], np.float32))], storage_crs(4549))
    assert float(sampler.height_m(X0 + 2.5, Y0 - 5)) == 2.0


def test_many_sheets_are_one_surface_within_one_bounded_cache(tmp_path: Path) -> None:
    row, column = np.mgrid[0:400, 0:400]
    whole = (column * 0.1 + row * 0.2).astype(np.float32)
    sheets = []
    for j in range(4):
        for i in range(4):
            path = tmp_path / f"{j}{i}.tif"
            affine = (5.0, 0.0, X0 + i * 500, 0.0, -5.0, Y0 - j * 500)
            write_coverage(
                path, [whole[j * 100 :, i * 100 :][:100, :100]], width=100, height=100, affine=affine, crs_wkt="EPSG:4549", nodata=None
            )
            sheets.append(open_coverage(path))
    sampler = GroundSampler.over(sheets, storage_crs(4549))
    assert len(sampler.operations) == 1
    assert len({id(c.cache) for c in sampler.coverages}) == 1
    x, y = np.meshgrid(X0 + np.arange(400) * 5 + 2.5, Y0 - np.arange(400) * 5 - 2.5)
    assert np.abs(sampler.height_m(x, y) - whole).max() < 1e-4
    # between the sheets it is the plane as well: each once ended in a terrace half a pixel wide
    rng = np.random.default_rng(2)
    x, y = X0 + rng.uniform(5, 1995, 5000), Y0 - rng.uniform(5, 1995, 5000)
    x[:1000], y[1000:2000] = X0 + 500 + rng.uniform(-3, 3, 1000), Y0 - 1000 + rng.uniform(-3, 3, 1000)
    assert np.abs(sampler.height_m(x, y) - ((x - X0 - 2.5) / 5 * 0.1 + (Y0 - y - 2.5) / 5 * 0.2)).max() < 1e-4


def test_priority_goes_before_fineness_and_fineness_before_age() -> None:
    coarse_first = Sheet("coarse", 5, 30.0, 1, 1, "a")
    fine, newer_as_fine, finer = Sheet("fine", 0, 0.5, 7, 2, "b"), Sheet("newer", 0, 0.503, 8, 1, "c"), Sheet("finer", 0, 0.2, 2, 1, "d")
    coarse, again = Sheet("old", -1, 0.1, 9, 1, "e"), Sheet("fine", -3, 0.5, NOT_YET, 3, "f")
    assert in_order([again, coarse, fine, finer, newer_as_fine, coarse_first]) == ["coarse", "finer", "newer", "fine", "old"]
