"""A model of many levels of detail as tiles: each level is replaced by its finer ones (3D Tiles 1.1 §6.2, refine REPLACE)."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from tiles.bounds import union
from tiles.tileset import LARGEST_INLINE_BYTES, ContentRef, Json, PutTree, Tile, external
from twin.mesh_levels import MeshLevels

_TOGETHER = 4


def leveled(levels: MeshLevels, content_of: Callable[[int], ContentRef], put_tree: PutTree) -> Tile | None:
    """Return the tile of all roots of ``levels``, None when nothing is drawn; ``content_of`` stores the mesh of a level by its number.

    Levels are asked for one at a time, those below a level before it. The error of a level is what the model says, and never less than that
    of one below it; above what has no mesh it is half the diagonal.
    """
    tops = [top for root in levels.roots if (top := _tree(levels, root, content_of, put_tree)) is not None]
    while len(tops) > _TOGETHER:  # neighbours as they were listed
        tops = [_tile(None, tops[i : i + _TOGETHER], 0.0, put_tree) for i in range(0, len(tops), _TOGETHER)]
    return _tile(None, tops, 0.0, put_tree) if len(tops) > 1 else next(iter(tops), None)


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
            done[number] = _tile(content_of(number) if level.has_mesh else None, finer, level.error_m, put_tree)
    return done.get(root)


def _tile(content: ContentRef | None, children: list[Tile], error_m: float, put_tree: PutTree) -> Tile:
    region = union([c.region for c in ([content] if content is not None else [])] + [c.region for c in children])
    own = 0.0 if not children else error_m if content is not None else region.diagonal_m / 2
    error = max([own, *(c.geometric_error_m for c in children)])
    body: Json = {"boundingVolume": {"region": region.as_list()}, "geometricError": error, "refine": "REPLACE"}
    if content is not None:
        body["content"] = {"uri": f"c/{content.hash}.glb"}
    inline = [external(c, put_tree) if c.size > LARGEST_INLINE_BYTES else c for c in children]
    if inline:
        body["children"] = [c.json for c in inline]
    return Tile(region, error, body, len(orjson.dumps(body)))
