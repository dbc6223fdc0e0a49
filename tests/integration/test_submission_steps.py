"""A submission in two steps on real PostGIS: what a check promises is what a publish does, whatever happens in between."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from ingest import staging
from ingest.changes import Cursor, published_changes, staged_changes
from ingest.load import give_back, load, withdraw
from ingest.protocol import KEPT_FINDINGS
from ingest.publish import CheckOutdatedError, StagingLostError
from ingest.register import Register
from tests.integration.surveys import Row, Surveys, square
from twin.catalogue import Catalogue
from twin.db import open_pool
from twin.embedded import EmbeddedCluster
from twin.embedded.databases import ensure_database
from twin.embedded.postmaster import running
from twin.errors import ConflictError, RejectedError
from twin.migrations import migrate
from twin.model import Deployment, Severity, SubmissionState, new_oid_root
from twin.store import FolderStore

Heights = dict[str, float]


def building(key: str, height_m: float = 12.0, *, x: float | None = None, extra: str | None = None) -> Row:
    place = 20.0 * int(key.removeprefix("k")) if x is None else x
    return Row(square(place, 0.0), {"building_id": key, "height_m": height_m, "base_height_m": 3.0}, extra=extra)


def city(heights: Heights) -> dict[str, tuple[str, tuple[Row, ...]]]:
    return {"buildings": ("building", tuple(building(key, height) for key, height in heights.items()))}


def ten(**changed: float) -> Heights:
    return {f"k{i}": 12.0 for i in range(10)} | changed


def heights_of(surveys: Surveys) -> Heights:
    return {key: float(row[2]) for key, row in surveys.state("buildings", "height_m").items()}  # type: ignore[arg-type]


def state_of(surveys: Surveys, submission: uuid.UUID) -> SubmissionState:
    return Register(surveys.catalogue).one(submission).state


def test_another_process_publishes_what_was_checked(surveys: Surveys, database_url: str) -> None:
    surveys.load(city(ten()))
    changed = ten(k0=30.0, k10=9.0)
    del changed["k9"]
    submission = surveys.check(city(changed))
    assert state_of(surveys, submission) is SubmissionState.ACCEPTED
    assert heights_of(surveys) == ten(), "a check publishes nothing"
    with open_pool(database_url) as pool:
        other = Surveys(Catalogue(pool), surveys.store, surveys.folder)
        published = other.publish(submission)
    assert (published.commit, published.counts["buildings"]) == (2, {"insert": 1, "update": 1, "unchanged": 8, "delete": 1})
    assert heights_of(surveys) == changed
    assert surveys.staged_tables() == []


def test_what_an_accepted_submission_staged_survives_other_loads(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    submission = surveys.check(city(ten(k3=20.0)))
    surveys.load({"others": ("building", [building("k1")])})
    assert len(surveys.staged_tables()) == 1
    surveys.publish(submission)
    assert heights_of(surveys) == ten(k3=20.0)


@contextmanager
def emptied(surveys: Surveys) -> Iterator[None]:
    """As a crash of the database leaves unlogged tables."""
    with surveys.catalogue.pool.connection() as connection:
        for name in surveys.staged_tables():
            connection.execute(f'TRUNCATE staging."{name}"')  # type: ignore[arg-type]
    yield


def test_lost_staging_is_received_again_and_can_be_checked_again(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    submission = surveys.check(city(ten(k3=20.0)))
    with emptied(surveys), pytest.raises(StagingLostError):
        surveys.publish(submission, allow_deletes=True)
    assert heights_of(surveys) == ten()
    assert state_of(surveys, submission) is SubmissionState.RECEIVED
    assert surveys.staged_tables() == []
    with pytest.raises(ConflictError) as refused:
        surveys.publish(submission)
    assert refused.value.code == "not-checked"


def test_a_row_staged_after_the_check_is_not_published(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    submission = surveys.check(city(ten(k3=20.0)))
    with surveys.catalogue.pool.connection() as connection:
        connection.execute(f"DELETE FROM staging.\"{surveys.staged_tables()[0]}\" WHERE natural_key = 'k1'")  # type: ignore[arg-type]
    with pytest.raises(StagingLostError):
        surveys.publish(submission)


@pytest.mark.parametrize(
    "done", ["DELETE FROM staging.{} WHERE natural_key = 'k1'", "UPDATE staging.{} SET row = row + 90 WHERE natural_key = 'k1'"]
)
def test_a_first_load_is_published_with_the_rows_that_were_checked(surveys: Surveys, done: LiteralString) -> None:
    submission = surveys.check(city(ten()))
    with surveys.catalogue.pool.connection() as connection:
        connection.execute(sql.SQL(done).format(sql.Identifier(surveys.staged_tables()[0])))
    with pytest.raises(StagingLostError):
        surveys.publish(submission)
    assert surveys.staged_tables() == []


def test_the_second_of_two_racing_submissions_is_matched_again(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    first, second = surveys.check(city(ten(k1=20.0, k10=5.0))), surveys.check(city(ten(k1=20.0, k2=30.0)))
    assert surveys.publish(first).counts["buildings"] == {"insert": 1, "update": 1, "unchanged": 9, "delete": 0}
    published = surveys.publish(second)
    assert published.counts["buildings"] == {"insert": 0, "update": 1, "unchanged": 9, "delete": 1}, "of what is there now"
    assert heights_of(surveys) == ten(k1=20.0, k2=30.0)


def test_two_first_loads_of_one_dataset_are_one_dataset(surveys: Surveys) -> None:
    first, second = surveys.check(city(ten())), surveys.check(city(ten(k1=20.0, k10=7.0)))
    surveys.publish(first)
    fids = {key: row[0] for key, row in surveys.state("buildings").items()}
    published = surveys.publish(second)
    assert published.counts["buildings"] == {"insert": 1, "update": 1, "unchanged": 9, "delete": 0}
    assert heights_of(surveys) == ten(k1=20.0, k10=7.0)
    assert {key: row[0] for key, row in surveys.state("buildings").items() if key in fids} == fids, "OIDs stay"
    with surveys.catalogue.pool.connection() as connection:
        twice = connection.execute("SELECT fid FROM city.building GROUP BY fid HAVING count(*) > 1").fetchall()
    assert twice == []


def test_what_was_derived_from_other_datasets_is_checked_again_when_they_move_on(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    submission = surveys.check(city(ten(k3=20.0)))
    unit = Row(shapely.force_2d(square(-100, -100, 900.0)), {"code": "320402", "name": "天宁区", "level": "district"})
    surveys.load({"units": ("admin_unit", [unit])})
    with pytest.raises(CheckOutdatedError):
        surveys.publish(submission)
    assert state_of(surveys, submission) is SubmissionState.RECEIVED
    again = surveys.check(city(ten(k3=20.0)))
    surveys.publish(again)
    assert {row[2][0] for row in surveys.state("buildings", "admin_codes").values()} == {"320402"}  # type: ignore[index]


def test_many_deletes_are_checked_and_then_need_a_word(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    submission = surveys.check(city({f"k{i}": 12.0 for i in range(6)}))
    with pytest.raises(RejectedError) as refused:
        surveys.publish(submission)
    assert (refused.value.code, state_of(surveys, submission)) == ("many-deletes", SubmissionState.ACCEPTED)
    assert surveys.publish(submission, allow_deletes=True).counts["buildings"]["delete"] == 4


def test_a_withdrawn_submission_leaves_neither_rows_nor_a_dataset(surveys: Surveys) -> None:
    submission = surveys.check(city(ten()))
    withdraw(surveys.catalogue, submission)
    assert surveys.staged_tables() == []
    surveys.load({"buildings": ("pipe_node", [Row(shapely.Point(497_538.0, 3_520_895.0, 5.0), {"node_id": "n", "depth_m": 2.0})])})
    with pytest.raises(ConflictError):
        surveys.publish(submission)


def test_a_dataset_another_submission_is_on_its_way_into_is_not_forgotten(surveys: Surveys) -> None:
    waiting, given_up = surveys.check(city(ten())), surveys.check(city(ten()))
    withdraw(surveys.catalogue, given_up)
    surveys.publish(waiting)
    assert heights_of(surveys) == ten()


def test_a_declared_delete_of_what_comes_meanwhile_deletes_it(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    gone = {"buildings": ("building", (building("k20", extra='{"op": "delete"}'),))}
    submission = surveys.check(gone, mode="delta")
    surveys.load({"buildings": ("building", (building("k20"),))}, mode="delta")
    assert surveys.publish(submission).counts["buildings"]["delete"] == 1
    assert heights_of(surveys) == ten()


def test_what_publishing_finds_anew_says_its_file(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    gone = {"buildings": ("building", (building("k30"), building("k20", extra='{"op": "delete"}')))}
    submission = surveys.check(gone, mode="delta")
    surveys.load({"buildings": ("building", (building("k21"),))}, mode="delta")
    published = surveys.publish(submission).findings
    assert [(f.rule, f.file, f.layer, f.row) for f in published] == [("delete-unknown", "survey", "layer", 2)]
    kept = Register(surveys.catalogue).findings(submission, "delete-unknown", 0, 10)
    assert [(f.file, f.layer, f.row) for _, f in kept] == [("survey", "layer", 2)]


def test_a_check_says_which_rule_it_asks(surveys: Surveys) -> None:
    said: list[str] = []
    place = replace(surveys.place(city(ten())), step=lambda step: said.append(step.en))
    load(place, surveys.request(city(ten())))
    rules = [step for step in said if step.startswith("checking: ")]
    assert any("(unique)" in step for step in rules)
    assert not any("(L03)" in step for step in rules), "that is asked of pipes only"
    assert said.index("checking") < said.index(rules[0]) < said.index("comparing with what is published")


def test_what_rests_for_long_is_given_back(surveys: Surveys) -> None:
    submission = surveys.check(city(ten()))
    assert Register(surveys.catalogue).resting(days=1) == ()
    with surveys.catalogue.pool.connection() as connection:
        connection.execute("UPDATE catalog.submission SET changed_at = now() - interval '2 days'")
    assert Register(surveys.catalogue).resting(days=1) == (submission,)
    give_back(surveys.catalogue, submission)
    assert (state_of(surveys, submission), surveys.staged_tables()) == (SubmissionState.RECEIVED, [])


def test_only_one_works_on_a_submission(surveys: Surveys) -> None:
    submission = surveys.check(city(ten()))
    with (
        staging.claimed(surveys.catalogue.pool, submission),
        pytest.raises(ConflictError) as busy,
        staging.claimed(surveys.catalogue.pool, submission, wait=False),
    ):
        pass
    assert busy.value.code == "busy"
    with staging.claimed(surveys.catalogue.pool, submission, wait=False):
        pass


def changed(surveys: Surveys, before: Heights, after: Heights) -> set[tuple[object, ...]]:
    """What two states differ in, told by comparing them."""
    found: set[tuple[object, ...]] = {("insert", k, None, after[k]) for k in after.keys() - before.keys()}
    found |= {("delete", k, before[k], None) for k in before.keys() - after.keys()}
    return found | {("update", k, before[k], after[k]) for k in before.keys() & after.keys() if before[k] != after[k]}


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.dictionaries(st.sampled_from([f"k{i}" for i in range(6)]), st.sampled_from([5.0, 6.0]), min_size=1),
    after=st.dictionaries(st.sampled_from([f"k{i}" for i in range(6)]), st.sampled_from([5.0, 6.0]), min_size=1),
    page=st.integers(1, 3),
)
def test_changes_are_what_differs_before_and_after_the_publish(surveys: Surveys, before: Heights, after: Heights, page: int) -> None:
    surveys.load(city(before), allow_deletes=True)
    submission = surveys.check(city(after), allow_deletes=True)
    expected = changed(surveys, before, after)
    assert told(surveys, submission, None, page) == expected
    commit = surveys.publish(submission, allow_deletes=True).commit
    if commit is not None:
        assert told(surveys, submission, commit, page) == expected


def told(surveys: Surveys, submission: uuid.UUID, commit: int | None, page: int) -> set[tuple[object, ...]]:
    """What the changes say, read page by page."""
    found: list[tuple[object, ...]] = []
    cursor = Cursor()
    while True:
        if commit is None:
            changes = staged_changes(surveys.catalogue, submission, None, cursor, page)
        else:
            changes = published_changes(surveys.catalogue, commit, None, cursor, page)
        found += [(c.action, c.key, c.before and c.before["height_m"], c.after and c.after["height_m"]) for c in changes]
        if len(changes) < page:
            assert len(found) == len(set(found)), "no page tells a change again"
            return set(found)
        cursor = Cursor.parse(str(changes[-1].cursor))


def test_a_moved_feature_shows_both_places(surveys: Surveys) -> None:
    surveys.load(city(ten()))
    moved = (*city(ten())["buildings"][1][1:], building("k0", x=-5.0))
    submission = surveys.check({"buildings": ("building", moved)})
    [change] = staged_changes(surveys.catalogue, submission, "update", Cursor(), 10)
    assert (change.before, change.after) == ({}, {})
    assert change.geometry_before_wkb is not None
    was, will_be = shapely.from_wkb(change.geometry_before_wkb), shapely.from_wkb(change.geometry_wkb)
    assert (was.bounds[0] - will_be.bounds[0]) == pytest.approx(5.0)


@pytest.fixture
def own_cluster(run_folder: Path) -> Iterator[EmbeddedCluster]:
    """A cluster that a test may kill."""
    folder = run_folder / f"killed-{uuid.uuid4().hex[:8]}"
    yield EmbeddedCluster(folder)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def opened(cluster: EmbeddedCluster, folder: Path) -> Iterator[Surveys]:
    with cluster.use():
        ensure_database(cluster.dsn("postgres"), "twin")
        migrate(cluster.dsn("twin"))
        with open_pool(cluster.dsn("twin")) as pool:
            catalogue = Catalogue(pool)
            yield Surveys(catalogue, FolderStore(folder / "store"), folder)


def test_postgresql_killed_between_check_and_publish_never_loses_a_feature(own_cluster: EmbeddedCluster, tmp_path: Path) -> None:
    """DESIGN 13: an unlogged table is empty after a crash, and publishing that would erase the dataset."""
    with own_cluster.use():
        with opened(own_cluster, tmp_path) as surveys:
            surveys.catalogue.make_deployment(Deployment("测试", 4549, "none", None, None, new_oid_root(), "noop", None, "test"))
            surveys.load(city(ten()))
            update, first_load = surveys.check(city(ten(k3=20.0))), surveys.check({"sheds": ("building", [building("k1")])})
        server = running(own_cluster.layout)
        assert server is not None
        psycopg.connect(own_cluster.dsn("twin")).close()
        kill_whole(server.pid)
    with opened(own_cluster, tmp_path) as surveys:
        assert heights_of(surveys) == ten()
        with pytest.raises(StagingLostError):
            surveys.publish(update, allow_deletes=True)
        assert heights_of(surveys) == ten(), "neither empty nor smaller"
        assert [r.count for r in surveys.catalogue.revisions("buildings")] == [10]
        assert state_of(surveys, update) is SubmissionState.RECEIVED
        assert surveys.publish(first_load).counts["sheds"]["insert"] == 1, "a first load is logged: it survives"
        surveys.publish(surveys.check(city(ten(k3=20.0))))
        assert heights_of(surveys) == ten(k3=20.0)


def kill_whole(pid: int) -> None:
    """Kill a postmaster as the kernel does when memory runs out, and wait until it is gone."""
    import os
    import signal
    import time

    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)


def test_of_very_many_findings_the_first_are_kept_and_all_counted(surveys: Surveys) -> None:
    more = 7
    rows = [
        Row(square(0, 0), {"building_id": "B0"}),
        *(Row(square(20, 0), {"building_id": f"F{i}"}, rejected=True) for i in range(KEPT_FINDINGS + more)),
    ]
    submission = surveys.check({"blocks": ("building", rows)}, max_rejected=1.0)
    register = Register(surveys.catalogue)
    counted = register.finding_counts(submission)["range"]
    assert (counted.count, counted.kept, counted.waived, counted.severity) == (KEPT_FINDINGS + more, KEPT_FINDINGS, 0, Severity.ERROR)
    assert len(register.findings(submission, "range", 0, 10**6)) == KEPT_FINDINGS
