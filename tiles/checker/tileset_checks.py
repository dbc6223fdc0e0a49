"""Checks of a tileset with everything it refers to (3D Tiles 1.1 §6.7 and the issue codes of the official validator)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
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
                fids = self._tile(root, path, "/root", above, _number(tileset.get("geometricError")), problems)
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

    def _tile(
        self, tile: Json, path: str, where: str, above: Region | None, above_error: float | None, problems: Problems
    ) -> list[NDArray[np.uint32]]:
        """Check one tile and all below it; return the fids drawn there."""
        refine = tile.get("refine", "ADD")
        problems.unless(refine in ("ADD", "REPLACE"), "TILE_REFINE_WRONG_CASE", where, f"refine {refine!r}")
        region = _region(tile.get("boundingVolume"), where, problems)
        if region is not None and above is not None:
            problems.unless(above.encloses(region, TOLERANCE_M), "BOUNDING_VOLUMES_INCONSISTENT", where, "not within the parent's region")
        error = _number(tile.get("geometricError"))
        if problems.unless(error is not None and error >= 0, "GEOMETRIC_ERROR", where, f"{tile.get('geometricError')}"):
            rises = above_error is None or (error or 0.0) <= above_error + _ERROR_TOLERANCE
            problems.unless(rises, "TILE_GEOMETRIC_ERRORS_INCONSISTENT", where, "above its parent's")
        fids: list[NDArray[np.uint32]] = []
        contents = ([tile["content"]] if "content" in tile else []) + list(tile.get("contents", []))
        for number, content in enumerate(contents):
            fids += self._content(content, path, f"{where}/contents/{number}", region, error, problems)
        children = tile.get("children", [])
        external = any(str(c.get("uri", "")).endswith(".json") for c in contents)
        if children and not external:
            problems.unless(error, "EMPTY_ERROR", where, "a tile with children has no geometric error, so they are never shown")
        for number, child in enumerate(children):
            fids += self._tile(child, path, f"{where}/children/{number}", region, error, problems)
        return fids

    def _content(
        self, content: Json, path: str, where: str, tile_region: Region | None, error: float | None, problems: Problems
    ) -> list[NDArray[np.uint32]]:
        uri = content.get("uri")
        if not problems.unless(isinstance(uri, str) and uri and ":" not in uri and not uri.startswith("/"), "URI", where, f"{uri!r}"):
            return []
        region = tile_region
        if "boundingVolume" in content:
            region = _region(content["boundingVolume"], where, problems)
            if region is not None and tile_region is not None:
                problems.unless(tile_region.encloses(region, TOLERANCE_M), "CONTENT_BOUNDING_VOLUME", where, "not within the tile's region")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), str(uri)))
        if target.endswith(".json"):
            return self.file(target, tile_region, error)
        try:
            data = self.read(target)
        except (KeyError, OSError):
            problems.add("CONTENT_MISSING", where, f"there is no {target}")
            return []
        report = check_glb(data, target)
        self.found.extend(report.problems)
        _check_inside(report, region, where, problems)
        return [] if report.fids is None else [report.fids]


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
