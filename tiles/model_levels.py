"""A model of many levels of detail as tiles: each level is replaced by its finer ones (3D Tiles 1.1 §6.2, refine REPLACE)."""

from __future__ import annotations

from collections.abc import Callable

from tiles.tileset import ContentRef, PutTree, Tile, tile
from twin.mesh_levels import MeshLevels

_TOGETHER = 4


def leveled(levels: MeshLevels, content_of: Callable[[int], ContentRef], put_tree: PutTree) -> Tile | None:
    """Return the tile of all roots of ``levels``, None when nothing is drawn; ``content_of`` stores the mesh of a level by its number.

    Levels are asked for one at a time, those below a level before it. The error of a level is what the model says, and never less than that
    of one below it; above what has no mesh it is half the diagonal.
    """
    tops = [top for root in levels.roots if (top := _tree(levels, root, content_of, put_tree)) is not None]
    while len(tops) > _TOGETHER:  # neighbours as they were listed
        tops = [tile(None, tops[i : i + _TOGETHER], None, put_tree) for i in range(0, len(tops), _TOGETHER)]
    return tile(None, tops, None, put_tree) if len(tops) > 1 else next(iter(tops), None)


def _tree(levels: MeshLevels, root: int, content_of: Callable[[int], ContentRef], put_tree: PutTree) -> Tile | None:
    """Return the tile of one root; without recursion, as trees are as deep as a file says."""
    order, waiting = [], [root]
    while waiting:
        order.append(number := waiting.pop())
        waiting += levels.levels[number].children
    done: dict[int, Tile] = {}
    for number in reversed(order):
        level = levels.levels[number]
        finer = [done.pop(child) for child in level.children if child in done]
        if level.has_mesh or finer:
            error_m = (level.error_m if finer else 0.0) if level.has_mesh else None
            done[number] = tile(content_of(number) if level.has_mesh else None, finer, error_m, put_tree)
    return done.get(root)
