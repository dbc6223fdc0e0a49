"""Edits against files: whatever is written through the door leaves the city as a file would that says the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import query_city
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.edits import Edit, EditsOfDataset, EditsRefusedError, edit
from ingest.load import check
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from tests.opened_city import opened_city, request
from tests.written_city import Feature, building, city_folder, node, pipe, publish
from twin.embedded import EmbeddedCluster
from twin.server.city import City
from twin.server.loading import workplace

KEYS = range(1, 5)
_ACTIONS = st.tuples(
    st.sampled_from(["insert", "replace", "update", "delete"]),
    st.sampled_from(KEYS),
    st.integers(1, 9),
    st.sampled_from([None, "一", 'DN<300 "q"']),
)


@pytest.fixture(scope="module")
def city(cluster: EmbeddedCluster, template: str, run_folder: Path) -> Iterator[tuple[City, Path]]:
    with query_city.clone_of(template, cluster.dsn) as url, city_folder(run_folder) as folder, opened_city(url, folder / "c", 4549) as made:
        yield made, folder


def _edit(city: City, dataset: str, action: Any, feature: Feature | None = None, key: str | None = None) -> None:
    """Write one feature by the number of the one that has ``key`` now."""
    fid, since = _standing(city, dataset, key) if key is not None else (None, None)
    given = feature or {"geometry": None, "properties": {}}
    one = Edit(action, fid, since, given["geometry"], given["properties"])
    edit(
        workplace(city, lambda *_: None),
        [EditsOfDataset(city.catalogue.dataset(dataset), {1: one}, "OGC:CRS84", "xy", "ellipsoidal")],
        "t",
        "",
    )


def _standing(city: City, dataset: str, key: str) -> tuple[int, int]:
    table = f"city.{city.catalogue.dataset(dataset).feature_type}_d{city.catalogue.dataset(dataset).id}"
    with city.pool.connection() as connection:
        row = connection.execute(f"SELECT fid, commit_from FROM {table} WHERE natural_key = %s", (key,)).fetchone()
    assert row is not None
    return row


def _rows(city: City, dataset: str) -> list[tuple[Any, ...]]:
    table = f"city.building_d{city.catalogue.dataset(dataset).id}"
    said = "natural_key, name, floors_above, height_m, height_source, base_height_m, admin_codes, ST_AsText(geom, 3)"
    with city.pool.connection() as connection:
        return connection.execute(f"SELECT {said} FROM {table} ORDER BY natural_key").fetchall()


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(actions=st.lists(_ACTIONS, min_size=1, max_size=5))
def test_any_sequence_of_writes_ends_as_the_same_files_do(city: tuple[City, Path], actions: list[tuple[str, int, int, str | None]]) -> None:
    """One dataset is edited feature by feature, its twin by a file in mode delta for each; both must hold the same rows."""
    opened, folder = city
    number = len(opened.catalogue.datasets())
    edited, filed = f"edited{number}", f"filed{number}"
    first = [building(0, building_id="always", height_m=3.0)]
    for dataset in (edited, filed):
        publish(opened, folder, dataset, "building", first)
    standing = {"always"}
    for action, place, floors, name in actions:
        key = f"B{place}"
        if (action == "insert") == (key in standing):
            continue
        feature = building(place, floors_above=floors, name=name, height_m=None if floors > 6 else 2.5 * floors)
        _edit(opened, edited, action, None if action == "delete" else feature, None if action == "insert" else key)
        said = feature | {"properties": feature["properties"] | ({"op": "删除"} if action == "delete" else {})}
        publish(opened, folder, filed, "building", [said], mode="delta")
        standing = standing - {key} if action == "delete" else standing | {key}
    assert _rows(opened, edited) == _rows(opened, filed)
    assert {row[0] for row in _rows(opened, edited)} == standing


def test_a_rule_over_the_network_finds_by_an_edit_what_it_finds_by_a_file(city: tuple[City, Path]) -> None:
    """What lies near an edit decides as the whole network does: a pipe to nowhere, one back to its start."""
    opened, folder = city
    publish(opened, folder, "nodes", "pipe_node", [node(i) for i in range(1, 6)])
    publish(opened, folder, "pipes", "pipe_segment", [pipe(i) for i in range(1, 5)])
    wrong = {
        "nowhere": pipe(4, segment_id="P9", end_node="N77"),
        "loop": pipe(3, segment_id="P8", end_node="N3"),
    }
    for name, feature in wrong.items():
        file = folder / f"{name}.geojson"
        file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
        asked = request(file, (None, "pipe_segment", "pipes"), mode="delta")
        place = replace(workplace(opened, lambda *_: None), read=lambda given: read_parts(choose_reader(given), given))
        by_file = {(f.rule, f.value) for f in check(place, asked).findings if f.rejects}
        assert _refused(opened, feature) == by_file != set(), name


def _refused(city: City, feature: Feature) -> set[tuple[str, str | None]]:
    """Return what refuses a pipe that is written."""
    try:
        _edit(city, "pipes", "insert", feature)
    except EditsRefusedError as error:
        return {(finding.rule, finding.value) for finding in error.findings}
    return set()
