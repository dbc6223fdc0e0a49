"""A row whose two coordinates are exchanged is told so, wherever they then lead; others are not."""

from __future__ import annotations

import pytest
import shapely
from rules.rows import Rows, row_findings


def told(place: shapely.Geometry, crs: str) -> list[tuple[str, str, str]]:
    rows = Rows("poi", [place], {"poi_id": ["p"], "name": ["亭"], "category": ["公园"]}, crs=crs)
    return [(f.rule, f.message.zh, f.message.en) for f in row_findings(rows) if f.rule in ("geometry-finite", "area-of-use")]


@pytest.mark.parametrize(
    ("place", "crs", "rule"),
    [
        ((31.811, 119.974), "OGC:CRS84", "geometry-finite"),
        ((3_520_895.4, 497_538.2), "EPSG:4549", "area-of-use"),
        ((3_520_895.4, 40_497_538.2), "EPSG:4528", "geometry-finite"),
    ],
)
def test_exchanged_coordinates_are_told(place: tuple[float, float], crs: str, rule: str) -> None:
    ((found, zh, en),) = told(shapely.Point(place), crs)
    assert found == rule
    assert "互换后位于本市" in zh
    assert f"({place[0]:.10g}, {place[1]:.10g})" in en
    assert "the other way round it lies in the city" in en


@pytest.mark.parametrize(
    ("place", "crs"), [((31.811, 139.974), "OGC:CRS84"), ((116.4, 39.9), "OGC:CRS84"), ((3_520_895.4, 3_520_895.4), "EPSG:4549")]
)
def test_what_lies_nowhere_the_other_way_round_is_not(place: tuple[float, float], crs: str) -> None:
    ((_, zh, _),) = told(shapely.Point(place), crs)
    assert "互换" not in zh
