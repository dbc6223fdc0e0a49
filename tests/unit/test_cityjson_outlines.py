"""Footprints that a kernel takes from bodies: what leaves the child is what does when each is drawn by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shapely

from ingest.protocol import Limits, PartBatch, PartRequest, ReadRequest
from ingest.readers.cityjson import CityJson
from ingest.readers.cityjson_objects import Scope
from ingest.readers.cityjson_sequence import CityJsonSequence
from ingest.reading import read_parts
from ingest.sure_areas import sound
from tests.unit.test_cityjson_sequence import BUILDING, block, text_of

Feature = dict[str, Any]
_EXTENT_DEG = (3.0, 50.0, 7.5, 54.0)


def _solid(feature: Feature) -> Feature:
    found: Feature = feature["CityObjects"]["b-0"]["geometry"][0]
    return found


def _away(feature: Feature) -> None:
    """Have one corner of the roof where the deployment is not: the outline is as good as before."""
    feature["vertices"][4] = [10**9, 10**9, 3000]


def _bow_tie(feature: Feature) -> None:
    feature["vertices"][0], feature["vertices"][1] = feature["vertices"][1], feature["vertices"][0]


def _two_grounds(feature: Feature) -> None:
    _solid(feature)["boundaries"][0][0:1] = [[[0, 3, 2]], [[0, 2, 1]]]
    _solid(feature)["semantics"]["values"][0].insert(0, 0)


def _no_ground(feature: Feature) -> None:
    _solid(feature)["semantics"]["values"][0][0] = 2


def _hole(feature: Feature) -> None:
    feature["vertices"] += [[x, y, 0] for x, y in ((1000, 500), (2000, 500), (2000, 1000))]
    _solid(feature)["boundaries"][0][0].append([8, 9, 10])


def _uneven(feature: Feature) -> None:
    feature["vertices"][2][2] = -1500


def _one_place_twice(feature: Feature) -> None:
    """Let the ground begin and end above one place."""
    feature["vertices"].append([0, 0, 700])
    _solid(feature)["boundaries"][0][0] = [[0, 3, 2, 1, 8]]


def _sliver(feature: Feature) -> None:
    """Make it so narrow that an area drawn by a surveyor would be a finding."""
    for vertex in feature["vertices"]:
        vertex[1] //= 200


def _deep(feature: Feature) -> None:
    """Lay it where elevation software has no height."""
    for vertex in feature["vertices"]:
        vertex[2] -= 9_999_000


_HOWS: tuple[Callable[[Feature], None], ...] = (
    _away, _bow_tie, _two_grounds, _no_ground, _hole, _uneven, _one_place_twice, _sliver, _deep,
)  # fmt: skip


def _parts(reader: type[CityJson], text: bytes, **how: Any) -> list[PartBatch]:
    request = ReadRequest(Path("x"), (PartRequest(None, BUILDING, "d"),), limits=Limits(), extent_deg=_EXTENT_DEG, **how)
    return [m for m in read_parts(reader(text, request.limits), request) if isinstance(m, PartBatch)]


@pytest.mark.parametrize("how", [{"storage_srid": 28992}, {"storage_srid": 25831}, {"storage_srid": 28992, "height_offset_m": 0.5}])
def test_rows_and_findings_are_those_of_outlines_drawn_one_by_one(how: dict[str, Any]) -> None:
    features = [block() for _ in range(len(_HOWS) + 2)]
    for feature, spoil in zip(features[1:], _HOWS, strict=False):
        spoil(feature)
    text = text_of([copy.deepcopy(f) for f in features])
    (ours,), (theirs,) = _parts(CityJsonSequence, text, **how), _parts(CityJson, text, **how)
    assert ours.table.equals(theirs.table)
    assert ours.findings == theirs.findings
    assert {"area-of-use", "no-value"} <= {f.rule for f in ours.findings}
    assert {f.row for f in ours.findings if f.rejects} == {2, 10}


def _asked_of_none(function: Callable[..., object]) -> Callable[..., object]:
    def asked(given: Any, **how: Any) -> object:
        assert not len(given)
        return function(given, **how)

    return asked


def test_plain_outlines_become_no_geometries(monkeypatch: pytest.MonkeyPatch) -> None:
    hole, long = block(), block()
    _hole(hole)
    corners = [[1000 * k, 500 * (k % 2), 0] for k in range(120)]
    long["vertices"] += [*corners, [119_000, 9_000, 0], [0, 9_000, 0]]
    _solid(long)["boundaries"][0][0] = [list(range(8, 130))]
    text = text_of([block(), hole, long])
    (theirs,) = _parts(CityJson, text, storage_srid=28992)
    for name in ("polygons", "multipolygons", "is_valid", "linearrings"):
        monkeypatch.setattr(f"shapely.{name}", _asked_of_none(getattr(shapely, name)))
    (ours,) = _parts(CityJsonSequence, text, storage_srid=28992)
    assert ours.table.column("geom").equals(theirs.table.column("geom"))


def test_outlines_that_stay_are_not_asked_again_whether_they_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    text = text_of([block(), block()])
    (theirs,) = _parts(CityJson, text, storage_srid=28992)
    monkeypatch.setattr("ingest.sure_areas.sound", _asked_of_none(sound))
    (ours,) = _parts(CityJsonSequence, text, storage_srid=28992)
    assert ours.table.column("geom").equals(theirs.table.column("geom"))


def test_the_first_lines_are_looked_at_some_at_a_time_and_each_kind_once_each_time() -> None:
    lines, names = [], [f"name_{k}" for k in range(4)]
    for name in names:
        feature = block()
        next(iter(feature["CityObjects"].values()))["attributes"] = {name: 1}
        head, line = text_of([feature]).splitlines()
        lines += [line] * 125
    sketches = [s for s in CityJsonSequence(head, Limits()).sketched(lines) if isinstance(s, Scope)]
    assert [list(next(iter(s.objects.values()))["attributes"]) for s in sketches] == [[name] for name in names]
