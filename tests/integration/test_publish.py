"""Publishing on real PostGIS: commits, revisions, keys, history, partial acceptance, rollback."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import psycopg
import pyarrow as pa
import pytest
import shapely
from psycopg import sql

from ingest.load import load
from ingest.protocol import Message, PartBatch, ReadRequest
from ingest.publish import StagingLostError
from ingest.rollback import rollback
from tests.integration.surveys import ORIGIN, Row, Surveys, square
from twin.catalogue import Catalogue
from twin.db import Connection
from twin.errors import RejectedError
from twin.migrations import migrate
from twin.query.collection import collections_of
from twin.query.time_spans import time_span, time_span_statement


def building(key: str | None, x: float, *, height_m: float = 12.0, rejected: bool = False, side: float = 10.0) -> Row:
    return Row(square(x, 0.0, side), {"building_id": key, "height_m": height_m, "base_height_m": 3.0}, rejected)


def city(*rows: Row) -> dict[str, tuple[str, tuple[Row, ...]]]:
    return {"buildings": ("building", rows)}


def test_first_load_is_one_commit_with_fids_and_readable_partition(surveys: Surveys) -> None:
    result = surveys.load(city(building("a", 0), building("b", 20)))
    assert (result.published, result.unchanged, result.rejected, result.commit) == (2, 0, 0, 1)
    state = surveys.state("buildings", "height_m", "height_source", "base_height_source")
    assert {key: row[1:] for key, row in state.items()} == dict.fromkeys("ab", (1, 12.0, "field", "field"))
    revision = surveys.catalogue.current_revision("buildings")
    assert revision is not None
    assert (revision.inserted, revision.count, revision.commit) == (2, 2, 1)
    with surveys.catalogue.pool.connection() as connection:
        connection.execute("SET LOCAL ROLE twin_read_open")
        assert connection.execute("SELECT count(*) FROM city.building_d1").fetchone() == (2,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM city.building")


def _indexes(connection: Connection) -> list[tuple[str, str]]:
    """All indexes on feature tables as (table, first column)."""
    query = (
        "SELECT x.indrelid::regclass::text, a.attname FROM pg_index AS x JOIN pg_attribute AS a ON a.attrelid = x.indrelid"
        " AND a.attnum = x.indkey[0] JOIN pg_class AS c ON c.oid = x.indrelid"
        " WHERE c.relnamespace IN ('city'::regnamespace, 'history'::regnamespace) ORDER BY 1, 2"
    )
    return [(table, column) for table, column in connection.execute(query)]


def test_datasets_of_before_get_the_indexes_by_which_changes_are_found(surveys: Surveys, database_url: str) -> None:
    surveys.load(city(building("a", 0), building("b", 20)))
    surveys.load(city(building("a", 0, height_m=30.0), building("b", 20)))
    with surveys.catalogue.pool.connection() as connection:
        new = _indexes(connection)
        connection.execute(
            "DO $$ DECLARE one text; BEGIN FOR one IN SELECT indexrelid::regclass FROM pg_index AS x JOIN pg_attribute AS a"
            " ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] AND x.indnkeyatts = 1 WHERE x.indrelid IN"
            " ('city.building_d1'::regclass, 'history.building_d1'::regclass) AND a.attname IN"
            " ('commit_from', 'commit_to', 'valid_from', 'valid_to')"
            " LOOP EXECUTE format('DROP INDEX %s', one); END LOOP; END $$"
        )
        assert len(_indexes(connection)) == len(new) - 4
        connection.execute("UPDATE catalog.migration SET version_num = '0008'")
    migrate(database_url)
    with surveys.catalogue.pool.connection() as connection:
        assert _indexes(connection) == new


def test_a_first_load_is_published_with_what_it_is_asked_by(surveys: Surveys) -> None:
    surveys.load(city(building("a", 0), building("b", 20)))
    with surveys.catalogue.pool.connection() as connection:
        columns = {column for table, column in _indexes(connection) if table == "building_d1"}
        known = connection.execute("SELECT attname FROM pg_stats WHERE schemaname = 'city' AND tablename = 'building_d1'").fetchall()
    assert columns == {"fid", "geom", "natural_key", "commit_from", "valid_from", "valid_to", "parcel_id", "permit_no"}
    assert {"geom", "natural_key", "height_m"} <= {name for (name,) in known}


def test_when_features_hold_is_known_without_looking_at_them_all(surveys: Surveys) -> None:
    surveys.load(city(*(building(f"k{i}", 20 * i) for i in range(4))))
    statement = time_span_statement(collections_of(surveys.catalogue)["buildings"])
    spans = []
    with surveys.catalogue.pool.connection() as connection:
        for key, valid_from, valid_to in (
            ("k0", None, None), ("k1", None, "2020-06-01"), ("k2", "1990-01-01", "2001-01-01"), ("k3", "2010-01-01", None),
        ):  # fmt: skip
            connection.execute(
                "UPDATE city.building_d1 SET valid_from = %s, valid_to = %s WHERE natural_key = %s", (valid_from, valid_to, key)
            )
            spans.append(time_span(connection.execute(statement.text, statement.values).fetchone() or ()))
        connection.execute("SET LOCAL enable_seqscan = off")
        plan = str(connection.execute(sql.SQL("EXPLAIN ") + statement.text, statement.values).fetchall())
    assert spans[0] is None
    ends = [(str(span.first), str(span.last)) for span in spans[1:] if span is not None]
    assert ends == [("None", "2020-05-31"), ("1990-01-01", "2020-05-31"), ("1990-01-01", "None")]
    assert plan.count("Index") >= 3
    assert "Seq Scan" not in plan


def test_same_file_again_makes_no_oid_and_no_revision(surveys: Surveys) -> None:
    surveys.load(city(building("a", 0), building("b", 20)))
    before = surveys.state("buildings")
    again = surveys.load(city(building("b", 20), building("a", 0)))  # shuffled: order means nothing
    assert (again.published, again.unchanged, again.commit) == (0, 2, None)
    assert surveys.state("buildings") == before
    assert [r.commit for r in surveys.catalogue.revisions("buildings")] == [1]


def test_update_insert_and_delete_are_counted_and_history_is_kept(surveys: Surveys) -> None:
    rows = [building(f"k{i}", 20 * i) for i in range(10)]
    surveys.load(city(*rows))
    fids = {key: row[0] for key, row in surveys.state("buildings").items()}
    changed = [building("k0", 0, height_m=30.0), *rows[1:9], building("new", 500)]
    result = surveys.load(city(*changed))
    assert (result.published, result.unchanged, result.deleted, result.commit) == (2, 8, 1, 2)
    state = surveys.state("buildings", "height_m")
    assert state["k0"] == (fids["k0"], 2, 30.0), "the OID stays, the row state is of the new commit"
    assert state["k1"] == (fids["k1"], 1, 12.0), "what did not change keeps its row"
    assert "k9" not in state
    assert state["new"][0] not in fids.values()
    with surveys.catalogue.pool.connection() as connection:
        history = connection.execute(
            "SELECT natural_key, fid, commit_from, commit_to, height_m FROM history.building_d1 ORDER BY natural_key"
        ).fetchall()
    assert history == [("k0", fids["k0"], 1, 2, 12.0), ("k9", fids["k9"], 1, 2, 12.0)]


def test_rollback_is_a_new_commit_with_the_old_state_and_oids(surveys: Surveys) -> None:
    rows = [building(f"k{i}", 20 * i) for i in range(10)]
    surveys.load(city(*rows))
    first = {k: (v[0], v[2]) for k, v in surveys.state("buildings", "height_m").items()}
    surveys.load(city(building("k0", 0, height_m=30.0), *rows[1:9], building("new", 500)))
    done = rollback(surveys.catalogue, 1, "tester", "", lambda extent: extent)
    assert done.commit == 3
    assert done.counts["buildings"] == {"insert": 1, "update": 1, "unchanged": 0, "delete": 1}
    assert {k: (v[0], v[2]) for k, v in surveys.state("buildings", "height_m").items()} == first
    assert [c.kind for c in surveys.catalogue.commits()] == ["publish", "publish", "rollback"]
    assert rollback(surveys.catalogue, 3, "tester", "", lambda extent: extent).commit is None
    again = rollback(surveys.catalogue, 1, "tester", "", lambda extent: extent)
    assert again.commit is None, "what is back at its former state already is not published a second time"


def test_a_rejected_row_keeps_its_published_feature(surveys: Surveys) -> None:
    rows = [building(f"k{i}", 20 * i) for i in range(10)]
    surveys.load(city(*rows))
    result = surveys.load(city(building("k0", 0, rejected=True), *rows[1:]))
    assert (result.published, result.unchanged, result.rejected, result.deleted, result.commit) == (0, 9, 1, 0, None)
    assert "k0" in surveys.state("buildings")
    assert result.findings["kept"] == 1


def test_a_file_that_would_delete_a_fifth_is_refused_unless_allowed(surveys: Surveys) -> None:
    rows = [building(f"k{i}", 20 * i) for i in range(10)]
    surveys.load(city(*rows))
    with pytest.raises(RejectedError) as refused:
        surveys.load(city(*rows[:7]))
    assert refused.value.code == "many-deletes"
    assert len(surveys.state("buildings")) == 10
    assert surveys.load(city(*rows[:7]), allow_deletes=True).deleted == 3


def test_a_row_that_no_file_has_is_nonsense_of_the_reader(surveys: Surveys) -> None:
    parts = city(building("a", 0), building("b", 20, rejected=True))
    place = surveys.place(parts)

    def forged(request: ReadRequest, *, row: int, is_rejected: bool) -> Iterator[Message]:
        for message in place.read(request):
            if isinstance(message, PartBatch) and is_rejected:
                yield replace(message, findings=tuple(replace(f, row=row) for f in message.findings))
            elif isinstance(message, PartBatch):
                yield replace(message, table=message.table.set_column(0, message.table.schema.field(0), pa.array([row])))
            else:
                yield message

    for row, is_rejected in itertools.product([2**40, 10**10 + 1, -1], [True, False]):
        with pytest.raises(RejectedError) as refused:
            load(replace(place, read=partial(forged, row=row, is_rejected=is_rejected)), surveys.request(parts))
        assert refused.value.code == "parser-nonsense"
        assert not surveys.staged_tables()


def test_delta_adds_and_changes_and_deletes_only_by_word(surveys: Surveys) -> None:
    rows = [building(f"k{i}", 20 * i) for i in range(4)]
    surveys.load(city(*rows))
    gone = Row(square(20, 0), {"building_id": "k1", "height_m": 12.0, "base_height_m": 3.0}, extra='{"变更": "删除"}')
    result = surveys.load(city(building("k0", 0, height_m=99.0), gone, building("n", 900)), mode="delta")
    assert (result.published, result.deleted) == (2, 1)
    assert set(surveys.state("buildings")) == {"k0", "k2", "k3", "n"}


def test_delta_on_a_first_load_publishes_no_declared_delete(surveys: Surveys) -> None:
    gone = Row(square(20, 0), {"building_id": "k1", "height_m": 12.0}, extra='{"op": "delete"}')
    result = surveys.load(city(building("k0", 0), gone), mode="delta")
    assert (result.read, result.published, result.rejected, result.findings) == (2, 1, 1, {"delete-unknown": 1})
    assert set(surveys.state("buildings")) == {"k0"}


def test_area_replaces_inside_and_keeps_what_lies_outside(surveys: Surveys) -> None:
    surveys.load(city(*[building(f"k{i}", 20 * i) for i in range(6)]))
    inside = shapely.set_srid(shapely.box(497_538.0 - 5, 3_520_895.0 - 5, 497_538.0 + 35, 3_520_895.0 + 15), 4549)
    area = bytes(shapely.to_wkb(inside, include_srid=True))
    result = surveys.load(city(building("k0", 0, height_m=50.0)), mode="area", area_wkb=area, allow_deletes=True)
    assert (result.published, result.deleted) == (1, 1)
    assert set(surveys.state("buildings")) == {"k0", "k2", "k3", "k4", "k5"}


def test_a_refused_first_load_leaves_no_dataset_behind(surveys: Surveys) -> None:
    with pytest.raises(RejectedError):
        surveys.load({"pipes": ("building", [building("a", 0, rejected=True)])})
    surveys.load({"pipes": ("pipe_node", [node("n1", 0)])})
    assert surveys.catalogue.dataset("pipes").feature_type == "pipe_node"


def test_repeated_key_in_one_file_keeps_the_first_row(surveys: Surveys) -> None:
    result = surveys.load(city(building("a", 0), building("b", 20), building("a", 40)))
    assert (result.published, result.rejected, result.findings) == (2, 1, {"unique": 1})


def test_features_without_key_are_matched_by_place(surveys: Surveys) -> None:
    rows = [building(None, 20 * i) for i in range(5)]
    surveys.load(city(*rows))
    with surveys.catalogue.pool.connection() as connection:
        before = connection.execute("SELECT fid FROM city.building_d1 ORDER BY fid").fetchall()
    result = surveys.load(city(*reversed(rows)))
    assert (result.published, result.unchanged, result.commit) == (0, 5, None)
    moved = [Row(shapely.transform(r.geometry, lambda p: p + 0.0004, include_z=True), r.fields) for r in rows]
    assert surveys.load(city(*moved)).unchanged == 5, "moved by less than the tolerance: the stored row stays"
    with surveys.catalogue.pool.connection() as connection:
        assert connection.execute("SELECT fid FROM city.building_d1 ORDER BY fid").fetchall() == before


def test_a_vertex_beyond_the_tolerance_is_an_update(surveys: Surveys) -> None:
    surveys.load(city(building("a", 0), building("b", 20)))
    result = surveys.load(city(building("a", 0.002), building("b", 20)))
    assert (result.published, result.unchanged) == (1, 1)


def node(key: str, x: float) -> Row:
    return Row(shapely.Point(497_538.0 + x, 3_520_895.0, 5.0), {"node_id": key, "kind": "YS", "depth_m": 2.0})


def segment(key: str, start: str, end: str, x: float) -> Row:
    line = shapely.LineString([(497_538.0 + x, 3_520_895.0, 3.0), (497_548.0 + x, 3_520_895.0, 2.9)])
    fields = {"segment_id": key, "start_node": start, "end_node": end, "kind": "YS", "outer_diameter_mm": 300.0}
    return Row(line, fields)


def test_two_datasets_in_one_commit_and_segments_need_their_nodes(surveys: Surveys) -> None:
    parts = {
        "segments": ("pipe_segment", [segment("s1", "n1", "n2", 0), segment("s2", "n2", "nowhere", 10)]),
        "nodes": ("pipe_node", [node("n1", 0), node("n2", 10)]),
    }
    result = surveys.load(parts)
    assert (result.published, result.rejected, result.commit) == (3, 1, 1)
    assert result.findings == {"node-exists": 1, "connectivity": 1}, "two points of a sewer without an outlet"
    assert surveys.state("nodes", "bottom_elevation_m", "ground_elevation_m")["n1"][2:] == (3.0, 5.0)
    assert {surveys.catalogue.current_revision(d).commit for d in ("nodes", "segments")} == {1}  # type: ignore[union-attr]


def test_segments_alone_are_checked_against_published_nodes(surveys: Surveys) -> None:
    alone = surveys.load({"segments": ("pipe_segment", [segment("s1", "n1", "n2", 0)])})
    assert (alone.published, alone.findings) == (1, {"node-exists": 1, "not-checked": 1}), "without any node dataset there is one warning"
    surveys.load({"nodes": ("pipe_node", [node("n1", 0), node("n2", 10)])})
    rows = [segment("s1", "n1", "n2", 0), segment("s3", "n1", "n9", 10)]
    result = surveys.load({"segments": ("pipe_segment", rows)})
    assert (result.published, result.unchanged, result.rejected) == (0, 1, 1)


def test_a_file_that_is_mostly_wrong_is_rejected_and_changes_nothing(surveys: Surveys) -> None:
    with pytest.raises(RejectedError) as refused:
        surveys.load(city(building("a", 0, rejected=True)))
    assert refused.value.code == "too-many-rejected"
    assert surveys.catalogue.commits() == ()
    with surveys.catalogue.pool.connection() as connection:
        left = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'").fetchone()
        states = connection.execute("SELECT state FROM catalog.submission").fetchall()
    assert left == (0,)
    assert states == [("rejected",)]


def test_lost_staging_is_never_published(surveys: Surveys, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash of the database empties unlogged tables: publishing such a file would erase the dataset (DESIGN 13)."""
    from ingest import load as loading

    rows = [building(f"k{i}", 20 * i) for i in range(3)]
    surveys.load(city(*rows))
    publish = loading.publish

    def after_crash(catalogue: Catalogue, submission: object, parts: object, *rest: object) -> object:
        with catalogue.pool.connection() as connection:
            for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'").fetchall():
                connection.execute(f'TRUNCATE staging."{name}"')
        return publish(catalogue, submission, parts, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "publish", after_crash)
    with pytest.raises(StagingLostError):
        surveys.load(city(*rows[:2]), allow_deletes=True)
    assert len(surveys.state("buildings")) == 3


