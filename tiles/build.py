"""From the features of one revision to its tileset: the only place in `tiles` where meshes, bytes and the store meet."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tiles.bounds import Region
from tiles.columns import FeatureColumns, concatenate
from tiles.glb import Encoding, Material, TileMesh, write_glb
from tiles.local_frame import ToGeocentric, fit_projection
from tiles.mesh.batch import HIGHEST_M, LOWEST_M, LeftOut
from tiles.metadata import EncodedTable, MetadataClass, encode_table, metadata_class, property_table, row_bytes
from tiles.recipes import Recipe, recipe_for
from tiles.represented import represented
from tiles.statistics import Statistics, merge, statistics_json, statistics_of
from tiles.tileset import ContentRef, Tile, revision_tileset, tile
from tiles.tiling import Budget, Footprint, TileNode, is_on_grid, partition
from tiles.wkb import Geometries, read_wkb, select
from twin.model import FeatureType
from twin.representation import SurfaceType

type StorePut = Callable[[str, bytes], object]
"""Store bytes under a key; called from several threads, an existing key may be skipped."""
type Progress = Callable[[int, int], object]
"""Called with (features done, features in all)."""

_BYTES_PER_VERTEX = 8
"""What a compressed vertex with its share of indices takes, rounded up; for the budget only."""


@dataclass(frozen=True, slots=True)
class TilesetTarget:
    """Which tileset is built: dataset, revision and variant name its keys; ``oid_prefix`` and ``extras`` become tileset metadata."""

    dataset: str
    revision: int
    variant: str
    oid_prefix: str
    extras: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a tileset is built."""

    budget: Budget = field(default_factory=Budget)
    encoding: Encoding = field(default_factory=Encoding)
    workers: int = 2


@dataclass(frozen=True, slots=True)
class TilesetSummary:
    """What was built: features in = drawn + len(left_out).

    ``left_out``: (fid, reason); ``lods``: drawn features by level of detail ("1", "2.2"), for forms that have levels; ``surfaces``: the
    kinds that occur; ``faces_left_out`` counts the faces without area; ``unrepresentable``: values by property that became noData; the
    accuracy figures bound, in metres, the CRS fit, the stored positions and the facets of round sections; ``region`` is None when nothing
    is drawn.
    """

    features: int
    drawn: int
    left_out: tuple[tuple[int, LeftOut], ...]
    lods: dict[str, int]
    surfaces: tuple[SurfaceType, ...]
    faces_left_out: int
    unrepresentable: dict[str, int]
    contents: int
    content_bytes: int
    tree_files: int
    region: Region | None
    projection_residual_m: float
    position_error_m: float
    chord_error_m: float
    key: str


@dataclass(frozen=True, slots=True)
class ContentSummary:
    """All an ancestor needs to know of one content."""

    ref: ContentRef
    size: int
    statistics: Statistics
    lods: NDArray[np.int64]
    """(256,) how many features are drawn at each level of detail, counted in tenths."""
    surfaces: frozenset[int]
    """Which SurfaceType occur."""
    faces_left_out: int
    projection_residual_m: float
    position_error_m: float
    chord_error_m: float


def build_tileset(
    columns: Iterable[FeatureColumns],
    feature_type: FeatureType,
    to_geocentric: ToGeocentric,
    target: TilesetTarget,
    store_put: StorePut,
    progress: Progress | None = None,
    options: BuildOptions | None = None,
) -> TilesetSummary:
    """Build the tileset of ``columns`` and store it; the revision's tileset.json is put last, so a half-built one is never visible.

    Keys: ``tiles/{dataset}/{variant}/c/{hash}.glb``, ``…/t/{hash}.json``, ``…/r/{revision}/tileset.json``. The bytes depend on the
    features alone, not on their order or the number of workers. RecipeError when the FeatureType has no 3D form.
    """
    options = options or BuildOptions()
    features = concatenate(list(columns))
    build = _Build(features, feature_type, to_geocentric, target, store_put, options)
    return build.run(progress or (_silent))


