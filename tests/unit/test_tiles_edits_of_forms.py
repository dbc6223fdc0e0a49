"""Edits of networks, wells and bodies: a tileset made from the one before is, byte for byte, the one made from all features."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from tests.tile_bodies import tower
from tests.tile_features import BUILDING, NODE, PIPE, features, field, numbers, texts, to_geocentric
from tests.tile_trees import nodes
from tiles.build import BuildOptions, TilesetTarget, build_tileset, update_tileset
from tiles.columns import FeatureColumns, Representations, offsets_of
from tiles.memory_store import MemoryStore
from tiles.tiling import Budget
from twin.model import FeatureType
from twin.representation import encode_unpacked

COUNT = 160
OPTIONS = BuildOptions(budget=Budget(800, 5_000))
SEWER = replace(
    PIPE,
    fields=(*PIPE.fields, field("wall_mm", "number", "壁厚", "mm")),
    recipe_fields={**PIPE.recipe_fields, "wall": "wall_mm"},
)
type State = dict[int, Thing]


@dataclass(frozen=True)
class Thing:
    """A feature: where it is, the one number that its form has, and whether it is of the other kind of its type."""

    shape: BaseGeometry
    size: float
    is_other: bool

    def moved(self, east_m: float, north_m: float) -> Thing:
        return replace(self, shape=affinity.translate(self.shape, east_m, north_m))


@dataclass(frozen=True)
class Form:
    """A type of features, how one of them begins, and the columns of many."""

    kind: FeatureType
    shape: Callable[[random.Random], BaseGeometry]
    columns: Callable[[list[Thing]], FeatureColumns]

    def thing(self, seed: int) -> Thing:
        """One of these, anywhere in the city."""
        source = random.Random(seed)
        where = 497_000 + source.uniform(0, 600), 3_521_000 + source.uniform(0, 600)
        shape = affinity.translate(self.shape(source), *where)
        return Thing(shape, 1 + source.randrange(4), source.random() < 0.4)

    def run(self, state: State, seed: int = 0) -> FeatureColumns:
        """All of ``state`` in any order."""
        fids = list(state)
        random.Random(seed).shuffle(fids)
        return replace(self.columns([state[fid] for fid in fids]), fid=np.array(fids, np.uint32))


def line(source: random.Random) -> BaseGeometry:
    """Straight, with a bend, or with two."""
    points = [(0.0, 0.0, 2.0)]
    for _ in range(source.choice([1, 1, 2, 3])):
        x, y, z = points[-1]
        points.append((x + source.uniform(5, 40), y + source.uniform(-30, 30), z - source.uniform(0, 0.3)))
    return shapely.LineString(points)


def pipes(things: list[Thing]) -> FeatureColumns:
    """Circles, some of them sewers open by their wall; boxes."""
    is_box = [thing.is_other and thing.size == 2 for thing in things]
    columns = {
        "segment_id": texts([None] * len(things)),
        "outer_diameter_mm": numbers(None if box else 200 * thing.size for box, thing in zip(is_box, things, strict=True)),
        "width_mm": numbers(900.0 if box else None for box in is_box),
        "section_height_mm": numbers(700.0 if box else None for box in is_box),
        "z_reference": texts("invert" if thing.is_other else "top" for thing in things),
        "wall_mm": numbers(30.0 if thing.is_other else None for thing in things),
    }
    return features([thing.shape for thing in things], columns)


def wells(things: list[Thing]) -> FeatureColumns:
    """Shafts; of some nobody knows the depth, and they are not drawn."""
    columns = {
        "depth_m": numbers(None if thing.is_other and thing.size == 1 else thing.size for thing in things),
        "bottom_elevation_m": numbers([None] * len(things)),
        "well_diameter_mm": numbers(1_200.0 if thing.is_other else 800.0 for thing in things),
    }
    return features([thing.shape for thing in things], columns)


def houses(things: list[Thing]) -> FeatureColumns:
    """Blocks, some with a tower as LoD 2."""
    height = [5.0 * thing.size for thing in things]
    run = features(
        [shapely.force_3d(shapely.MultiPolygon([thing.shape]), 4.0) for thing in things],
        {"height_m": numbers(height), "base_height_m": numbers([4.0] * len(things))},
    )
    bodies = [
        encode_unpacked(tower(*thing.shape.centroid.coords[0][:2], 4.0, 6.0 + tall, sides=12)) if thing.is_other else b""
        for thing, tall in zip(things, height, strict=True)
    ]
    lengths = np.array([len(body) for body in bodies], np.int64)
    lod = np.where(lengths > 0, 20, 0).astype(np.uint8)
    return replace(run, representations=Representations(np.frombuffer(b"".join(bodies), np.uint8), offsets_of(lengths), lod))


FORMS: Mapping[str, Form] = {
    "network": Form(SEWER, line, pipes),
    "wells": Form(NODE, lambda _: shapely.Point(0, 0, 5), wells),
    "bodies": Form(BUILDING, lambda source: shapely.box(0, 0, source.uniform(8, 20), source.uniform(6, 15)), houses),
}
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["delete", "insert", "grow", "change", "move", "far"]),
        st.integers(1, COUNT),
        st.floats(-300, 300),
        st.floats(-300, 300),
    ),
    min_size=1,
    max_size=10,
)
type Edits = list[tuple[str, int, float, float]]


def edited(form: Form, state: State, edits: Edits) -> State:
    """``state`` after ``edits``."""
    after = dict(state)
    for what, fid, east_m, north_m in edits:
        if what == "insert":
            after[max(after, default=0) + 1] = form.thing(fid + 1_000)
        elif what == "delete":
            after.pop(fid, None)
        elif fid in after:
            thing = after[fid]
            match what:
                case "grow":
                    after[fid] = replace(thing, size=thing.size + 40)  # a new maximum
                case "change":
                    after[fid] = replace(thing, is_other=not thing.is_other)
                case "move":
                    after[fid] = thing.moved(east_m, north_m)
                case _:
                    after[fid] = thing.moved(100 * east_m, 100 * north_m)
    return after


def target(revision: int) -> TilesetTarget:
    return TilesetTarget("t", revision, "open", "2.25.9.2.1.")


@pytest.mark.parametrize("name", FORMS)
@given(rounds=st.lists(EDITS, min_size=1, max_size=3))
@settings(max_examples=6)
def test_updates_give_the_same_bytes_as_a_build_of_all(name: str, rounds: list[Edits]) -> None:
    form = FORMS[name]
    state: State = {fid: form.thing(fid) for fid in range(1, COUNT + 1)}
    store = MemoryStore()
    made = build_tileset([form.run(state)], form.kind, to_geocentric, target(1), store, options=OPTIONS)
    assert sum(not node.is_leaf for node in nodes(store, "t", made.tree)) > 3
    for revision, edits in enumerate(rounds, start=2):
        before, state = state, edited(form, state, edits)
        changed = {fid for fid in before.keys() | state.keys() if before.get(fid) != state.get(fid)}
        old, new = ({fid: held[fid] for fid in changed if fid in held} for held in (before, state))

        def fetch(wanted: np.ndarray, now: State = state) -> FeatureColumns:
            return form.run({fid: now[fid] for fid in wanted.tolist()})

        given_runs = form.run(old, revision), form.run(new, revision)
        made = update_tileset(made.tree, *given_runs, fetch, form.kind, to_geocentric, target(revision), store, OPTIONS)
    fresh = MemoryStore()
    whole = build_tileset([form.run(state, 7)], form.kind, to_geocentric, target(len(rounds) + 1), fresh, options=OPTIONS)
    assert whole == made
    assert {key: store[key] for key in fresh} == fresh
