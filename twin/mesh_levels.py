"""Levels of detail of a placed model: which mesh is finer than which, as a reader hands it on and a builder of tiles takes it.

JSON: ``{"version": 1, "levels": [[has_mesh, error_m, [numbers of the finer levels]], …], "roots": [numbers]}``. The mesh of level
``n`` lies beside it as ``n.twm`` (`twin.placed_mesh`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import orjson

LEVELS = "levels.json"
_VERSION = 1
_LARGEST_ERROR_M = 1e6


class MeshLevelsError(ValueError):
    """The bytes are no levels of a mesh."""


@dataclass(frozen=True, slots=True)
class MeshLevel:
    """One mesh, or none, and what replaces it."""

    has_mesh: bool
    error_m: float
    """Geometric error of 3D Tiles: what is missing while the finer levels are not shown; 0 without any."""
    children: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MeshLevels:
    """The levels of a model, a forest."""

    levels: tuple[MeshLevel, ...]
    roots: tuple[int, ...]

    def name(self, number: int) -> str:
        """Return the file of a level's mesh, beside the levels."""
        return f"{number}.twm"


def encode_levels(levels: MeshLevels) -> bytes:
    """Return the bytes of ``levels``; an error beyond all measure is written as a large one."""
    listed = [[level.has_mesh, min(level.error_m, _LARGEST_ERROR_M), level.children] for level in levels.levels]
    return orjson.dumps({"version": _VERSION, "levels": listed, "roots": levels.roots})


def decode_levels(content: bytes) -> MeshLevels:
    """Return what `encode_levels` wrote; `MeshLevelsError` unless every level hangs below exactly one root."""
    try:
        document = orjson.loads(content)
        if document["version"] != _VERSION:
            raise MeshLevelsError("version")
        levels = tuple(MeshLevel(bool(has), float(error), tuple(map(int, children))) for has, error, children in document["levels"])
        roots = tuple(map(int, document["roots"]))
    except (KeyError, TypeError, ValueError) as error:
        raise MeshLevelsError(str(error)) from error
    _check(levels, roots)
    return MeshLevels(levels, roots)


def _check(levels: tuple[MeshLevel, ...], roots: tuple[int, ...]) -> None:
    seen: set[int] = set()
    waiting = list(roots)
    while waiting:
        number = waiting.pop()
        if not 0 <= number < len(levels) or number in seen:
            raise MeshLevelsError("a level is missing, or hangs in two places")
        seen.add(number)
        waiting += levels[number].children
    if len(seen) != len(levels) or not all(math.isfinite(level.error_m) and level.error_m >= 0 for level in levels):
        raise MeshLevelsError("a level hangs nowhere, or its error is no number")
