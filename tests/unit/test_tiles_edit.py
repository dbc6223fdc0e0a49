"""A tileset made from the one before is, byte for byte, the one made from all features, and little of it is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tile_features import BUILDING, buildings, features, texts, to_geocentric
from tests.tile_trees import nodes
from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset, read_tree, update_tileset
from tiles.columns import Column, FeatureColumns, NumberColumn, TextColumn, concatenate
from tiles.memory_store import MemoryStore
from tiles.node import NodeError
from tiles.node_store import NodeStore
from tiles.selection import taken
from tiles.tiling import Budget

OPTIONS = BuildOptions(budget=Budget(1_500, 15_000))
COUNT = 300


@cache
def city() -> FeatureColumns:
    return buildings(COUNT)


@cache
def built() -> tuple[Mapping[str, bytes], TilesetSummary]:
    store = MemoryStore()
    return store, build(city(), store)


def target(revision: int = 1) -> TilesetTarget:
    return TilesetTarget("b", revision, "open", "2.25.9.2.1.")


def build(run: FeatureColumns, store: MemoryStore, revision: int = 1) -> TilesetSummary:
    return build_tileset([run], BUILDING, to_geocentric, target(revision), store, options=OPTIONS)


@dataclass(frozen=True)
class Change:
    """What is done to one feature."""

    kind: str
    index: int
    east_m: float = 0.0
    north_m: float = 0.0


CHANGES = st.lists(
    st.builds(
        Change,
        st.sampled_from(["delete", "raise", "rename", "move", "insert", "empty", "far", "recode"]),
        st.integers(0, COUNT - 1),
        st.floats(-400, 400),
        st.floats(-400, 400),
    ),
    min_size=1,
    max_size=12,
)


def changed(run: FeatureColumns, changes: list[Change]) -> FeatureColumns:
    """The city after ``changes``, shuffled."""
    shapes = [shapely.from_wkb(run.wkb[a:b].tobytes()) for a, b in zip(run.wkb_offsets[:-1], run.wkb_offsets[1:], strict=True)]
    height, usage, name = run.columns["height_m"], run.columns["usage"], run.columns["name"]
    assert isinstance(height, NumberColumn)
    assert isinstance(usage, TextColumn)
    assert isinstance(name, TextColumn)
    heights, usages, names = height.values.astype(np.float64).copy(), usage.texts(), name.texts()
    gone: set[int] = set()
    came = []
    for number, c in enumerate(changes):
        i = c.index
        match c.kind:
            case "delete":
                gone.add(i)
            case "raise":
                heights[i] += 500  # a new maximum
            case "rename":
                names[i] = f"改名{number}"
            case "recode":
                usages[i] = "industry"
            case "move":
                shapes[i] = shapely.transform(shapes[i], lambda p, c=c: np.add(p, (c.east_m, c.north_m, 0)), include_z=True)
            case "far":
                shapes[i] = shapely.transform(shapes[i], lambda p: np.add(p, (30_000, 90_000, 0)), include_z=True)
            case "empty":
                shapes[i] = shapely.MultiPolygon()
            case _:
                came.append(i)
    columns: dict[str, Column] = {"height_m": NumberColumn(heights, height.valid), "usage": texts(usages), "name": texts(names)}
    moved = features(shapes, {**run.columns, **columns})
    kept = taken(moved, np.array([i for i in range(len(run)) if i not in gone], np.int64))
    new = taken(city(), np.array(came, np.int64))
    new = replace(new, fid=np.arange(1_000, 1_000 + len(came), dtype=np.uint32))
    return shuffled(concatenate([kept, new]), len(changes))


def shuffled(run: FeatureColumns, seed: int) -> FeatureColumns:
    return taken(run, np.random.default_rng(seed).permutation(len(run)))


def of(run: FeatureColumns, fids: np.ndarray) -> FeatureColumns:
    return taken(run, np.flatnonzero(np.isin(run.fid, fids)))


def states(run: FeatureColumns) -> dict[int, object]:
    """All of each feature, to be compared."""

    def values(c: TextColumn | NumberColumn) -> list[object]:
        return (
            list(c.texts()) if isinstance(c, TextColumn) else [v if ok else None for v, ok in zip(c.values.tolist(), c.valid, strict=True)]
        )

    columns = [values(c) for c in run.columns.values()]
    wkb = [run.wkb[a:b].tobytes() for a, b in zip(run.wkb_offsets[:-1], run.wkb_offsets[1:], strict=True)]
    return {int(fid): (wkb[i], [c[i] for c in columns]) for i, fid in enumerate(run.fid)}


def update(before: FeatureColumns, after: FeatureColumns, base: str, store: MemoryStore, revision: int = 2) -> tuple[TilesetSummary, int]:
    """Update ``store`` and return how many features were asked for besides those that changed."""
    old, new = states(before), states(after)
    fids = np.array([fid for fid in old.keys() | new.keys() if old.get(fid) != new.get(fid)], np.uint32)
    asked: list[int] = []

    def fetch(wanted: np.ndarray) -> FeatureColumns:
        asked.extend(wanted.tolist())
        return of(after, wanted)

    made = update_tileset(base, of(before, fids), of(after, fids), fetch, BUILDING, to_geocentric, target(revision), store, OPTIONS)
    return made, len(asked)


def live(store: Mapping[str, bytes], fresh: Mapping[str, bytes]) -> dict[str, bytes]:
    return {key: store[key] for key in fresh}


@given(st.lists(CHANGES, min_size=1, max_size=3))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_updates_give_the_same_bytes_as_a_build_of_all(edits: list[list[Change]]) -> None:
    objects, summary = built()
    store = MemoryStore()
    store |= objects
    run = city()
    for revision, changes in enumerate(edits, start=2):
        after = changed(city(), changes)
        summary, _ = update(run, after, summary.tree, store, revision)
        run = after
    fresh = MemoryStore()
    assert build(run, fresh, len(edits) + 1) == summary
    assert live(store, fresh) == fresh


@pytest.mark.parametrize("left", [0, 1, 5])
def test_a_city_that_is_nearly_emptied_and_filled_again(left: int) -> None:
    objects, first = built()
    store = MemoryStore()
    store |= objects
    few = taken(city(), np.arange(left))
    second, _ = update(city(), few, first.tree, store)
    fresh = MemoryStore()
    assert build(few, fresh, 2) == second
    assert live(store, fresh) == fresh
    third, _ = update(few, city(), second.tree, store, 3)
    assert (third.tree, third.drawn) == (first.tree, COUNT)


def depth(store: MemoryStore, tree: TilesetSummary) -> int:
    read = NodeStore(store, "b", "open")
    name = read_tree(read, tree.tree).root
    assert name is not None
    return read.node(name).levels


def test_an_edit_writes_the_path_to_its_leaf_and_nothing_beside_it() -> None:
    """A new maximum and a value nobody had: contents beside the path do not notice, and few features are asked for."""
    objects, first = built()
    store = MemoryStore()
    store |= objects
    after = changed(city(), [Change("raise", 123), Change("recode", 123)])
    second, asked = update(city(), after, first.tree, store)
    new = set(store) - set(objects)
    levels = depth(store, second)
    assert levels > 3
    assert len(new) <= 2 * levels + 6
    assert sum("/c/" in key for key in new) <= levels
    was, now = ({n.content.hash for n in nodes(store, "b", tree) if n.content is not None} for tree in (first.tree, second.tree))
    assert len(was - now) <= levels < len(was & now)  # every other content goes on being shown
    assert asked < 30


def test_a_tree_made_in_another_way_is_not_taken_up() -> None:
    objects, first = built()
    store = MemoryStore()
    store |= objects
    other = replace(target(2), pipeline="another")
    with pytest.raises(NodeError):
        update_tileset(
            first.tree,
            taken(city(), np.arange(1)),
            taken(city(), np.arange(1)),
            lambda f: of(city(), f),
            BUILDING,
            to_geocentric,
            other,
            store,
            OPTIONS,
        )


def test_features_that_are_not_those_of_the_tree_are_noticed() -> None:
    objects, first = built()
    store = MemoryStore()
    store |= objects
    stranger = replace(taken(city(), np.arange(1)), fid=np.array([5_000], np.uint32))
    with pytest.raises(NodeError):
        update_tileset(
            first.tree, stranger, taken(city(), np.arange(0)), lambda f: of(city(), f), BUILDING, to_geocentric, target(2), store, OPTIONS
        )
