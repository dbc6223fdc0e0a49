"""The far form of networks: the same runs however they were merged, drawn where PROJ and shapely say, by a GLB that our checker knows."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import orjson
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tile_features import GEOCENTRIC, NODE, PIPE, SEPARATION_M, features, numbers, texts, to_geocentric
from tests.tile_trees import nodes
from tiles.build import BuildOptions, TilesetTarget, build_tileset
from tiles.checker import check_glb, check_tileset
from tiles.columns import Column, FeatureColumns
from tiles.glb import Encoding
from tiles.massing_form import far_form_for
from tiles.memory_store import MemoryStore
from tiles.mesh.batch import LeftOut
from tiles.mesh.tube import centre_lines
from tiles.metadata import metadata_class
from tiles.runs import STORED_RUNS, Runs, Sections, from_bytes, gather, runs_of, straight_runs, summary, to_bytes
from tiles.source import make_source
from tiles.tiling import Budget, Cell
from tiles.wkb import read_wkb
from twin.model import FeatureType, Style

COLOURED = replace(PIPE, style=Style("z_reference", "#ffffff", (), {}))
E0, N0 = 497_000.0, 3_521_000.0


def random_runs(seed: int, count: int) -> Runs:
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 5_000, (12, count))
    columns[0], columns[1] = rng.permutation(count), 0
    columns[8:10] = rng.integers(1, 6, (2, count)) * 100
    columns[5] = columns[2] + 1 + columns[5]
    return gather([Runs(columns)])


@given(st.integers(0, 2**32), st.integers(1, 4_000), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_what_is_kept_is_the_same_however_runs_were_merged(seed: int, count: int, parts: int) -> None:
    runs = random_runs(seed, count)
    rng = np.random.default_rng(seed + 1)
    part = rng.integers(0, parts, count)
    shuffled = rng.permutation(count)
    children = [summary(gather([Runs(runs.columns[:, shuffled[part[shuffled] == p]])])) for p in range(parts) if (part == p).any()]
    whole = summary(runs)
    assert to_bytes(summary(gather([from_bytes(to_bytes(c)) for c in children]))) == to_bytes(whole)
    length = np.linalg.norm(runs.ends_m[:, 1] - runs.ends_m[:, 0], axis=1)
    assert len(whole) == min(count, STORED_RUNS)
    dropped = ~np.isin(runs.fid, whole.fid)
    assert whole.hidden_cm / 100 == pytest.approx(length[dropped].max(initial=0.0), abs=0.01)


def test_what_has_no_finite_section_has_no_run() -> None:
    """Its width in millimetres would be whatever the machine makes of infinity as an integer."""
    sizes = np.array([0.3, np.inf, np.nan, 0.4])
    sections = Sections(np.zeros(4, np.int64), sizes, np.full(4, 0.3), np.zeros(4))
    ends = np.zeros((4, 3)), np.tile([9.0, 0.0, 0.0], (4, 1))
    runs, has_any = straight_runs(np.arange(4, dtype=np.uint32), np.arange(4), *ends, sections, np.zeros(4, np.int64))
    assert has_any.tolist() == [True, False, False, True]
    assert sorted(runs.size_m[:, 0].tolist()) == [0.3, 0.4]


coordinate = st.floats(-600, 600).map(lambda value: round(value, 2))
point = st.tuples(coordinate, coordinate, st.floats(-9, 9))
line = st.lists(point, min_size=2, max_size=5).flatmap(lambda points: st.sampled_from([points, [*points, points[-1], points[-1]]]))


@given(st.lists(st.lists(line, min_size=1, max_size=3), min_size=1, max_size=5), st.randoms())
@settings(max_examples=60, deadline=None)
def test_runs_of_lines_are_those_between_the_points_of_their_pipes(kinds: list[list[list[tuple]]], random: Random) -> None:
    """Repeated points, several lines of a feature, segments that are divided, sections that are not known, any order of rows."""
    count = len(kinds)
    run = features([shapely.MultiLineString(parts) for parts in kinds], {})
    geometries, sizes = read_wkb(run.wkb, run.wkb_offsets), np.array([random.choice([0.3, 1.2, 0.0, np.nan]) for _ in range(count)])
    sections = Sections(np.zeros(count, np.int64), sizes, sizes, np.arange(count) / 10)
    rows, code = np.array(random.sample(range(count), random.randint(1, count))), np.array([random.randint(0, 9) for _ in range(count)])
    runs, has_any = runs_of(run.fid, geometries, rows, sections, code[rows])

    left_out = np.where(sizes > 0, 0, LeftOut.SIZE_MISSING).astype(np.uint8)
    points, offsets, feature = centre_lines(geometries, sections.shift_m, left_out)
    begins = np.ones(len(points), np.bool_)
    begins[offsets[1:] - 1] = False
    first = np.flatnonzero(begins)
    owner = np.repeat(feature, np.diff(offsets) - 1)
    expected, all_any = straight_runs(run.fid, owner, points[first], points[first + 1], sections, code)
    mine = np.isin(expected.fid, run.fid[rows])
    assert runs.columns.tolist() == expected.columns[:, mine].tolist()
    assert has_any.tolist() == all_any[rows].tolist()
    assert from_bytes(to_bytes(runs)).columns.tolist() == runs.columns.tolist()


def test_a_column_takes_the_narrowest_integers_that_hold_it() -> None:
    spread = [0, 255, 256, 2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**62, 7, 7, 0, 1]
    columns = np.stack([np.array([least, least + wide]) for least, wide in zip(range(-6_000, 6_000, 1_000), spread, strict=True)])
    stored = to_bytes(Runs(columns, 5))
    widths = [next(w for w in (1, 2, 4, 8) if wide < 1 << (8 * w)) for wide in spread]
    assert len(stored) == len(to_bytes(Runs(np.zeros((12, 0), np.int64)))) + sum(9 + 2 * w for w in widths)
    again = from_bytes(stored)
    assert (again.columns.tolist(), again.hidden_cm) == (columns.tolist(), 5)


def pipes(count: int, seed: int = 3) -> FeatureColumns:
    """Streets of round pipes and culverts with a bend, falling, of lengths to 80 m."""
    rng = np.random.default_rng(seed)
    start = np.column_stack([E0 + 40 * rng.integers(0, 60, count), N0 + 40 * rng.integers(0, 60, count), rng.uniform(0, 4, count)])
    bend = start + np.column_stack([rng.uniform(-40, 40, (count, 2)), rng.uniform(-1, 0, count)])
    end = bend + np.column_stack([rng.uniform(-40, 40, (count, 2)), rng.uniform(-1, 0, count)])
    box = rng.uniform(size=count) < 0.2
    wide = rng.choice([0.2, 0.3, 0.8, 1.5], count) * 1000
    columns: dict[str, Column] = {
        "segment_id": texts(f"{i}" for i in range(count)),
        "outer_diameter_mm": numbers(None if b else float(w) for b, w in zip(box, wide, strict=True)),
        "width_mm": numbers(float(w) if b else None for b, w in zip(box, wide, strict=True)),
        "section_height_mm": numbers(float(w) / 2 if b else None for b, w in zip(box, wide, strict=True)),
        "z_reference": texts(str(v) for v in rng.choice(["axis", "top", "invert"], count)),
    }
    return features([shapely.LineString(np.stack(p)) for p in zip(start, bend, end, strict=True)], columns)


def wells(count: int) -> FeatureColumns:
    rng = np.random.default_rng(4)
    points = [shapely.Point(E0 + 40 * (i % 50), N0 + 40 * (i // 50), 5.0) for i in range(count)]
    depths = rng.uniform(1, 6, count).tolist()
    nothing: list[None] = [None] * count
    return features(points, {"depth_m": numbers(depths), "bottom_elevation_m": numbers(nothing), "well_diameter_mm": numbers(nothing)})


def far_glb(kind: FeatureType, run: FeatureColumns, meshopt: bool = True) -> bytes:
    metadata = metadata_class(kind)
    form = far_form_for(kind, metadata, Encoding(meshopt=meshopt))
    assert form is not None
    source = make_source(run, kind, metadata)
    rows = np.arange(len(run))
    cell = Cell(11, 8434, 9911)
    tile = form.tile(cell, [form.summary_of(source, rows, source.mesh(rows), cell)], to_geocentric)
    assert tile.glb is not None
    return tile.glb


@pytest.mark.parametrize("meshopt", [True, False])
def test_instances_lie_along_the_axes_of_their_pipes(meshopt: bool) -> None:
    run = pipes(120)
    glb = far_glb(COLOURED, run, meshopt)
    report = check_glb(glb)
    assert report.problems == []
    assert report.fids is not None
    assert report.fids.tolist() == run.fid.tolist()
    x, y, z = report.positions.T
    e, n, h = GEOCENTRIC.transform(x, y, z, direction="INVERSE")
    points = np.column_stack([e, n, np.asarray(h) - SEPARATION_M])
    # Every vertex lies by the axis of some pipe: in plan at most half its width away, which is that of a pixel where the tile is refined.
    pixel_m = 2048 / 32 * 2**0.5 / 16
    lines = [shapely.from_wkb(run.wkb[a:b].tobytes()) for a, b in zip(run.wkb_offsets[:-1], run.wkb_offsets[1:], strict=True)]
    tree = shapely.STRtree(lines)
    _, distance = tree.query_nearest(shapely.points(points[:, :2]), return_distance=True, all_matches=False)
    assert pixel_m / 2 < distance.max() < pixel_m / 2 * 1.055 + 0.02
    length = sum(line.length for line in lines)
    assert len(glb) < 9_000 + 60 * 240
    assert shapely.union_all(shapely.points(points[:, :2])).hausdorff_distance(shapely.union_all(lines)) < 45 < length


def test_wells_are_upright_instances_from_bottom_to_ground() -> None:
    run = wells(200)
    report = check_glb(far_glb(NODE, run))
    assert report.problems == []
    x, y, z = report.positions.T
    _, _, h = GEOCENTRIC.transform(x, y, z, direction="INVERSE")
    height = np.asarray(h) - SEPARATION_M
    depth = np.asarray(run.columns["depth_m"].values)  # type: ignore[union-attr]
    assert height.max() == pytest.approx(5.0, abs=0.02)
    assert height.min() == pytest.approx(5.0 - depth.max(), abs=0.02)


@pytest.mark.parametrize(("kind", "run"), [(COLOURED, pipes(3_000)), (NODE, wells(2_000))], ids=["pipes", "wells"])
def test_inner_tiles_of_a_network_show_its_weightiest_runs(kind: FeatureType, run: FeatureColumns) -> None:
    store = MemoryStore()
    target = TilesetTarget("net", 1, "open", "2.25.1.")
    tree = build_tileset([run], kind, to_geocentric, target, store, options=BuildOptions(Budget(12_000, 80_000))).tree
    files = {key.replace("tiles/net/open/r/1/", "1/").removeprefix("tiles/net/"): value for key, value in store.items()}
    assert check_tileset(files.__getitem__, "1/tileset.json") == []
    inner = [node for node in nodes(store, "net", tree) if node.children]
    assert inner
    assert all(node.content is not None and node.content.size <= 100 * 1024 for node in inner)


def mutated(glb: bytes, change: str) -> set[str]:
    length = int.from_bytes(glb[12:16], "little")
    document, binary = orjson.loads(glb[20 : 20 + length]), bytearray(glb[28 + length :])
    node = document["nodes"][1]
    attributes = node["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]

    def poke(name: str, content: bytes) -> None:
        view = document["bufferViews"][document["accessors"][attributes[name]]["bufferView"]]
        binary[view["byteOffset"] : view["byteOffset"] + len(content)] = content

    match change:
        case "INSTANCE_COUNT":
            document["accessors"][attributes["SCALE"]]["count"] -= 1
        case "INSTANCE_SCALE":
            poke("SCALE", np.float32(-1).tobytes())
        case "INSTANCE_NOT_FINITE":
            poke("TRANSLATION", np.float32(np.nan).tobytes())
        case "INSTANCE_ROTATION":
            poke("ROTATION", np.ones(4, np.float32).tobytes())
        case "INSTANCE_FORM":
            attributes["SCALE"], attributes["ROTATION"] = attributes["ROTATION"], attributes["SCALE"]
        case "FEATURE_ID_OUT_OF_RANGE":
            poke("_FEATURE_ID_0", np.uint16(60_000).tobytes())
        case "FEATURE_IDS_MISSING":
            del node["extensions"]["EXT_instance_features"]
        case "EXTENSION_REQUIRED":
            document["extensionsRequired"] = []
        case "ROW_WITHOUT_MESH":
            poke("_FEATURE_ID_0", bytes(4 * document["accessors"][attributes["_FEATURE_ID_0"]]["count"]))
    text = orjson.dumps(document)
    text += b" " * (-(len(text) + 28) % 8)
    total = 28 + len(text) + len(binary)
    head = b"glTF" + np.array([2, total, len(text)], "<u4").tobytes() + b"JSON"
    return {p.code for p in check_glb(head + text + np.uint32(len(binary)).tobytes() + b"BIN\0" + bytes(binary)).problems}


FAULTS = ["COUNT", "SCALE", "NOT_FINITE", "ROTATION", "FORM"]


@pytest.mark.parametrize(
    "code", [f"INSTANCE_{f}" for f in FAULTS] + ["FEATURE_ID_OUT_OF_RANGE", "FEATURE_IDS_MISSING", "EXTENSION_REQUIRED", "ROW_WITHOUT_MESH"]
)
def test_the_checker_finds_faults_of_instances(code: str) -> None:
    glb = far_glb(COLOURED, pipes(40), meshopt=False)
    assert code in mutated(glb, code)
