"""Connected components of a graph whose vertices are numbers, and of the lines of one: union-find, four bytes a vertex."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from twin.kernel import inlined_kernel, kernel

Codes = npt.NDArray[np.int32]
Degrees = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]

_MANY = 3
"""Degrees are counted up to this."""
_NONE = -1


def components(vertices: int, edges: Iterable[Codes]) -> Codes:
    """Return for each vertex the smallest vertex it is connected with; ``edges`` are pairs of vertices, shape (n, 2), some at a time."""
    labels = np.arange(vertices, dtype=np.int32)
    for some in edges:
        _unite_ends(labels, np.ascontiguousarray(some, np.int32))
    _settle(labels)
    return labels


def count_ends(ends: Codes, degrees: Degrees) -> None:
    """Add lines to how many ends there are at each point, of which no more than three are counted; -1 is no point.

    ``ends`` are the points of lines, shape (n, 2), and written to is ``degrees``, shape (points,).
    """
    _count_ends(np.ascontiguousarray(ends, np.int32), degrees)


def unite_lines(labels: Codes, lines: Numbers, ends: Codes, degrees: Degrees, first: Codes) -> None:
    """Unite lines that meet at points where just two ends are.

    ``lines`` are their numbers, ``ends`` their points, shape (n, 2); ``first``, -1 at the beginning, keeps the line that came first to a
    point, and ``labels``, each its own number at the beginning, what is united. `settle` them when the last line has come.
    """
    _unite_lines(labels, np.ascontiguousarray(lines, np.int64), np.ascontiguousarray(ends, np.int32), degrees, first)


def settle(labels: Codes) -> None:
    """Make each label the smallest number that is united with it."""
    _settle(labels)


def ready() -> None:
    """Have the loops compiled, or read from where they were kept."""
    labels, ends, degrees = np.arange(2, dtype=np.int32), np.array([[0, 1]], np.int32), np.zeros(2, np.uint8)
    components(2, [ends])
    count_ends(ends, degrees)
    unite_lines(labels, np.zeros(1, np.int64), ends, degrees, np.full(2, _NONE, np.int32))
    settle(labels)


@inlined_kernel
def _root(labels: Codes, vertex: int) -> int:
    """Return the smallest vertex known to be connected, halving the way to it."""
    while labels[vertex] != vertex:
        labels[vertex] = labels[labels[vertex]]
        vertex = labels[vertex]
    return vertex


@inlined_kernel
def _unite(labels: Codes, one: int, other: int) -> None:
    """Have the smaller of two roots stand for both, so that no label is ever above its vertex."""
    a, b = _root(labels, one), _root(labels, other)
    if a < b:
        labels[b] = a
    else:
        labels[a] = b


@kernel
def _unite_ends(labels: Codes, ends: Codes) -> None:
    for line in range(len(ends)):
        _unite(labels, ends[line, 0], ends[line, 1])


@kernel
def _count_ends(ends: Codes, degrees: Degrees) -> None:
    for line in range(len(ends)):
        for side in range(2):
            point = ends[line, side]
            if point != _NONE and degrees[point] < _MANY:
                degrees[point] += 1


@kernel
def _unite_lines(labels: Codes, lines: Numbers, ends: Codes, degrees: Degrees, first: Codes) -> None:
    for k in range(len(lines)):
        for side in range(2):
            point = ends[k, side]
            if point == _NONE or degrees[point] != 2:
                continue
            if first[point] == _NONE:
                first[point] = lines[k]
            else:
                _unite(labels, lines[k], first[point])


@kernel
def _settle(labels: Codes) -> None:
    for vertex in range(len(labels)):  # a label is at most its vertex, so those below are settled already
        labels[vertex] = labels[labels[vertex]]