def test_commit_times_are_strictly_ordered(surveys: Surveys) -> None:
    for i in range(3):
        surveys.load(city(building("a", 0, height_m=10.0 + i)))
    commits = surveys.catalogue.commits()
    assert [c.number for c in commits] == [1, 2, 3]
    assert all(a.time < b.time for a, b in itertools.pairwise(commits))
    assert surveys.catalogue.commit_as_of(commits[1].time) == 2


def test_boundaries_loaded_later_name_the_published_features_they_hold(surveys: Surveys) -> None:
    surveys.load(city(building("in", 0), building("out", 5000)))
    unit = Row(shapely.force_2d(square(-100, -100, 300.0)), {"code": "320402", "name": "天宁区", "level": "district"})
    result = surveys.load({"units": ("admin_unit", [unit])})
    assert (result.published, result.commit) == (1, 2)
    state = surveys.state("buildings", "admin_codes")
    assert state["in"][1:] == (2, ["320402"])
    assert state["out"][1:] == (1, None)
    assert surveys.catalogue.current_revision("buildings").updated == 1  # type: ignore[union-attr]


def test_a_delta_of_boundaries_leaves_the_other_districts_codes(surveys: Surveys) -> None:
    def unit(code: str, x: float, side: float = 300.0) -> Row:
        return Row(shapely.force_2d(square(x, -100, side)), {"code": code, "name": code, "level": "district"})

    surveys.load({"units": ("admin_unit", [unit("320402", -100), unit("320404", 4900)])})
    surveys.load(city(building("a", 0), building("b", 5000)))
    surveys.load({"units": ("admin_unit", [unit("320402", -100, 310.0)])}, mode="delta")
    state = surveys.state("buildings", "admin_codes")
    assert (state["a"][2], state["b"][2]) == (["320402"], ["320404"])


