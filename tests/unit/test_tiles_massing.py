"""The massing: exact in whatever order it is summed, of the buildings' volume and ground area, no farther from them than it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import affinity

from tests.mesh_oracles import normals_agree
from tests.tile_features import BUILDING, NODE, buildings, features, numbers, to_geocentric
from tiles.blocks import LARGEST_CONTENT, accuracy_m, block_class, block_mesh, block_table, colour_property, error_m
from tiles.checker import check_glb
from tiles.glb import Encoding, TileMesh, write_glb
from tiles.local_frame import fit_projection
from tiles.massing import AREA, COUNT, LANDMARKS, VOLUME, Massing, drawn, from_bytes, gather, massing_of, summary, to_bytes
from tiles.metadata import encode_table, metadata_class
from tiles.prisms import ORIGIN_M, Prisms, prisms_of, together
from tiles.tiling import Cell
from tiles.wkb import bounding_squares, read_wkb
from twin.model import Style

CELL = Cell(11, 8435, 9911)
"""2 km somewhere in the grid."""
COLOURED = replace(BUILDING, style=Style("usage", "#ffffff", (), {}))


def random_prisms(seed: int, count: int, cell: Cell = CELL) -> Prisms:
    """Prisms with places in ``cell``, centroids near them."""
    rng = np.random.default_rng(seed)
    side = 1 << cell.level
    place = rng.integers(0, side, (2, count)) + np.array([[cell.column], [cell.row]]) * side
    base, height = rng.integers(-500, 4_000, count), rng.integers(0, 20_000, count)
    area, length = rng.integers(1, 500_000, count), rng.integers(10, 20_000, count)
    offset = rng.integers(-3_000, 3_000, (2, count))
    turn, misfit, code = rng.integers(0, 1 << 14, count), rng.integers(0, 300, count), rng.integers(0, 4, count)
    fid = rng.permutation(10 * count)[:count]
    return Prisms(np.array([fid, *place, *(place * 100 + offset), area, base, base + height, turn, length, misfit, code]))


def in_quarter(prisms: Prisms, cell: Cell) -> Prisms:
    inside = (prisms.place_x >> cell.level == cell.column) & (prisms.place_y >> cell.level == cell.row)
    return prisms.take(np.flatnonzero(inside))


def quarters(cell: Cell) -> list[Cell]:
    return [Cell(cell.level - 1, 2 * cell.column + q % 2, 2 * cell.row + q // 2) for q in range(4)]


def grown(prisms: Prisms, cell: Cell, down_to: int) -> Massing:
    """The stored massing of ``cell``, by way of its quarters down to a level."""
    if cell.level == down_to:
        return massing_of(prisms, cell)
    below = [(in_quarter(prisms, q), q) for q in quarters(cell)]
    return summary(gather(cell, [grown(part, q, down_to) for part, q in below if len(part)]))


@given(st.integers(0, 2**32), st.integers(1, 1_500), st.integers(7, 11))
@settings(max_examples=25, deadline=None)
def test_a_massing_is_the_same_however_it_was_merged(seed: int, count: int, level: int) -> None:
    prisms = random_prisms(seed, count)
    shuffled = prisms.take(np.random.default_rng(seed + 1).permutation(count))
    assert to_bytes(grown(shuffled, CELL, level)) == to_bytes(massing_of(prisms, CELL))


@given(st.integers(0, 2**32), st.integers(1, 1_500))
@settings(max_examples=15, deadline=None)
def test_volume_area_and_number_are_conserved_to_the_last_unit(seed: int, count: int) -> None:
    prisms = random_prisms(seed, count)
    picture = gather(CELL, [massing_of(in_quarter(prisms, q), q) for q in quarters(CELL)])
    for massing in (picture, summary(picture)):
        assert massing.count == int(massing.sums[COUNT].sum()) + len(massing.landmarks) == count
        assert massing.sums[AREA].sum() + massing.landmarks.area.sum() == prisms.area.sum()
        assert massing.sums[VOLUME].sum() + massing.landmarks.volume.sum() == prisms.volume.sum()
        assert massing.shares[:, 1].sum() == massing.sums[AREA].sum()


@given(st.integers(0, 2**32), st.integers(0, 900))
@settings(max_examples=15, deadline=None)
def test_bytes_come_back(seed: int, count: int) -> None:
    massing = massing_of(random_prisms(seed, count), CELL)
    again = from_bytes(to_bytes(massing))
    assert to_bytes(again) == to_bytes(massing)
    assert (again.cell, again.columns) == (massing.cell, massing.columns)
    assert np.array_equal(again.landmarks.columns, massing.landmarks.columns)
    assert np.array_equal(again.extremes, massing.extremes)


def test_what_is_no_massing_is_refused() -> None:
    whole = to_bytes(massing_of(random_prisms(1, 300), CELL))
    for torn in (whole[:-1], whole + b"\0", whole[:40]):
        with pytest.raises(ValueError, match="no massing"):
            from_bytes(torn)
    with pytest.raises(ValueError, match="no massing"):
        from_bytes(b"TWM0" + bytes(40))


def test_virtual_cells_lie_one_on_the_other() -> None:
    """Below 16 m a cell splits by fid: its quarters are the same ground."""
    cell = Cell(4, 8435 << 7, 9911 << 7)
    prisms = random_prisms(5, 700, cell)
    parts = [
        massing_of(prisms.take(np.flatnonzero(prisms.fid & 3 == q)), Cell(3, 2 * cell.column + q % 2, 2 * cell.row + q // 2))
        for q in range(4)
    ]
    assert to_bytes(summary(gather(cell, parts))) == to_bytes(massing_of(prisms, cell))


def test_a_box_has_place_size_and_direction_of_its_footprint() -> None:
    """Against shapely: a rectangle comes back as itself, an L with its area, centroid and the direction of its walls."""
    rectangle = affinity.translate(affinity.rotate(shapely.box(-15, -5, 15, 5), 30), 497_100.25, 3_521_300.5)
    corner = affinity.translate(affinity.rotate(shapely.box(-20, -20, 20, 20) - shapely.box(0, 0, 20, 20), -20), 497_200, 3_521_300)
    court = affinity.translate(shapely.box(-10, -10, 10, 10) - shapely.box(-5, -5, 5, 5), 497_300, 3_521_300)
    shapes = [shapely.force_3d(s, 7.25) for s in (rectangle, corner, court)]
    run = features(shapes, {})
    geometries = read_wkb(run.wkb, run.wkb_offsets)
    x, y, _ = bounding_squares(geometries)
    base, top = np.array([3.0, np.nan, 2.0]), np.array([33.0, 17.25, np.nan])
    prisms = prisms_of(run.fid, geometries, x, y, base, top, np.array([1, 2, 0], np.uint8))
    assert prisms.area.tolist() == [round(100 * s.area) for s in shapes]
    assert (prisms.x / 100 + ORIGIN_M).tolist() == pytest.approx([s.centroid.x for s in shapes], abs=0.006)
    assert (prisms.y / 100 + ORIGIN_M).tolist() == pytest.approx([s.centroid.y for s in shapes], abs=0.006)
    degrees = prisms.direction * 90 / (1 << 14)
    assert degrees[:2].tolist() == pytest.approx([30, 70], abs=0.01)
    assert prisms.length[0] in (3_000, 1_000)
    assert (prisms.base.tolist(), prisms.top.tolist()) == ([300, 725, 200], [3_300, 1_725, 200])
    assert prisms.misfit[0] <= 1
    assert 100 < prisms.misfit[1] < 2_000


def city(count: int = 1_200) -> tuple[Prisms, Massing]:
    """Buildings of every shape, and the massing that the cell above them draws."""
    run = buildings(count)
    geometries = read_wkb(run.wkb, run.wkb_offsets)
    x, y, _ = bounding_squares(geometries)
    base, height = (run.columns[name].values for name in ("base_height_m", "height_m"))  # type: ignore[union-attr]
    metadata = metadata_class(BUILDING)
    column = next(c for c in encode_table(metadata, run).columns if c.prop.id == "usage")
    assert column.values is not None
    prisms = prisms_of(run.fid, geometries, x, y, base, base + height, column.values)
    cell = Cell(12, int(prisms.place_x[0]) >> 12, int(prisms.place_y[0]) >> 12)
    parts = [(in_quarter(prisms, q), q) for q in quarters(cell)]
    return together([p for p, _ in parts]), gather(cell, [massing_of(p, q) for p, q in parts if len(p)])


def test_boxes_have_the_volume_and_ground_of_the_buildings() -> None:
    prisms, massing = city()
    mesh = block_mesh(massing)
    corners = mesh.positions[mesh.triangles]
    up = mesh.normals[mesh.triangles[:, 0], 2] > 0.5
    ground = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2
    block = mesh.feature[mesh.triangles[:, 0]]
    lowest = np.array([mesh.positions[mesh.feature == i, 2].min() for i in range(len(mesh.left_out))])
    volume = (ground * (corners[:, 0, 2] - lowest[block]))[up].sum()
    assert len(mesh.left_out) == len(massing.landmarks) + len(massing.occupied()) > LANDMARKS
    assert ground[up].sum() == pytest.approx(prisms.area.sum() / 100, rel=1e-6)
    assert volume == pytest.approx(prisms.volume.sum() / 1e4, rel=1e-6)
    assert normals_agree(mesh)


def test_boxes_of_grid_cells_do_not_meet() -> None:
    """Two roofs at one height in one place would flicker."""
    _, massing = city()
    mesh = block_mesh(massing)
    roofs = [shapely.Polygon(mesh.positions[20 * i : 20 * i + 4, :2]) for i in range(len(massing.landmarks), len(mesh.left_out))]
    tree = shapely.STRtree(roofs)
    pairs = tree.query(roofs, predicate="overlaps")
    assert all(roofs[a].intersection(roofs[b]).area < 0.01 for a, b in pairs.T)


def test_the_error_is_at_least_that_of_any_building() -> None:
    """By brute force: every roof and base against that of the box of its grid cell, every place against the cell's diagonal."""
    prisms, massing = city()
    others = prisms.take(np.flatnonzero(~np.isin(prisms.fid, massing.landmarks.fid)))
    mesh, cells = block_mesh(massing), massing.occupied().tolist()
    corner_x, corner_y = massing.corner_m
    worst = 0.0
    for i in range(len(others)):
        column, row = ((int(p) - c) * 100 // massing.side_cm for p, c in ((others.place_x[i], corner_x), (others.place_y[i], corner_y)))
        box = mesh.positions[20 * (len(massing.landmarks) + cells.index(row * massing.columns + column)) :][:20, 2]
        worst = max(worst, abs(others.top[i] / 100 - box.max()), abs(others.base[i] / 100 - box.min()))
    diagonal = massing.side_cm / 100 * 2**0.5
    assert error_m(massing) == pytest.approx(max(worst, diagonal, massing.landmarks.misfit.max() / 100))
    assert worst > diagonal / 10


def test_a_content_of_blocks_stays_within_a_hundred_kibibytes() -> None:
    """The worst there is: every grid cell taken and every landmark beside."""
    massing = gather(CELL, [massing_of(random_prisms(q, 5_000, cell), cell) for q, cell in enumerate(quarters(CELL))])
    assert (len(massing.occupied()), len(massing.landmarks)) == (1_024, LANDMARKS)
    massing, metadata = drawn(massing, LARGEST_CONTENT), metadata_class(COLOURED)
    mesh = block_mesh(massing)
    kind = block_class(COLOURED, metadata)
    projection = fit_projection(to_geocentric, mesh.positions)
    local, _ = projection.project(mesh.positions)
    tile = TileMesh(projection.frame, local, mesh.normals, mesh.triangles, mesh.feature, mesh.surface)
    glb = write_glb(tile, kind, block_table(massing, kind), Encoding(accuracy_m=accuracy_m(massing)))
    assert len(glb.data) <= 100 * 1024
    assert glb.position_error_m <= accuracy_m(massing)
    report = check_glb(glb.data)
    assert (report.problems, report.blocks) == ([], 20_000)


def test_a_block_tells_number_height_and_prevailing_use() -> None:
    """Prevailing by brute force: the value with the largest ground area of the grid cell, of equal ones the least."""
    prisms, massing = city()
    metadata = metadata_class(COLOURED)
    colour, kind = colour_property(COLOURED, metadata), block_class(COLOURED, metadata)
    assert colour is not None
    assert [p.id for p in kind.properties] == ["height_m", "usage"]
    table = {c.id: c.values for c in block_table(massing, kind).columns}
    count, height = np.frombuffer(table["count"], "<u4"), np.frombuffer(table["height_m"], "<f4")
    assert count.sum() == len(prisms)
    assert (height > 0).all()
    landmark = np.isin(prisms.fid, massing.landmarks.fid)
    corner_x, corner_y = massing.corner_m
    column, row = (
        (prisms.place_x - corner_x) * 100 // massing.side_cm,
        (prisms.place_y - corner_y) * 100 // massing.side_cm,
    )
    prevailing: list[int] = massing.landmarks.code.tolist()
    for cell in massing.occupied().tolist():
        here = prisms.take(np.flatnonzero(~landmark & (row * massing.columns + column == cell)))
        ground: Counter[int] = Counter()
        for code, area in zip(here.code.tolist(), here.area.tolist(), strict=True):
            ground[code] += area
        prevailing.append(min(ground, key=lambda code: (-ground[code], code)))
    assert np.frombuffer(table["usage"], np.uint8).tolist() == prevailing
    assert len(set(prevailing)) == 4


def test_a_type_without_height_or_colour_has_blocks_that_count() -> None:
    metadata = metadata_class(NODE)
    assert colour_property(NODE, metadata) is None
    assert block_class(NODE, metadata).properties == ()


def test_numbers_are_missing_nowhere() -> None:
    """A building without a height is flat and counted."""
    run = features([shapely.force_3d(shapely.box(0, 0, 10, 10), 1.0)], {"height_m": numbers([None])})
    geometries = read_wkb(run.wkb, run.wkb_offsets)
    x, y, _ = bounding_squares(geometries)
    nothing = np.array([np.nan])
    prisms = prisms_of(run.fid, geometries, x, y, nothing, nothing, np.zeros(1, np.uint8))
    mesh = block_mesh(massing_of(prisms, Cell(4, 1 << 20, 1 << 20)))
    assert prisms.volume.tolist() == [0]
    assert np.ptp(mesh.positions[:, 2]) == pytest.approx(0.1)
