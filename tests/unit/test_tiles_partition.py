"""The partition is a pure function of the feature set on an absolute grid; an edit touches only the path to its cell."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tiles.tiling import Budget, Footprint, TileNode, partition

SMALL = Budget(vertices=100, bytes=10_000)


def footprint(seed: int, count: int) -> Footprint:
    rng = np.random.default_rng(seed)
    x, y = 500_000 + rng.normal(0, 900, count), 3_520_000 + rng.normal(0, 900, count)
    width = np.exp(rng.uniform(0, 7, count))
    vertices = rng.integers(6, 60, count)
    return Footprint(x, y, width, vertices, vertices * 8, rng.permutation(count).astype(np.uint32) + 1)


def taken(f: Footprint, order: np.ndarray) -> Footprint:
    return Footprint(*(getattr(f, name)[order] for name in ("x", "y", "width_m", "vertices", "bytes", "fid")))


def contents(node: TileNode | None, f: Footprint) -> list[tuple[int, ...]]:
    """All contents as tuples of fids in building order, in tree order."""
    if node is None:
        return []
    own = [tuple(f.fid[c].tolist()) for c in node.contents]
    return own + [c for child in node.children for c in contents(child, f)]


def nodes(node: TileNode) -> list[TileNode]:
    return [node, *(n for child in node.children for n in nodes(child))]


@given(st.integers(0, 10_000), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_every_feature_is_in_one_content_and_no_content_is_over_budget(seed: int, count: int) -> None:
    f = footprint(seed, count)
    tree = partition(f, SMALL)
    assert tree is not None
    found = contents(tree, f)
    assert sorted(fid for c in found for fid in c) == sorted(f.fid.tolist())
    cost = dict(zip(f.fid.tolist(), f.vertices.tolist(), strict=True))
    assert all(sum(cost[fid] for fid in c) <= SMALL.vertices for c in found if len(c) > 1)


@given(st.integers(0, 10_000), st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_the_order_of_input_does_not_matter(seed: int, count: int) -> None:
    f = footprint(seed, count)
    shuffled = taken(f, np.random.default_rng(seed + 1).permutation(count))
    assert contents(partition(f, SMALL), f) == contents(partition(shuffled, SMALL), shuffled)


@given(st.integers(0, 10_000), st.integers(50, 300))
@settings(max_examples=40, deadline=None)
def test_a_removed_feature_changes_only_contents_on_the_path_to_its_cell(seed: int, count: int) -> None:
    """Cells that do not hold the feature keep their contents: the grid does not follow the extent of the data."""
    f = footprint(seed, count)
    gone = count // 2
    fewer = taken(f, np.delete(np.arange(count), gone))
    before, after = partition(f, SMALL), partition(fewer, SMALL)
    assert before is not None
    assert after is not None
    x, y = f.x[gone] + 2**24, f.y[gone] + 2**24
    for node in nodes(before):
        side = float(1 << node.cell.level)
        holds = node.cell.column * side <= x < (node.cell.column + 1) * side and node.cell.row * side <= y < (node.cell.row + 1) * side
        if not holds and not node.children:
            same = [n for n in nodes(after) if n.cell == node.cell]
            if same:
                assert contents(same[0], fewer) == contents(node, f)


def test_a_feature_lies_in_a_cell_at_least_as_wide_as_itself() -> None:
    f = footprint(5, 300)
    tree = partition(f, SMALL)
    assert tree is not None
    for node in nodes(tree):
        if node.children:
            for content in node.contents:
                assert (f.width_m[content] > (1 << (node.cell.level - 1))).all()


def test_features_in_one_place_are_told_apart_by_their_fid() -> None:
    """A thousand features on one point once recursed for ever: no cell can separate them."""
    count = 1_000
    here = np.full(count, 100.0)
    f = Footprint(here, here, np.ones(count), np.full(count, 30), np.full(count, 240), np.arange(1, count + 1, dtype=np.uint32))
    found = contents(partition(f, SMALL), f)
    assert sorted(fid for c in found for fid in c) == list(range(1, count + 1))
    assert max(len(c) for c in found) <= 3


def test_no_features_have_no_tree() -> None:
    assert partition(footprint(0, 0), SMALL) is None
