"""Writes the whole hand-over of a small Chinese city: the one place that knows every subject and every file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from pyproj import Transformer

from sample_city import write_dem, write_geojson, write_geopackage, write_shapefile, write_workbook
from sample_city.admin import admin_units
from sample_city.buildings import Building, survey_buildings
from sample_city.faults import plant_in_buildings, plant_in_lines, plant_in_plots, plant_in_points, plant_in_units
from sample_city.landuse import Plot, plan_land_use
from sample_city.manifest import Fault, Manifest, Source, rejected
from sample_city.relief import Relief
from sample_city.streets import Cell, StreetGrid, plan_streets
from sample_city.survey import survey_area
from sample_city.town import grow_town

STORAGE_CRS = "EPSG:4549"
SMALLEST_SCALE = 500
_ORIGIN_E, _ORIGIN_N = 497_200.0, 3_519_700.0
"""Near 119.970 E, 31.800 N: the middle of Changzhou."""
_PIXEL_M, _PIXEL_OF_LARGE_CITY_M, _LARGE_CITY = 5.0, 10.0, 50_000
_BATCH = 10_000


def generate(folder: Path, scale: int = 3000, seed: int = 4549) -> Manifest:
    """Write the files of a city of ``scale`` buildings into ``folder`` and return what was written and planted.

    Equal arguments give equal files. The folder is made; files of an earlier run are replaced. ValueError for a scale below 500.
    """
    if scale < SMALLEST_SCALE:
        raise ValueError(f"scale {scale}: a sample city has at least {SMALLEST_SCALE} buildings")
    folder.mkdir(parents=True, exist_ok=True)
    pixel = _PIXEL_M if scale <= _LARGE_CITY else _PIXEL_OF_LARGE_CITY_M
    grid = plan_streets(Relief(seed, _ORIGIN_E, _ORIGIN_N, pixel), scale)
    faults: list[Fault] = []
    town, buildings = _write_buildings(folder, grid, scale, faults)
    points, lines = _write_survey(folder, grid, town, faults)
    plots = _write_plots(folder, grid, town, faults)
    units = _write_units(folder, faults)
    write_dem.write_elevation(folder, grid.relief, grid.extent_m())
    counts = {
        (write_geopackage.FILE_NAME, write_geopackage.LAYER): buildings,
        (write_workbook.FILE_NAME, write_workbook.POINT_SHEET): points,
        (write_workbook.FILE_NAME, write_workbook.LINE_SHEET): lines,
        (write_shapefile.FILE_NAME, write_shapefile.LAYER): plots,
        (write_geojson.FILE_NAME, write_geojson.LAYER): units,
        (write_dem.FILE_NAME, write_dem.LAYER): 1,
    }
    manifest = Manifest(
        city="常州（样例城市）",
        seed=seed,
        scale=scale,
        storage_crs=STORAGE_CRS,
        extent_deg=_extent_deg(grid),
        sources=_sources(counts, faults),
        faults=tuple(faults),
    )
    manifest.write(folder)
    return manifest


def _write_buildings(folder: Path, grid: StreetGrid, scale: int, faults: list[Fault]) -> tuple[tuple[Cell, ...], int]:
    town: list[Cell] = []
    count = 0

    def rows() -> Iterator[Building]:
        for block, buildings in survey_buildings(grid, grow_town(grid, scale)):
            town.append(block.cell)
            yield from buildings

    def batches() -> Iterator[list[Building]]:
        nonlocal count
        for number, batch in enumerate(itertools.batched(rows(), _BATCH)):
            written = list(batch)
            if number == 0:
                planted = plant_in_buildings(written)
                written = planted.rows
                keys = [b.building_id for b in written]
                faults.extend(planted.faults(write_geopackage.FILE_NAME, write_geopackage.LAYER, 1, keys))
            count += len(written)
            yield written

    write_geopackage.write_buildings(folder, batches())
    return tuple(town), count


def _write_survey(folder: Path, grid: StreetGrid, town: tuple[Cell, ...], faults: list[Fault]) -> tuple[int, int]:
    name, first = write_workbook.FILE_NAME, write_workbook.FIRST_ROW
    with write_workbook.WorkbookWriter(folder) as workbook:
        last = None
        for survey in survey_area(grid, town).quarters():
            workbook.add_points(survey.points)
            workbook.add_lines(survey.lines)
            last = survey
        if last is None:
            raise ValueError("the town has no streets to survey")
        points, lines = workbook.counts
        bad_points, bad_lines = (
            plant_in_points(last.points[0], lambda e, n: float(grid.relief.ground_m(e, n))),
            plant_in_lines(last.lines[0]),
        )
        workbook.add_points(bad_points.rows)
        workbook.add_lines(bad_lines.rows)
        keys = [p.point_id for p in bad_points.rows]
        faults += bad_points.faults(name, write_workbook.POINT_SHEET, first + points, keys)
        keys = [f"{s.start_id}-{s.end_id}" for s in bad_lines.rows]
        faults += bad_lines.faults(name, write_workbook.LINE_SHEET, first + lines, keys)
        return workbook.counts


def _write_plots(folder: Path, grid: StreetGrid, town: tuple[Cell, ...], faults: list[Fault]) -> int:
    count = 0

    def plots() -> Iterator[Plot]:
        nonlocal count
        every = plan_land_use(grid, town)
        planted = plant_in_plots(list(itertools.islice(every, 40)))
        keys = [p.plot_id for p in planted.rows]
        faults.extend(planted.faults(write_shapefile.FILE_NAME, write_shapefile.LAYER, 1, keys))
        for plot in itertools.chain(planted.rows, every):
            count += 1
            yield plot

    write_shapefile.write_plots(folder, plots())
    return count


def _write_units(folder: Path, faults: list[Fault]) -> int:
    planted = plant_in_units(admin_units())
    keys = [unit.code for unit in planted.rows]
    faults += planted.faults(write_geojson.FILE_NAME, write_geojson.LAYER, 1, keys)
    write_geojson.write_units(folder, planted.rows)
    return len(planted.rows)


def _extent_deg(grid: StreetGrid) -> tuple[float, float, float, float]:
    to_degrees = Transformer.from_crs(STORAGE_CRS, "EPSG:4490", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*grid.extent_m())
    return round(west, 6), round(south, 6), round(east, 6), round(north, 6)


_DESCRIPTION: dict[str, tuple[str, str, bool, str, str]] = {
    write_geopackage.LAYER: ("building", STORAGE_CRS, True, "UTF-8", "部分高程、高度为空 / some heights are missing"),
    write_workbook.POINT_SHEET: ("pipe_node", STORAGE_CRS, False, "UTF-8", "X 为北坐标，Y 为东坐标 / X is northing, Y is easting"),
    write_workbook.LINE_SHEET: ("pipe_segment", STORAGE_CRS, False, "UTF-8", "雨污水为管底，其余为管顶 / sewers: invert, others: top"),
    write_shapefile.LAYER: ("land_use_plan", STORAGE_CRS, True, "GBK", "无 .cpg；废止地块与现行地块重叠 / no .cpg; repealed plots overlap"),
    write_geojson.LAYER: ("admin_unit", "OGC:CRS84", False, "UTF-8", "代码与名称真实，边界虚构 / real names, invented boundaries"),
    write_dem.LAYER: ("terrain", STORAGE_CRS, True, "", "1985国家高程基准 / 1985 heights, metres"),
}  # fmt: skip


def _sources(counts: dict[tuple[str, str], int], faults: list[Fault]) -> tuple[Source, ...]:
    found = []
    for (file, layer), rows in counts.items():
        feature_type, crs, crs_in_file, encoding, note = _DESCRIPTION[layer]
        wrong = rejected([fault for fault in faults if (fault.file, fault.layer) == (file, layer)])
        found.append(Source(file, layer, feature_type, rows, wrong, crs, crs_in_file, encoding, note))
    return tuple(found)