def test_what_a_killed_load_left_staged_goes_with_the_next(surveys: Surveys) -> None:
    with surveys.catalogue.pool.connection() as connection:
        connection.execute("CREATE TABLE staging.s0123456789abcdef0123_0 (row bigint)")
    surveys.load(city(building("a", 0)))
    with surveys.catalogue.pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'").fetchone() == (0,)


def test_a_reversed_pipe_is_another_pipe(surveys: Surveys) -> None:
    """Its ends were swapped together with its vertices: the stored line has to turn round with its elevations (a past bug)."""

    def pipe(a: str, b: str, *points: tuple[float, float, float]) -> Row:
        e, n = ORIGIN
        line = shapely.LineString([(e + x, n + y, z) for x, y, z in points])
        return Row(line, {"segment_id": "P1", "start_node": a, "end_node": b, "kind": "YS"})

    there, back = ((0.0, 0.0, 3.0), (9.0, 0.0, 2.5), (20.0, 5.0, 2.0)), ((20.0, 5.0, 2.0), (9.0, 0.0, 2.5), (0.0, 0.0, 3.0))
    surveys.load({"pipes": ("pipe_segment", [pipe("A", "B", *there)])})
    assert surveys.load({"pipes": ("pipe_segment", [pipe("B", "A", *back)])}).published == 1
    assert next(iter(surveys.state("pipes", "start_node", "ST_Z(ST_StartPoint(geom))").values()))[2:] == ("B", 2.0)
    assert surveys.load({"pipes": ("pipe_segment", [pipe("B", "A", *there)])}).published == 1
    assert surveys.load({"pipes": ("pipe_segment", [pipe("B", "A", *there)])}).unchanged == 1
