"""The subtree files of a tree of node records, written from the bottom up: after an edit only those on the path to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tiles.node import Node
from tiles.subtree import NAME_BYTES, SUBTREE_LEVELS, Subtree, joined, names_of, read_subtree, write_subtree
from tiles.tiling import LAST_LEVEL, ROOT_LEVEL, Cell

_LEVELS = ROOT_LEVEL - LAST_LEVEL + 1
"""No tree has more."""

type Load = Callable[[str], Node]
"""Return the node of a name."""
type Read = Callable[[str], bytes]
"""Return the subtree file of a name."""
type Put = Callable[[bytes], str]
"""Store a subtree file and return its name, 32 hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Before:
    """A tree whose subtree files there are: its root, the name of the root's file, and how to read files."""

    root: Node
    name: str
    read: Read


@dataclass(frozen=True, slots=True)
class _Tile:
    """One tile of a subtree file, at ``cell``."""

    cell: Cell
    region: list[float]
    error_m: float
    content_region: list[float] | None
    content_name: str


@dataclass(frozen=True, slots=True)
class _Below:
    """The file ``name`` that hangs below a subtree, at ``cell``."""

    cell: Cell
    name: str


@dataclass(frozen=True, slots=True)
class _File:
    """A subtree file of the tree before: its root and what it says."""

    root: Node
    subtree: Subtree


def write_subtrees(root: Node, load: Load, put: Put, before: Before | None = None) -> str:
    """Store the subtree files of the tree of ``root``, below which something is drawn, and return the name of the root's.

    They are the same bytes whether or not the tree ``before`` is given; with it, and the same root cell, only nodes and files that differ
    are loaded and written.
    """
    if before is None or before.root.cell != root.cell or before.root.tile is None:
        return _Writer(load, put, None).write(root, None)
    if before.root.name == root.name:
        return before.name
    return _Writer(load, put, before.read).write(root, _File(before.root, read_subtree(before.read(before.name))))


@dataclass(frozen=True, slots=True)
class _Writer:
    load: Load
    put: Put
    read: Read | None

    def write(self, root: Node, old: _File | None) -> str:
        """Write the file of ``root`` and all below it that ``old``, the file of the same cell before, does not know already."""
        found = list(self._walk(root, None if old is None else old.root, old, SUBTREE_LEVELS))
        tiles, below = [f for f in found if isinstance(f, _Tile)], [f for f in found if isinstance(f, _Below)]
        kept = [f for f in found if isinstance(f, Subtree)]
        return self.put(write_subtree(joined([_subtree(root.cell, tiles, below), *kept])))

    def _walk(self, node: Node, before: Node | None, old: _File | None, levels: int) -> Iterator[_Tile | _Below | Subtree]:
        """Yield the tiles of ``levels`` levels from ``node`` down, and what hangs below them; all that ``old`` knows of a cell at once."""
        if node.tile is None:
            return
        content = node.content
        region = None if content is None else content.region.as_list()
        yield _Tile(node.cell, node.tile.region.as_list(), node.tile.geometric_error_m, region, "" if content is None else content.hash)
        known = {} if before is None else dict(before.children)
        for quarter, name in node.children:
            then = known.get(quarter)
            if old is not None and then == name:
                yield _within(old, node.cell.quarter(quarter))
                continue
            child, previous = self.load(name), None if then is None else self.load(then)
            if levels > 1:
                yield from self._walk(child, previous, old, levels - 1)
            elif child.tile is not None:
                yield _Below(child.cell, self.write(child, self._file(previous, old)))

    def _file(self, root: Node | None, above: _File | None) -> _File | None:
        """Return the file before whose root is ``root``, which hangs below ``above``; None where there was none."""
        if root is None or root.tile is None or above is None or self.read is None:
            return None
        return _File(root, read_subtree(self.read(_child_name(above, root.cell))))


def _within(old: _File, cell: Cell) -> Subtree:
    """Return what ``old`` says of ``cell`` and all below it, in the coordinates of ``old``."""
    s, depth = old.subtree, old.root.cell.level - cell.level
    place = _below_root(old.root.cell, cell)
    up = np.maximum(s.level - depth, 0)
    inside = (s.level >= depth) & (s.x >> up == place[0]) & (s.y >> up == place[1])
    hanging = (s.children >> (s.levels - depth) == place).all(axis=1)
    return s.of(inside, hanging)


def _below_root(root: Cell, cell: Cell) -> tuple[int, int]:
    """Return column and row of ``cell`` counted from those of ``root``."""
    down = root.level - cell.level
    return cell.column - (root.column << down), cell.row - (root.row << down)


def _child_name(old: _File, cell: Cell) -> str:
    which = int(np.flatnonzero((old.subtree.children == _below_root(old.root.cell, cell)).all(axis=1))[0])
    return old.subtree.child_name[which].tobytes().hex()


def _subtree(root: Cell, tiles: list[_Tile], below: list[_Below]) -> Subtree:
    places = np.array([_below_root(root, t.cell) for t in tiles], np.int64)
    return Subtree(
        SUBTREE_LEVELS,
        np.array([root.level - t.cell.level for t in tiles], np.int64),
        places[:, 0],
        places[:, 1],
        np.array([t.region for t in tiles]),
        np.array([t.error_m for t in tiles]),
        np.array([[np.nan] * 6 if t.content_region is None else t.content_region for t in tiles]),
        names_of([t.content_name or "00" * NAME_BYTES for t in tiles]),
        np.array([_below_root(root, b.cell) for b in below], np.int64).reshape(-1, 2),
        names_of([b.name for b in below]),
    )


def find_subtree(read: Read, name: str, level: int, x: int, y: int) -> str | None:
    """Return the name of the file of tile (``level``, ``x``, ``y``) below the root of the subtree file ``name``; None for no such file."""
    if not (0 <= level < _LEVELS and 0 <= x < 1 << level and 0 <= y < 1 << level):
        return None
    while level > 0:
        found = _step(read_subtree(read(name)), level, x, y) if level >= SUBTREE_LEVELS else None
        if found is None:
            return None
        name, level = found, level - SUBTREE_LEVELS
        x, y = x & ((1 << level) - 1), y & ((1 << level) - 1)
    return name


def find_content(read: Read, name: str, level: int, x: int, y: int) -> str | None:
    """Return the name of the content of tile (``level``, ``x``, ``y``) below the root of the subtree file ``name``; None for none."""
    depth = level % SUBTREE_LEVELS
    file = find_subtree(read, name, level - depth, x >> depth, y >> depth)
    if file is None:
        return None
    subtree = read_subtree(read(file))
    mask = (1 << depth) - 1
    here = (subtree.level == depth) & (subtree.x == (x & mask)) & (subtree.y == (y & mask))
    found = np.flatnonzero(here & subtree.has_content)
    return subtree.content_name[found[0]].tobytes().hex() if len(found) else None


def _step(subtree: Subtree, level: int, x: int, y: int) -> str | None:
    """Return the name of the child subtree that holds tile (``level``, ``x``, ``y``)."""
    up = level - subtree.levels
    found = np.flatnonzero((subtree.children == [x >> up, y >> up]).all(axis=1))
    return subtree.child_name[found[0]].tobytes().hex() if len(found) else None
