"""load.published and load.delta: from checked rows to a revision that everybody reads; a million at once, and a hundred among a million."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import shapely
from psycopg import sql

from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.workload import Buildings, make_buildings
from ingest.request import PartSpec
from twin.tables import current_table

NAME, DELTA_NAME = "load.published", "load.delta"
ROWS, CHANGED, ROUNDS, DELTAS = 1_000_000, 100, 3, 9


def run_published(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure publishing a checked dataset; ``published_0``… stay behind on the stage."""
    path = stage.geopackage(make_buildings(ROWS))
    numbers = itertools.count()

    def ours() -> float:
        submission, _ = stage.check(path, (PartSpec(None, "building", f"published_{next(numbers)}"),))
        started = time.perf_counter()
        stage.publish(submission)
        return ROWS / (time.perf_counter() - started)

    def bound() -> float:
        source = _table(stage, "published_0")
        started = time.perf_counter()
        with stage.city.pool.connection() as connection:
            connection.execute(sql.SQL("CREATE TABLE public.copied AS TABLE {}").format(source))
        elapsed = time.perf_counter() - started
        with stage.city.pool.connection() as connection:
            connection.execute("DROP TABLE public.copied")
        return ROWS / elapsed

    contenders = [Contender("citytwin", "ours", ours), Contender("CREATE TABLE AS", "bound", bound)]
    samples = interleave(contenders, ROUNDS, say, warm_up=False)
    method = (
        "Ours: the second of the two steps of `twin load`: from an accepted submission of a new dataset to its commit, by which every "
        "door serves it; rows are proved to be those that were checked, counted, measured, attached, linked. Bound: the same rows written "
        "once, by CREATE TABLE AS, without indexes."
    )
    return Outcome(NAME, "rows/s", ROWS, "higher", {c.name: c.role for c in contenders}, samples, method, {})


def run_delta(stage: Stage, say: Callable[[str], None]) -> Outcome:
    """Measure publishing a hundred changed buildings among a million."""
    buildings = make_buildings(ROWS)
    path = stage.geopackage(buildings)
    dataset = "delta"
    stage.publish(stage.check(path, (PartSpec(None, "building", dataset),))[0])
    numbers = itertools.count(1)

    def ours() -> float:
        changed = _write_changes(stage, buildings, next(numbers))
        submission, _ = stage.check(changed, (PartSpec(None, "building", dataset),), mode="delta", crs="EPSG:4549")
        started = time.perf_counter()
        stage.publish(submission)
        return (time.perf_counter() - started) * 1000

    def bound() -> float:
        first = next(numbers) * CHANGED
        keys = [f"B{k + 1:07d}" for k in range(first, first + CHANGED)]
        statement = sql.SQL("UPDATE {} SET height_m = height_m + 0.5 WHERE natural_key = ANY (%s)").format(_table(stage, "bound"))
        started = time.perf_counter()
        with stage.city.pool.connection() as connection:
            connection.execute(statement, (keys,))
        return (time.perf_counter() - started) * 1000

    stage.publish(stage.check(path, (PartSpec(None, "building", "bound"),))[0])
    contenders = [Contender("citytwin", "ours", ours), Contender("UPDATE", "bound", bound)]
    samples = interleave(contenders, DELTAS, say)
    method = (
        f"Ours: publishing an accepted `--mode delta` submission of {CHANGED} moved and heightened buildings of {ROWS:,}: from the call to "
        "the commit that every door serves; old states go into the history. Bound: one UPDATE of as many rows by their key, in one "
        "transaction."
    )
    return Outcome(DELTA_NAME, "ms", ROWS, "lower", {c.name: c.role for c in contenders}, samples, method, {})


def _write_changes(stage: Stage, buildings: Buildings, number: int) -> Path:
    chosen = slice(number * CHANGED, (number + 1) * CHANGED)
    moved = shapely.transform(buildings.footprints[chosen], lambda places: places + 0.5)
    rows = zip(buildings.fields["建筑编号"][chosen], moved, buildings.height_m[chosen], strict=True)
    features = [
        {"type": "Feature", "properties": {"建筑编号": key, "建筑高度": height + 1}, "geometry": json.loads(shapely.to_geojson(shape))}
        for key, shape, height in rows
    ]
    path = stage.folder / "changes.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def _table(stage: Stage, dataset: str) -> sql.Identifier:
    stored = stage.city.catalogue.dataset(dataset)
    return current_table(stored.feature_type, stored.id)