class _Build:
    """One build: the encoded input, and what the workers share."""

    def __init__(
        self,
        features: FeatureColumns,
        feature_type: FeatureType,
        to_geocentric: ToGeocentric,
        target: TilesetTarget,
        store_put: StorePut,
        options: BuildOptions,
    ) -> None:
        self.features = features
        self.metadata: MetadataClass = metadata_class(feature_type)
        self.recipe: Recipe = represented(recipe_for(feature_type, features), features.representations)
        self.geometries: Geometries = read_wkb(features.wkb, features.wkb_offsets)
        self.table: EncodedTable = encode_table(self.metadata, features)
        self.left_out = np.zeros(len(features), np.uint8)
        self.target, self.store_put, self.options = target, store_put, options
        self.prefix = f"tiles/{target.dataset}/{target.variant}"
        self._to_geocentric = to_geocentric
        self._projecting = threading.Lock()
        self._tree_files: set[str] = set()

    def run(self, progress: Progress) -> TilesetSummary:
        tree = self._partition()
        runs = [] if tree is None else list(_contents(tree))
        summaries = self._contents(runs, progress)
        by_run = {id(run): summary for run, summary in zip(runs, summaries, strict=True)}
        root = None if tree is None else self._tile(tree, by_run)
        drawn = [s for s in summaries if s is not None]
        summary = self._summary(drawn, root)
        key = f"{self.prefix}/r/{self.target.revision}/tileset.json"
        self.store_put(key, revision_tileset(root, self.target.variant, self._members(drawn, summary)))
        return summary

    def _partition(self) -> TileNode | None:
        x, y, width = self.recipe.squares(self.geometries)
        on_grid = is_on_grid(x, y)
        empty = np.isnan(x)
        self.left_out[~on_grid & ~empty] = LeftOut.OUTSIDE_CRS
        vertices = self.recipe.vertices(self.geometries)
        size = _BYTES_PER_VERTEX * vertices + row_bytes(self.table)
        rows = np.flatnonzero(on_grid & ~empty)
        self._leave_out_empty(np.flatnonzero(empty))
        tree = partition(Footprint(x[rows], y[rows], width[rows], vertices[rows], size[rows], self.features.fid[rows]), self.options.budget)
        return None if tree is None else _renumbered(tree, rows)

    def _leave_out_empty(self, rows: NDArray[np.int64]) -> None:
        self.left_out[rows] = self.recipe.mesh(select(self.geometries, rows), rows).left_out

    def _contents(self, runs: list[NDArray[np.int64]], progress: Progress) -> list[ContentSummary | None]:
        summaries: list[ContentSummary | None] = []
        done, total = 0, len(self.features)
        with ThreadPoolExecutor(max(1, self.options.workers)) as pool:
            for run, summary in zip(runs, pool.map(self._content, runs), strict=True):
                done += len(run)
                progress(done, total)
                summaries.append(summary)
        return summaries

    def _content(self, rows: NDArray[np.int64]) -> ContentSummary | None:
        """Build and store the content of ``rows``; None when none of them can be drawn."""
        mesh = self.recipe.mesh(select(self.geometries, rows), rows)
        self.left_out[rows] = mesh.left_out
        if mesh.is_empty:
            return None
        sane = (mesh.positions[:, 2] > LOWEST_M) & (mesh.positions[:, 2] < HIGHEST_M)
        if not sane.all():
            return self._without(rows, np.unique(mesh.feature[~sane]), LeftOut.ELEVATION_ABSURD)
        with self._projecting:
            projection = fit_projection(self._to_geocentric, mesh.positions)
            reached = projection.reaches(mesh.positions)
        if not reached.all():
            return self._without(rows, np.unique(mesh.feature[~reached]), LeftOut.OUTSIDE_CRS)
        drawn = mesh.left_out == LeftOut.DRAWN
        row_of = (np.cumsum(drawn) - 1).astype(np.uint32)
        local, region = projection.project(mesh.positions)
        table = property_table(self.table, rows[drawn])
        tile_mesh = TileMesh(projection.frame, local, mesh.normals, mesh.triangles, row_of[mesh.feature], mesh.surface)
        glb = write_glb(tile_mesh, self.metadata, table, self.options.encoding, Material(not mesh.is_closed, self.recipe.opacity))
        name = content_hash(glb.data)
        self.store_put(f"{self.prefix}/c/{name}.glb", glb.data)
        return ContentSummary(
            ContentRef(name, region),
            len(glb.data),
            statistics_of(self.table, rows[drawn]),
            np.bincount(self.recipe.lods(rows[drawn]), minlength=256),
            frozenset() if mesh.surface is None else frozenset(np.flatnonzero(np.bincount(mesh.surface)).tolist()),
            mesh.faces_left_out,
            projection.residual_m,
            glb.position_error_m,
            mesh.chord_error_m,
        )

    def _without(self, rows: NDArray[np.int64], unfit: NDArray[np.uint32], reason: LeftOut) -> ContentSummary | None:
        """Build the content without the features ``unfit``, which are left out for ``reason``."""
        self.left_out[rows[unfit]] = reason
        rest = np.delete(rows, unfit)
        return self._content(rest) if len(rest) else None

    def _tile(self, node: TileNode, by_run: dict[int, ContentSummary | None]) -> Tile | None:
        children = [c for c in (self._tile(child, by_run) for child in node.children) if c is not None]
        contents = [s.ref for s in (by_run[id(run)] for run in node.contents) if s is not None]
        if not contents and len(children) <= 1:
            return children[0] if children else None
        return tile(contents, children, self._put_tree)

    def _put_tree(self, body: bytes) -> str:
        name = content_hash(body)
        self._tree_files.add(name)
        self.store_put(f"{self.prefix}/t/{name}.json", body)
        return name

    def _members(self, contents: list[ContentSummary], summary: TilesetSummary) -> dict[str, object]:
        target = self.target
        statistics = merge([c.statistics for c in contents])
        dataset_class = {
            "properties": {
                "dataset": {"type": "STRING", "required": True},
                "revision": {"type": "SCALAR", "componentType": "UINT32", "required": True},
                "oid_prefix": {
                    "name": "OID 前缀",
                    "description": "OID of a feature = oid_prefix + fid",
                    "type": "STRING",
                    "required": True,
                },
            }
        }
        classes = self.metadata.schema["classes"]
        schema = {**self.metadata.schema, "classes": {**(classes if isinstance(classes, dict) else {}), "dataset": dataset_class}}
        values = {"dataset": target.dataset, "revision": target.revision, "oid_prefix": target.oid_prefix}
        accuracy = {
            "projection_residual_m": summary.projection_residual_m,
            "position_error_m": summary.position_error_m,
            "chord_error_m": summary.chord_error_m,
        }
        return {
            "schema": {**schema, "id": f"{self.metadata.schema_id}_tileset"},
            "statistics": statistics_json(self.metadata, statistics),
            "metadata": {"class": "dataset", "properties": values},
            "extras": {**target.extras, **({"lod": summary.lods} if summary.lods else {}), "accuracy": accuracy},
        }

    def _summary(self, contents: list[ContentSummary], root: Tile | None) -> TilesetSummary:
        out = np.flatnonzero(self.left_out)
        return TilesetSummary(
            features=len(self.features),
            drawn=sum(c.statistics.count for c in contents),
            left_out=tuple((int(self.features.fid[i]), LeftOut(int(self.left_out[i]))) for i in out),
            lods=_lods(contents),
            surfaces=tuple(SurfaceType(kind) for kind in sorted(frozenset[int]().union(*(c.surfaces for c in contents)))),
            faces_left_out=sum(c.faces_left_out for c in contents),
            unrepresentable=dict(self.table.unrepresentable),
            contents=len(contents),
            content_bytes=sum(c.size for c in contents),
            tree_files=len(self._tree_files),
            region=None if root is None else root.region,
            projection_residual_m=max((c.projection_residual_m for c in contents), default=0.0),
            position_error_m=max((c.position_error_m for c in contents), default=0.0),
            chord_error_m=max((c.chord_error_m for c in contents), default=0.0),
            key=f"{self.prefix}/r/{self.target.revision}/tileset.json",
        )


def _silent(_done: int, _total: int) -> None:
    """Report to nobody."""


def _lods(contents: list[ContentSummary]) -> dict[str, int]:
    """Return the drawn features by level of detail, as CityJSON writes a level."""
    counts = np.sum([c.lods for c in contents], axis=0) if contents else np.zeros(1, np.int64)
    return {f"{tenths / 10:g}": int(counts[tenths]) for tenths in np.flatnonzero(counts).tolist() if tenths > 0}


def content_hash(content: bytes) -> str:
    """Return the name of ``content``: 128 bits of SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()[:32]


def _contents(node: TileNode) -> Iterable[NDArray[np.int64]]:
    yield from node.contents
    for child in node.children:
        yield from _contents(child)


def _renumbered(node: TileNode, rows: NDArray[np.int64]) -> TileNode:
    return TileNode(node.cell, tuple(rows[c] for c in node.contents), tuple(_renumbered(c, rows) for c in node.children))
