"""Checks of a tileset with everything it refers to (3D Tiles 1.1 §6.7 and the issue codes of the official validator)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.bounds import Region, region_of
from tiles.checker.glb_checks import GlbReport, check_glb, extension_names
from tiles.checker.problem import Problem, Problems

type Json = dict[str, Any]
type Read = Callable[[str], bytes]
"""Return the bytes at a path relative to the tileset's address; KeyError or OSError when there are none."""

TOLERANCE_M = 0.001
_ERROR_TOLERANCE = 1e-9


def check_tileset(read: Read, entry: str = "tileset.json", validate_json: Callable[[Json], list[str]] | None = None) -> list[Problem]:
    """Return every problem of the tileset at ``entry`` and of all tilesets and GLBs below it.

    ``validate_json`` may add the findings of the JSON Schemas for each tileset file.
    """
    walk = _Walk(read, validate_json)
    walk.file(entry, None, None)
    return walk.found


class _Walk:
    def __init__(self, read: Read, validate_json: Callable[[Json], list[str]] | None) -> None:
        self.read, self.validate_json = read, validate_json
        self.found: list[Problem] = []
        self.open_files: list[str] = []

    def file(self, path: str, above: Region | None, above_error: float | None) -> list[NDArray[np.uint32]]:
        """Check one tileset file, which a tile of region ``above`` refers to; return the fids drawn below it."""
        problems = Problems(path)
        tileset = self._load(path, problems)
        fids: list[NDArray[np.uint32]] = []
        if tileset is not None and problems.unless(path not in self.open_files, "TILESET_CYCLE", "/", "the tileset contains itself"):
            self.open_files.append(path)
            self._members(tileset, problems, above_error)
            root = tileset.get("root", {})
            if problems.unless(
                isinstance(root, dict) and "refine" in root, "TILE_REFINE_MISSING_IN_ROOT", "/root", "the root has no refine"
            ):
                at = _Place(path, "/root", above, _number(tileset.get("geometricError")), "ADD")
                fids = self._tile(root, at, problems)
            self._check_counts(tileset, fids, problems)
            self.open_files.pop()
        self.found.extend(problems.found)
        return fids

    def _load(self, path: str, problems: Problems) -> Json | None:
        try:
            tileset = orjson.loads(self.read(path))
        except (KeyError, OSError):
            problems.add("CONTENT_MISSING", "/", "there is no such file")
            return None
        except orjson.JSONDecodeError as error:
            problems.add("JSON_PARSE", "/", str(error))
            return None
        if not problems.unless(isinstance(tileset, dict), "JSON_FORM", "/", "a tileset is an object"):
            return None
        for message in self.validate_json(tileset) if self.validate_json else []:
            problems.add("JSON_SCHEMA", "/", message)
        return tileset

    def _members(self, tileset: Json, problems: Problems, above_error: float | None) -> None:
        version = tileset.get("asset", {}).get("version")
        problems.unless(version in ("1.0", "1.1"), "ASSET_VERSION", "/asset", f"version {version}")
        error, root_error = _number(tileset.get("geometricError")), _number(tileset.get("root", {}).get("geometricError"))
        problems.unless(error is not None and error >= 0, "GEOMETRIC_ERROR", "/geometricError", f"{tileset.get('geometricError')}")
        if error is not None and root_error is not None:
            problems.unless(error >= root_error, "TILESET_GEOMETRIC_ERROR", "/geometricError", "below the root's")
        if above_error is not None and root_error is not None:
            inside = root_error <= above_error + _ERROR_TOLERANCE
            problems.unless(inside, "TILE_GEOMETRIC_ERRORS_INCONSISTENT", "/root", "above that of the tile that refers here")
        used, found = set(tileset.get("extensionsUsed", [])), set(extension_names(tileset))
        problems.unless(found <= used, "EXTENSION_FOUND_BUT_NOT_USED", "/extensionsUsed", f"{sorted(found - used)}")
        problems.unless(used <= found, "EXTENSION_USED_BUT_NOT_FOUND", "/extensionsUsed", f"{sorted(used - found)}")
        self._metadata(tileset, problems)

    def _metadata(self, tileset: Json, problems: Problems) -> None:
        classes = tileset.get("schema", {}).get("classes", {})
        if "metadata" in tileset:
            name = tileset["metadata"].get("class")
            if problems.unless(name in classes, "CLASS_UNKNOWN", "/metadata", f"no class {name}"):
                known, given = classes[name].get("properties", {}), tileset["metadata"].get("properties", {})
                missing = [k for k, p in known.items() if p.get("required") and k not in given]
                problems.unless(not missing, "REQUIRED_PROPERTY_MISSING", "/metadata", f"{missing}")
        for name, statistics in tileset.get("statistics", {}).get("classes", {}).items():
            known = classes.get(name, {}).get("properties", {})
            problems.unless(name in classes, "CLASS_UNKNOWN", "/statistics", f"no class {name}")
            unknown = sorted(set(statistics.get("properties", {})) - set(known))
            problems.unless(not unknown, "PROPERTY_UNKNOWN", "/statistics", f"{unknown}")

    def _check_counts(self, tileset: Json, fids: list[NDArray[np.uint32]], problems: Problems) -> None:
        counts = [s.get("count") for s in tileset.get("statistics", {}).get("classes", {}).values() if "count" in s]
        drawn = np.concatenate(fids) if fids else np.zeros(0, np.uint32)
        problems.unless(len(np.unique(drawn)) == len(drawn), "FEATURE_REPEATED", "/", "a feature is drawn in two contents")
        if len(counts) == 1:
            problems.unless(counts[0] == len(drawn), "STATISTICS_COUNT", "/statistics", f"{counts[0]} said, {len(drawn)} drawn")

    def _tile(self, tile: Json, at: _Place, problems: Problems) -> list[NDArray[np.uint32]]:
        """Check one tile and all below it; return the fids drawn there when everything is refined."""
        refine = tile.get("refine", at.refine)
        problems.unless(refine in ("ADD", "REPLACE"), "TILE_REFINE_WRONG_CASE", at.where, f"refine {refine!r}")
        region = _region(tile.get("boundingVolume"), at.where, problems)
        check_volume(region, at.region, at.where, problems)
        error = _number(tile.get("geometricError"))
        check_error(error, at.error, at.where, f"{tile.get('geometricError')}", problems)
        here = _Place(at.path, at.where, region if region is not None else at.region, error, refine)
        glbs, below, refined = self._contents(tile, here, problems)
        children = tile.get("children", [])
        if children and not refined:
            problems.unless(error, "EMPTY_ERROR", at.where, "a tile with children has no geometric error, so they are never shown")
        for number, child in enumerate(children):
            below += self._tile(child, here.child(f"children/{number}"), problems)
        drawn = [report.fids for report in glbs if report.fids is not None]
        if refine == "ADD" or not (children or refined):
            return drawn + below
        for report in glbs:
            check_coarser(report, below, at.where, problems)
        return below

    def _contents(self, tile: Json, here: _Place, problems: Problems) -> tuple[list[GlbReport], list[NDArray[np.uint32]], bool]:
        """Return the GLBs of ``tile``, the fids of the tilesets it refers to, and whether there are any."""
        contents = ([tile["content"]] if "content" in tile else []) + list(tile.get("contents", []))
        glbs: list[GlbReport] = []
        fids: list[NDArray[np.uint32]] = []
        tilesets = 0
        for number, content in enumerate(contents):
            at = here.child(f"contents/{number}")
            target = self._target(content, at, problems)
            if target is None:
                continue
            if target.endswith(".json"):
                fids, tilesets = fids + self.file(target, here.region, here.error), tilesets + 1
                continue
            report = self.glb(target, _content_region(content, at, problems), at.where, problems)
            if report is not None:
                glbs.append(report)
        return glbs, fids, tilesets > 0

    def _target(self, content: Json, at: _Place, problems: Problems) -> str | None:
        uri = content.get("uri")
        if not problems.unless(isinstance(uri, str) and uri and ":" not in uri and not uri.startswith("/"), "URI", at.where, f"{uri!r}"):
            return None
        return posixpath.normpath(posixpath.join(posixpath.dirname(at.path), str(uri)))

    def glb(self, target: str, region: Region | None, where: str, problems: Problems) -> GlbReport | None:
        """Check the GLB at ``target`` and that it lies in ``region``; None when there is no such file."""
        try:
            data = self.read(target)
        except (KeyError, OSError):
            problems.add("CONTENT_MISSING", where, f"there is no {target}")
            return None
        report = check_glb(data, target)
        self.found.extend(report.problems)
        _check_inside(report, region, where, problems)
        return report


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: in which file and at which member, and what holds from above."""

    path: str
    where: str
    region: Region | None
    error: float | None
    refine: str

    def child(self, member: str) -> _Place:
        return _Place(self.path, f"{self.where}/{member}", self.region, self.error, self.refine)


def check_volume(region: Region | None, above: Region | None, where: str, problems: Problems) -> None:
    """Record a region that does not lie in that ``above`` it."""
    if region is not None and above is not None:
        problems.unless(above.encloses(region, TOLERANCE_M), "BOUNDING_VOLUMES_INCONSISTENT", where, "not within the parent's region")


def check_error(error: float | None, above: float | None, where: str, given: str, problems: Problems) -> None:
    """Record an error that is no length or larger than that ``above`` it."""
    if problems.unless(error is not None and error >= 0, "GEOMETRIC_ERROR", where, given):
        rises = above is None or (error or 0.0) <= above + _ERROR_TOLERANCE
        problems.unless(rises, "TILE_GEOMETRIC_ERRORS_INCONSISTENT", where, "above its parent's")


def check_coarser(report: GlbReport, below: list[NDArray[np.uint32]], where: str, problems: Problems) -> None:
    """Record a content that shows features which are not below it, or blocks of another number of features than are."""
    fids = np.concatenate(below) if below else np.zeros(0, np.uint32)
    if report.fids is not None:
        strangers = int((~np.isin(report.fids, fids)).sum())
        problems.unless(strangers == 0, "COARSER_FEATURES", where, f"{strangers} features vanish when the tile is refined")
    if report.blocks is not None:
        problems.unless(report.blocks == len(fids), "BLOCK_COUNT", where, f"blocks of {report.blocks} features, {len(fids)} below")


def _content_region(content: Json, at: _Place, problems: Problems) -> Region | None:
    if "boundingVolume" not in content:
        return at.region
    region = _region(content["boundingVolume"], at.where, problems)
    if region is not None and at.region is not None:
        problems.unless(at.region.encloses(region, TOLERANCE_M), "CONTENT_BOUNDING_VOLUME", at.where, "not within the tile's region")
    return region


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value) else None


def _region(volume: object, where: str, problems: Problems) -> Region | None:
    numbers = volume.get("region") if isinstance(volume, dict) else None
    if not isinstance(numbers, list):
        problems.unless(isinstance(volume, dict) and ("box" in volume or "sphere" in volume), "BOUNDING_VOLUME", where, "none")
        return None
    sane = len(numbers) == 6 and all(_number(n) is not None for n in numbers)
    sane = sane and all(-np.pi <= numbers[i] <= np.pi for i in (0, 2)) and all(-np.pi / 2 <= numbers[i] <= np.pi / 2 for i in (1, 3))
    sane = sane and all(numbers[i] <= numbers[j] for i, j in ((0, 2), (1, 3), (4, 5)))
    if not problems.unless(sane, "BOUNDING_REGION", where, f"{numbers}"):
        return None
    return Region(*(float(n) for n in numbers))


def _check_inside(report: GlbReport, region: Region | None, where: str, problems: Problems) -> None:
    if region is None or len(report.positions) == 0:
        return
    inner = region_of(report.positions, margin_m=0.0)
    problems.unless(region.encloses(inner, TOLERANCE_M), "CONTENT_OUTSIDE_BOUNDING_VOLUME", where, "vertices lie outside the region")
