"""Overlaps found square by square are those that every pair of areas, overlaid by shapely, shows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import shapely
from integration.surveys import ORIGIN, Row, Surveys
from rules.staged import City

from ingest.set_rules import coverage
from twin.catalogue import Catalogue
from twin.db import open_pool
from twin.model import Deployment, new_oid_root
from twin.store import FolderStore


@pytest.fixture
def city(database_url: str, tmp_path: Path) -> Iterator[City]:
    pool = open_pool(database_url)
    catalogue = Catalogue(pool)
    catalogue.make_deployment(Deployment("测试", 4549, "none", None, None, new_oid_root(), "noop", None, "test"))
    yield City(Surveys(catalogue, FolderStore(tmp_path / "store"), tmp_path))
    pool.close()


@pytest.mark.parametrize("areas_per_tile", [4000, 12])
def test_overlaps_are_those_of_every_pair(city: City, monkeypatch: pytest.MonkeyPatch, areas_per_tile: int) -> None:
    monkeypatch.setattr(coverage, "_AREAS_PER_TILE", areas_per_tile)
    draw = np.random.default_rng(7)
    places, sides = draw.uniform(0, 900, (250, 2)), draw.uniform(5, 90, (250, 2))
    shapes = [shapely.box(*(ORIGIN + p), *(ORIGIN + p + s)) for p, s in zip(places, sides, strict=True)]
    rows = [Row(shapely.MultiPolygon([shape]), {"parcel_id": f"p{k}"}) for k, shape in enumerate(shapes)]
    found = city.ask("coverage-overlap", {"parcels": ("parcel", rows)})
    expected = {
        (j + 1, round(float(shapes[i].intersection(shapes[j]).area), 2))
        for i, j in itertools.combinations(range(len(shapes)), 2)
        if shapes[i].intersection(shapes[j]).area > 0.1 and thick(shapes[i].intersection(shapes[j]))
    }
    assert len(expected) > 200
    assert len(found) == len({(f.row, f.value, f.place) for f in found}), "a pair was found in two squares"
    assert {(f.row, float(f.value or 0)) for f in found} == expected


def thick(shape: shapely.Geometry) -> bool:
    return 2 * shape.area / shape.length > 0.01
