"""Point clouds as one tileset, each below a tile that names it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tiles.glb import ACCURACY_M, Encoding
from tiles.local_frame import ToGeocentric, fit_projection
from tiles.named_tile import named_tile, naming_schema
from tiles.node_store import StorePut, content_hash
from tiles.point_colors import colors_of
from tiles.point_glb import write_point_glb
from tiles.point_spill import Buckets, sort_points
from tiles.point_tree import point_tree
from tiles.tileset import LARGEST_INLINE_BYTES, ContentRef, Tile, external, revision_tileset, tile
from twin.placed_points import Points, PointsHead, open_points

CLASS = "point_cloud"
_TOGETHER = 4
_VOXEL_SHARE = 16
"""Points that stand for a voxel lie where they are to a 16th of its width."""
type Json = dict[str, object]
type Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Cloud:
    """One row: its identity and the file of its placed points (twin/placed_points.py)."""

    fid: int
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class CloudsTarget:
    """Where the tileset goes; ``scratch`` is where points are sorted on disk."""

    dataset: str
    revision: int
    variant: str
    extras: Json
    scratch: Path
    encoding: Encoding = field(default_factory=Encoding)


@dataclass(slots=True)
class CloudsSummary:
    """What was built; ``accuracy_m`` is how far a point of a leaf may be from where it was placed."""

    points: int = 0
    contents: int = 0
    content_bytes: int = 0
    accuracy_m: float = 0.0


def build_point_clouds(
    clouds: Sequence[Cloud], to_geocentric: ToGeocentric, target: CloudsTarget, store_put: StorePut, progress: Progress
) -> CloudsSummary:
    """Write the tileset of ``clouds`` into the store, its tileset.json last; keys as `tiles.build.build_tileset`.

    All points are drawn in the leaves, coloured as `tiles.point_colors` says. The metadata of each cloud's tile, class ``point_cloud``, has
    its ``fid`` and ``name``. Memory is bounded by `tiles.point_spill.LARGEST_BUCKET`. PlacedPointsError for a file that is none.
    """
    build = _Build(to_geocentric, target, store_put)
    opened = [(cloud, *open_points(cloud.path)) for cloud in clouds]
    total = sum(head.count for _, head, _ in opened)
    tiles: list[Tile] = []
    for cloud, head, points in opened:
        if head.count:
            whole = build.cloud(head, points, lambda drawn: progress(drawn, total))
            tiles.append(
                named_tile(external(whole, build.put_tree) if whole.size > LARGEST_INLINE_BYTES else whole, CLASS, cloud.fid, cloud.name)
            )
    while len(tiles) > _TOGETHER:
        tiles = [tile(None, tiles[i : i + _TOGETHER], None, build.put_tree) for i in range(0, len(tiles), _TOGETHER)]
    root = tile(None, tiles, None, build.put_tree) if tiles else None
    extras: Json = {"schema": naming_schema("point_clouds", CLASS), "extras": target.extras}
    store_put(f"{build.prefix}/r/{target.revision}/tileset.json", revision_tileset(root, target.variant, extras))
    return build.summary


class _Build:
    def __init__(self, to_geocentric: ToGeocentric, target: CloudsTarget, store_put: StorePut) -> None:
        self._to_geocentric, self._target, self._put = to_geocentric, target, store_put
        self.prefix = f"tiles/{target.dataset}/{target.variant}"
        self.summary = CloudsSummary()

    def put_tree(self, body: bytes) -> str:
        """Store a file of the tree and return its hash."""
        name = content_hash(body)
        self._put(f"{self.prefix}/t/{name}.json", body)
        return name

    def cloud(self, head: PointsHead, points: Points, told: Callable[[int], None]) -> Tile:
        """Return the tile of one cloud; ``told`` hears how many points of all clouds are drawn."""
        with tempfile.TemporaryDirectory(dir=self._target.scratch, prefix="points-") as folder:
            buckets = sort_points(points, Path(folder) / "sorted")

            def content_of(shown: Points, voxel_m: float) -> ContentRef:
                content = self._content(head, buckets, shown, voxel_m)
                self.summary.points += len(shown) if voxel_m == 0.0 else 0
                told(self.summary.points)
                return content

            return point_tree(buckets, content_of, self.put_tree)

    def _content(self, head: PointsHead, buckets: Buckets, points: Points, voxel_m: float) -> ContentRef:
        """Store points and return their content."""
        projection = fit_projection(self._to_geocentric, positions := np.ascontiguousarray(head.positions(points)))
        local, region = projection.project(positions)
        colors = colors_of(head, points, buckets.lowest_mm, buckets.highest_mm)
        kinds = np.ascontiguousarray(points["kind"]) if head.has_kinds else None
        encoding = Encoding(self._target.encoding.quantize, self._target.encoding.meshopt, max(ACCURACY_M, voxel_m / _VOXEL_SHARE))
        glb = write_point_glb(projection.frame, local, colors, kinds, encoding)
        name = content_hash(glb.data)
        self._put(f"{self.prefix}/c/{name}.glb", glb.data)
        self.summary.contents += 1
        self.summary.content_bytes += len(glb.data)
        if voxel_m == 0.0:
            self.summary.accuracy_m = max(self.summary.accuracy_m, projection.residual_m + glb.position_error_m)
        return ContentRef(name, region.widened(glb.position_error_m), len(glb.data))
