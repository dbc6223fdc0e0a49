"""The partition is a pure function of the feature set on an absolute grid."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tiles.plan import COARSE_LEVEL, Histogram, Limits, Planned, branches, chunks
from tiles.tiling import (
    LAST_LEVEL,
    ROOT,
    Budget,
    Cell,
    Places,
    cell_of,
    common_cell,
    deepest_cell,
    last_cell,
    morton,
    span,
    tree_order,
)

SMALL = Budget(vertices=100, bytes=10_000)


def places(seed: int, count: int, spread_m: float = 900.0) -> Places:
    rng = np.random.default_rng(seed)
    x, y = 500_000 + rng.normal(0, spread_m, count), 3_520_000 + rng.normal(0, spread_m, count)
    vertices = rng.integers(6, 60, count)
    fid = (rng.permutation(count) + 1).astype(np.uint32)
    code = morton(x, y)
    order = tree_order(code, fid)
    weights = np.column_stack([vertices, vertices * 8, vertices // 2, vertices * 4]).astype(np.int64)
    return Places(code[order], fid[order], weights[order])


def leaves(p: Places, cell: Cell = ROOT) -> list[tuple[Cell, tuple[int, ...]]]:
    """Every leaf with its fids, in the order of the tree."""
    if SMALL.fits(cell, p.weight):
        return [(cell, tuple(p.fid.tolist()))]
    return [leaf for q, first, last in p.quarters(cell) for leaf in leaves(p.part(first, last), cell.quarter(q))]


@given(st.integers(0, 10_000), st.integers(1, 400), st.sampled_from([0.1, 20.0, 900.0]))
@settings(max_examples=60, deadline=None)
def test_every_feature_is_in_one_leaf_and_no_leaf_of_two_is_over_budget(seed: int, count: int, spread_m: float) -> None:
    p = places(seed, count, spread_m)
    found = leaves(p)
    assert sorted(fid for _, fids in found for fid in fids) == sorted(p.fid.tolist())
    at = dict(zip(p.fid.tolist(), range(count), strict=True))
    for cell, fids in found:
        index = [at[fid] for fid in fids]
        assert len(fids) == 1 or p.weights[index, 0].sum() <= SMALL.vertices
        assert all(cell.holds(last_cell(p, i)) for i in index)


def test_features_in_one_place_are_told_apart_by_their_fid() -> None:
    """A thousand features on one point once recursed for ever: no place can separate them."""
    fid = np.arange(1, 1_001, dtype=np.uint32)
    code = np.zeros(1_000, np.int64)
    p = Places(code, fid[tree_order(code, fid)], np.tile(np.array([[30, 240, 30, 240]]), (1_000, 1)))
    found = leaves(p)
    assert sorted(f for _, fids in found for f in fids) == fid.tolist()
    assert max(len(fids) for _, fids in found) <= 3
    assert min(cell.level for cell, _ in found) >= LAST_LEVEL


@given(st.integers(-(2**24), 2**24 - 1), st.integers(-(2**24), 2**24 - 1), st.integers(4, 25))
@settings(max_examples=50, deadline=None)
def test_a_cell_is_a_span_of_codes_that_holds_its_points(x: int, y: int, level: int) -> None:
    code = int(morton(np.array([x + 0.5]), np.array([y + 0.5]))[0])
    cell = cell_of(code, level)
    side = 2**level
    assert (cell.column, cell.row) == ((x + 2**24) // side, (y + 2**24) // side)
    first, last = span(cell)
    assert first <= code < last
    assert last - first == (side // 16) ** 2


@given(st.integers(0, 1_000), st.integers(2, 50))
@settings(max_examples=30, deadline=None)
def test_the_deepest_cell_holds_all_and_none_of_its_quarters_does(seed: int, count: int) -> None:
    p = places(seed, count, 30.0)
    cell = deepest_cell(p)
    assert all(cell.holds(last_cell(p, i)) for i in range(count))
    assert not any(all(cell.quarter(q).holds(last_cell(p, i)) for i in range(count)) for q in range(4))
    assert common_cell(last_cell(p, 0), cell) == cell


@given(st.integers(0, 1_000), st.integers(1, 400), st.sampled_from([5.0, 900.0, 20_000.0]))
@settings(max_examples=30, deadline=None)
def test_the_plan_of_any_batches_holds_all_features_in_units_that_fit_or_are_coarse_cells(seed: int, count: int, spread_m: float) -> None:
    p = places(seed, count, spread_m)
    histogram = Histogram()
    for first, last in itertools.pairwise(sorted({0, count // 3, count // 2, count})):
        histogram.add(p.part(first, last))
    plan = histogram.plan(SMALL)
    assert plan is not None
    found = list(branches(plan, Limits(0, 0)))
    assert [u.weight for u in found] == [p.part(*np.searchsorted(p.code, span(u.cell)).tolist()).weight for u in found]
    assert sum(u.weight.count for u in found) == count
    assert all(SMALL.fits_coarse(u.cell, u.weight) or u.cell.level == COARSE_LEVEL or u.cell == ROOT for u in found)
    assert not any(SMALL.fits_coarse(n.cell, n.weight) for n in inner(plan))
    limits = Limits(50, 1_000)
    made = chunks(branches(plan, limits), limits)
    assert [unit for chunk in made for branch in chunk.branches for unit in branches(branch, Limits(0, 0))] == found
    assert all(len(c.branches) == 1 or (c.count <= 50 and sum(b.weight.bytes for b in c.branches) <= 1_000) for c in made)


def inner(planned: Planned) -> list[Planned]:
    return [n for _, child in planned.children for n in inner(child)] + ([planned] if planned.children else [])


def test_no_features_have_no_plan() -> None:
    assert Histogram().plan(SMALL) is None
