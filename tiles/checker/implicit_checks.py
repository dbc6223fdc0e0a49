"""Checks of implicit tiling: the subtree files, and the tiles they stand for as if they were written out (3D Tiles 1.1 §7.1)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.bounds import Region
from tiles.checker.glb_checks import GlbReport
from tiles.checker.problem import Problem, Problems
from tiles.checker.subtree_file import SubtreeTiles, read_subtree_file
from tiles.checker.tile_checks import Json, Place, Read, check_coarser, check_content, check_error, check_volume, finite, region_in

type Tile = tuple[int, int, int]
"""Level, x and y below the implicit root."""
type Fids = list[NDArray[np.uint32]]

_DEEPEST = 64


def check_implicit(read: Read, root: Json, at: Place, schema: Json, problems: Problems, found: list[Problem]) -> Fids:
    """Record every problem of the implicit tiling whose root tile is ``root``; return the fids drawn when everything is refined."""
    tiling = _tiling(root, at, problems)
    return [] if tiling is None else _Walk(read, tiling, at, schema, found).subtree((0, 0, 0), at.child("0/0/0"))


@dataclass(frozen=True, slots=True)
class _Tiling:
    levels: int
    available_levels: int
    subtrees: str
    content: str | None
    region: Region | None


def _tiling(root: Json, at: Place, problems: Problems) -> _Tiling | None:
    implicit = root["implicitTiling"]
    where = f"{at.where}/implicitTiling"
    for member in ("children", "metadata", "contents"):
        problems.unless(member not in root, "TILE_IMPLICIT_ROOT_INVALID", at.where, f"an implicit root of ours has no {member}")
    content = root.get("content", {})
    problems.unless("boundingVolume" not in content, "TILE_IMPLICIT_ROOT_INVALID", at.where, "the template has a bounding volume")
    levels, available = implicit.get("subtreeLevels"), implicit.get("availableLevels")
    subtrees = implicit.get("subtrees", {}).get("uri")
    uris = [uri for uri in (subtrees, content.get("uri")) if uri is not None]
    sane = implicit.get("subdivisionScheme") == "QUADTREE" and all(isinstance(n, int) and 0 < n <= _DEEPEST for n in (levels, available))
    sane = sane and isinstance(subtrees, str) and levels <= 10
    sane = sane and all(isinstance(uri, str) and all(f"{{{v}}}" in uri for v in ("level", "x", "y")) for uri in uris)
    if not problems.unless(sane, "IMPLICIT_TILING_ERROR", where, "no quadtree with levels and templates of level, x and y"):
        return None
    volume = root.get("boundingVolume", {})
    region = region_in(volume, at.where, problems) if isinstance(volume, dict) and "region" in volume else None
    return _Tiling(levels, available, subtrees, content.get("uri"), region)


class _Walk:
    def __init__(self, read: Read, tiling: _Tiling, root: Place, schema: Json, found: list[Problem]) -> None:
        self.read, self.tiling, self.schema, self.found = read, tiling, schema, found
        self.folder, self.root = posixpath.dirname(root.path), root

    def subtree(self, root: Tile, at: Place) -> Fids:
        """Check the subtree file of ``root`` and all below; return the fids drawn there."""
        path = self._address(self.tiling.subtrees, root)
        problems = Problems(path)
        try:
            data = self.read(path)
        except (KeyError, OSError):
            problems.add("CONTENT_MISSING", "/", "there is no such file")
            data = b""
        said = read_subtree_file(data, self.tiling.levels, self.schema, problems) if data else None
        fids = [] if said is None else _SubtreeWalk(self, said, root, problems).tile(0, 0, at)
        self.found.extend(problems.found)
        return fids

    def content(self, tile: Tile, region: Region | None, at: str, problems: Problems) -> GlbReport | None:
        """Check the content of ``tile``."""
        if not problems.unless(self.tiling.content is not None, "IMPLICIT_TILING_ERROR", at, "a content without a template"):
            return None
        return check_content(self.read, self._address(str(self.tiling.content), tile), region, at, problems, self.found)

    def derived(self, tile: Tile) -> Region | None:
        """Return the region a client derives for ``tile``; None below a box."""
        level, x, y = tile
        r = self.tiling.region
        if r is None:
            return None
        width, height = (r.east_rad - r.west_rad) / 2**level, (r.north_rad - r.south_rad) / 2**level
        west, south = r.west_rad + x * width, r.south_rad + y * height
        return Region(west, south, west + width, south + height, r.minimum_m, r.maximum_m)

    def _address(self, template: str, tile: Tile) -> str:
        for name, value in zip(("level", "x", "y"), tile, strict=True):
            template = template.replace(f"{{{name}}}", str(value))
        return posixpath.normpath(posixpath.join(self.folder, template))


class _SubtreeWalk:
    """The tiles of one file, walked from its root."""

    def __init__(self, walk: _Walk, said: SubtreeTiles, root: Tile, problems: Problems) -> None:
        self.walk, self.said, self.root, self.problems = walk, said, root, problems
        self.row = {int(place): i for i, place in enumerate(said.tiles)}
        self.content_row = {int(place): i for i, place in enumerate(said.contents)}
        self.below = {int(code) for code in said.children}

    def tile(self, depth: int, code: int, above: Place) -> Fids:
        """Check the tile of Morton ``code`` at ``depth``, and all below it."""
        place = (4**depth - 1) // 3 + code
        if depth == self.walk.tiling.levels:
            return self.walk.subtree(self._tile(depth, code), above) if code in self.below else []
        if place not in self.row:
            return []
        tile = self._tile(depth, code)
        where = f"/{tile[0]}/{tile[1]}/{tile[2]}"
        levels = self.walk.tiling.available_levels
        self.problems.unless(tile[0] < levels, "IMPLICIT_TILING_ERROR", where, f"below the {levels} available levels")
        region, error = self._bounds(place, tile), self._error(place, tile)
        check_volume(region, above.region, where, self.problems)
        check_error(error, above.error, where, f"{error}", self.problems)
        here = Place(above.path, where, region, error, above.refine)
        below = [fids for q in range(4) for fids in self.tile(depth + 1, 4 * code + q, here)]
        report = self.walk.content(tile, self._content_region(place, here), where, self.problems) if place in self.content_row else None
        own = [] if report is None or report.fids is None else [report.fids]
        if not self._has_children(depth, code):
            return own
        self.problems.unless(error, "EMPTY_ERROR", where, "a tile with children has no geometric error, so they are never shown")
        if above.refine == "ADD":
            return own + below
        if report is not None:
            check_coarser(report, below, where, self.problems)
        return below

    def _tile(self, depth: int, code: int) -> Tile:
        x = sum((code >> 2 * bit & 1) << bit for bit in range(depth))
        y = sum((code >> 2 * bit + 1 & 1) << bit for bit in range(depth))
        level, root_x, root_y = self.root
        return level + depth, (root_x << depth) + x, (root_y << depth) + y

    def _has_children(self, depth: int, code: int) -> bool:
        if depth + 1 == self.walk.tiling.levels:
            return any(4 * code + q in self.below for q in range(4))
        return any((4 ** (depth + 1) - 1) // 3 + 4 * code + q in self.row for q in range(4))

    def _bounds(self, place: int, tile: Tile) -> Region | None:
        if self.said.regions is None:
            return self.walk.derived(tile)
        return region_in({"region": self.said.regions[self.row[place]].tolist()}, f"/{tile[0]}/{tile[1]}/{tile[2]}", self.problems)

    def _error(self, place: int, tile: Tile) -> float | None:
        if self.said.errors is not None:
            return finite(float(self.said.errors[self.row[place]]))
        return None if self.walk.root.error is None else self.walk.root.error / 2 ** tile[0]

    def _content_region(self, place: int, here: Place) -> Region | None:
        if self.said.content_regions is None:
            return here.region
        region = region_in({"region": self.said.content_regions[self.content_row[place]].tolist()}, here.where, self.problems)
        if region is not None and here.region is not None:
            inside = here.region.encloses(region, 0.001)
            self.problems.unless(inside, "CONTENT_BOUNDING_VOLUME", here.where, "not within the tile's region")
        return region
