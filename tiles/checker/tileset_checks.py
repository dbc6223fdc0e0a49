"""Checks of a tileset with everything it refers to (3D Tiles 1.1 §6.7 and the issue codes of the official validator)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.bounds import Region
from tiles.checker.glb_checks import GlbReport, extension_names
from tiles.checker.implicit_checks import check_implicit
from tiles.checker.problem import Problem, Problems
from tiles.checker.semantics import check_semantics
from tiles.checker.tile_checks import (
    ERROR_TOLERANCE,
    Json,
    Place,
    Read,
    check_coarser,
    check_content,
    check_error,
    check_transform,
    check_volume,
    content_region,
    finite,
    region_in,
)


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
        self.schema: Json = {}

    def file(self, path: str, above: Region | None, above_error: float | None) -> list[NDArray[np.uint32]]:
        """Check one tileset file, which a tile of region ``above`` refers to; return the fids drawn below it."""
        problems = Problems(path)
        tileset = self._load(path, problems)
        fids: list[NDArray[np.uint32]] = []
        if tileset is not None and problems.unless(path not in self.open_files, "TILESET_CYCLE", "/", "the tileset contains itself"):
            self.open_files.append(path)
            self._members(tileset, problems, above_error)
            self.schema = tileset.get("schema", {})
            root = tileset.get("root", {})
            if problems.unless(
                isinstance(root, dict) and "refine" in root, "TILE_REFINE_MISSING_IN_ROOT", "/root", "the root has no refine"
            ):
                at = Place(path, "/root", above, finite(tileset.get("geometricError")), "ADD")
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
        error, root_error = finite(tileset.get("geometricError")), finite(tileset.get("root", {}).get("geometricError"))
        problems.unless(error is not None and error >= 0, "GEOMETRIC_ERROR", "/geometricError", f"{tileset.get('geometricError')}")
        if error is not None and root_error is not None:
            problems.unless(error >= root_error, "TILESET_GEOMETRIC_ERROR", "/geometricError", "below the root's")
        if above_error is not None and root_error is not None:
            inside = root_error <= above_error + ERROR_TOLERANCE
            problems.unless(inside, "TILE_GEOMETRIC_ERRORS_INCONSISTENT", "/root", "above that of the tile that refers here")
        used, found = set(tileset.get("extensionsUsed", [])), set(extension_names(tileset))
        problems.unless(found <= used, "EXTENSION_FOUND_BUT_NOT_USED", "/extensionsUsed", f"{sorted(found - used)}")
        problems.unless(used <= found, "EXTENSION_USED_BUT_NOT_FOUND", "/extensionsUsed", f"{sorted(used - found)}")
        self._metadata(tileset, problems)

    def _metadata(self, tileset: Json, problems: Problems) -> None:
        check_semantics(tileset.get("schema", {}), "/schema", problems)
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

    def _tile(self, tile: Json, at: Place, problems: Problems) -> list[NDArray[np.uint32]]:
        """Check one tile and all below it; return the fids drawn there when everything is refined."""
        refine = tile.get("refine", at.refine)
        problems.unless(refine in ("ADD", "REPLACE"), "TILE_REFINE_WRONG_CASE", at.where, f"refine {refine!r}")
        check_transform(tile.get("transform"), at.where, problems)
        region = region_in(tile.get("boundingVolume"), at.where, problems)
        check_volume(region, at.region, at.where, problems)
        error = finite(tile.get("geometricError"))
        check_error(error, at.error, at.where, f"{tile.get('geometricError')}", problems)
        here = Place(at.path, at.where, region if region is not None else at.region, error, refine)
        if "implicitTiling" in tile:
            return check_implicit(self.read, tile, here, self.schema, problems, self.found)
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

    def _contents(self, tile: Json, here: Place, problems: Problems) -> tuple[list[GlbReport], list[NDArray[np.uint32]], bool]:
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
            report = check_content(self.read, target, content_region(content, at, problems), at.where, problems, self.found)
            if report is not None:
                glbs.append(report)
        return glbs, fids, tilesets > 0

    def _target(self, content: Json, at: Place, problems: Problems) -> str | None:
        uri = content.get("uri")
        if not problems.unless(isinstance(uri, str) and uri and ":" not in uri and not uri.startswith("/"), "URI", at.where, f"{uri!r}"):
            return None
        return posixpath.normpath(posixpath.join(posixpath.dirname(at.path), str(uri)))
