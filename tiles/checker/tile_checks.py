"""What holds of every tile, explicit or implicit, and of its content (3D Tiles 1.1 §6.7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiles.bounds import Region, region_of
from tiles.checker.glb_checks import GlbReport, check_glb
from tiles.checker.problem import Problem, Problems

type Json = dict[str, Any]
type Read = Callable[[str], bytes]
"""Return the bytes at a path relative to the tileset's address; KeyError or OSError when there are none."""

TOLERANCE_M = 0.001
ERROR_TOLERANCE = 1e-9
_MATRIX = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk is: in which file and at which member, and what holds from above."""

    path: str
    where: str
    region: Region | None
    error: float | None
    refine: str

    def child(self, member: str) -> Place:
        """Return the place of a member of what is here."""
        return Place(self.path, f"{self.where}/{member}", self.region, self.error, self.refine)


def check_volume(region: Region | None, above: Region | None, where: str, problems: Problems) -> None:
    """Record a region that does not lie in that ``above`` it."""
    if region is not None and above is not None:
        problems.unless(above.encloses(region, TOLERANCE_M), "BOUNDING_VOLUMES_INCONSISTENT", where, "not within the parent's region")


def check_error(error: float | None, above: float | None, where: str, given: str, problems: Problems) -> None:
    """Record an error that is no length or larger than that ``above`` it."""
    if problems.unless(error is not None and error >= 0, "GEOMETRIC_ERROR", where, given):
        rises = above is None or (error or 0.0) <= above + ERROR_TOLERANCE
        problems.unless(rises, "TILE_GEOMETRIC_ERRORS_INCONSISTENT", where, "above its parent's")


def check_transform(transform: object, where: str, problems: Problems) -> None:
    """Record a transform that is no affine map that can be undone (column-major); None, for none, is one."""
    if transform is None:
        return
    numbers = [finite(n) for n in transform] if isinstance(transform, list) else []
    if not problems.unless(len(numbers) == _MATRIX and None not in numbers, "TRANSFORM_INVALID", where, "not 16 finite numbers"):
        return
    matrix = np.array(numbers, np.float64).reshape(4, 4).T
    affine = np.array_equal(matrix[3], [0, 0, 0, 1]) and np.linalg.matrix_rank(matrix) == len(matrix)
    problems.unless(affine, "TRANSFORM_INVALID", where, "not an affine map that can be undone")


def check_coarser(report: GlbReport, below: list[NDArray[np.uint32]], where: str, problems: Problems) -> None:
    """Record a content that shows features which are not below it, or blocks of another number of features than are."""
    fids = np.concatenate(below) if below else np.zeros(0, np.uint32)
    if report.fids is not None:
        strangers = int((~np.isin(report.fids, fids)).sum())
        problems.unless(strangers == 0, "COARSER_FEATURES", where, f"{strangers} features vanish when the tile is refined")
    if report.blocks is not None:
        problems.unless(report.blocks == len(fids), "BLOCK_COUNT", where, f"blocks of {report.blocks} features, {len(fids)} below")


def content_region(content: Json, at: Place, problems: Problems) -> Region | None:
    """Return the region of ``content``, that of its tile where it has none of its own; record one that leaves it."""
    if "boundingVolume" not in content:
        return at.region
    region = region_in(content["boundingVolume"], at.where, problems)
    if region is not None and at.region is not None:
        problems.unless(at.region.encloses(region, TOLERANCE_M), "CONTENT_BOUNDING_VOLUME", at.where, "not within the tile's region")
    return region


def finite(value: object) -> float | None:
    """Return a finite JSON number, None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value) else None


def region_in(volume: object, where: str, problems: Problems) -> Region | None:
    """Return the region of a bounding volume; None after recording why there is none that is sane, or for one of another kind."""
    numbers = volume.get("region") if isinstance(volume, dict) else None
    if not isinstance(numbers, list):
        problems.unless(isinstance(volume, dict) and ("box" in volume or "sphere" in volume), "BOUNDING_VOLUME", where, "none")
        return None
    sane = len(numbers) == 6 and all(finite(n) is not None for n in numbers)
    sane = sane and all(-np.pi <= numbers[i] <= np.pi for i in (0, 2)) and all(-np.pi / 2 <= numbers[i] <= np.pi / 2 for i in (1, 3))
    sane = sane and all(numbers[i] <= numbers[j] for i, j in ((0, 2), (1, 3), (4, 5)))
    if not problems.unless(sane, "BOUNDING_REGION", where, f"{numbers}"):
        return None
    return Region(*(float(n) for n in numbers))


def check_inside(report: GlbReport, region: Region | None, where: str, problems: Problems) -> None:
    """Record a content that has vertices outside ``region``."""
    if region is None or len(report.positions) == 0:
        return
    inner = region_of(report.positions, margin_m=0.0)
    problems.unless(region.encloses(inner, TOLERANCE_M), "CONTENT_OUTSIDE_BOUNDING_VOLUME", where, "vertices lie outside the region")


def check_content(read: Read, target: str, region: Region | None, at: str, problems: Problems, found: list[Problem]) -> GlbReport | None:
    """Check the GLB at ``target``, its own problems into ``found``, and that it lies in ``region``; None when there is no such file."""
    try:
        data = read(target)
    except (KeyError, OSError):
        problems.add("CONTENT_MISSING", at, f"there is no {target}")
        return None
    report = check_glb(data, target)
    found.extend(report.problems)
    check_inside(report, region, at, problems)
    return report
