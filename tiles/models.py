"""Finished 3D models as one tileset: meshes are cut into tiles, delivered tilesets hang in it as they came (3D Tiles 1.1 §6.7.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.bounds import Region, region_of
from tiles.local_frame import ToGeocentric, fit_projection
from tiles.model_glb import Piece, write_model_glb
from tiles.model_levels import leveled
from tiles.named_tile import named_tile, naming_schema
from tiles.node_store import StorePut, content_hash
from tiles.tileset import LARGEST_INLINE_BYTES, ContentRef, Tile, external, revision_tileset, tile
from twin.mesh_levels import MeshLevels
from twin.placed_mesh import MESH, MeshPart, PlacedMesh, image_type

MOST_VERTICES = 65_536
"""Of one tile."""
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
_CLASS = "model"
type Json = dict[str, object]
type Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Model:
    """One row: its identity, its bounds and what is kept of it."""

    fid: int
    name: str
    bounds: tuple[float, float, float, float, float, float]
    """West, south, lowest, east, north, highest: storage CRS and the deployment's heights."""
    kept_as: str
    geometric_error_m: float | None = None
    """Of the root of a delivered tileset; None for meshes."""
    levels: MeshLevels | None = None
    """Of a mesh of several levels of detail."""


@dataclass(frozen=True, slots=True)
class ModelsSummary:
    """What was built."""

    models: int
    contents: int
    content_bytes: int
    projection_residual_m: float
    key: str


@dataclass(frozen=True, slots=True)
class ModelsTarget:
    """Where the tileset goes."""

    dataset: str
    revision: int
    variant: str
    extras: Json


def build_models(
    models: Sequence[Model],
    mesh_of: Callable[[Model, str], PlacedMesh],
    to_geocentric: ToGeocentric,
    target: ModelsTarget,
    store_put: StorePut,
    progress: Progress,
) -> ModelsSummary:
    """Write the tileset of ``models`` into the store, its tileset.json last.

    Keys as `tiles.build.build_tileset`, pictures of meshes beside their contents; for a delivered tileset ``…/m/{kept_as}.json`` says that
    this dataset shows it. ``mesh_of`` gives a file of what is kept of a model. The metadata of each model's tile, class ``model``, has its
    ``fid`` and ``name``.
    """
    build = _Build(to_geocentric, target, store_put)
    tiles: list[Tile] = []
    for number, model in enumerate(models):
        if (part := build.model(model, mesh_of)) is not None:
            tiles.append(part)
        progress(number + 1, len(models))
    key = f"{build.prefix}/r/{target.revision}/tileset.json"
    root = tile(None, tiles, None, build.put_tree) if tiles else None
    store_put(key, revision_tileset(root, target.variant, {"schema": naming_schema("models", _CLASS), "extras": target.extras}))
    return ModelsSummary(len(models), build.contents, build.content_bytes, build.residual_m, key)


class _Build:
    def __init__(self, to_geocentric: ToGeocentric, target: ModelsTarget, store_put: StorePut) -> None:
        self._to_geocentric, self._put = to_geocentric, store_put
        self.prefix = f"tiles/{target.dataset}/{target.variant}"
        self.contents = self.content_bytes = 0
        self.residual_m = 0.0

    def put_tree(self, body: bytes) -> str:
        """Store a file of the tree and return its hash."""
        name = content_hash(body)
        self._put(f"{self.prefix}/t/{name}.json", body)
        return name

    def model(self, model: Model, mesh_of: Callable[[Model, str], PlacedMesh]) -> Tile | None:
        """Return the tile of a model, None when there is nothing in it."""
        if model.geometric_error_m is not None:
            return self.delivered(model)
        levels = model.levels
        if levels is None:
            return self.meshed(model, mesh_of(model, MESH))
        whole = leveled(levels, lambda number: self._level(mesh_of(model, levels.name(number))), self.put_tree)
        return None if whole is None else named_tile(whole, _CLASS, model.fid, model.name)

    def delivered(self, model: Model) -> Tile:
        """Return the tile in which a delivered tileset hangs."""
        region = self._region(model)
        self._put(f"{self.prefix}/m/{model.kept_as}.json", orjson.dumps({"fid": model.fid}))
        error = float(model.geometric_error_m or 0.0)
        body: Json = {
            "boundingVolume": {"region": region.as_list()},
            "geometricError": error,
            "refine": "ADD",
            "content": {"uri": f"m/{model.kept_as}/tileset.json"},
        }
        return named_tile(Tile(region, error, body, len(orjson.dumps(body))), _CLASS, model.fid, model.name)

    def meshed(self, model: Model, mesh: PlacedMesh) -> Tile:
        """Return the tiles of a mesh."""
        pictures = [self._picture(image) for image in mesh.images]
        leaves = [tile(self._content(parts, mesh, pictures), [], 0.0, self.put_tree) for parts in _cut(mesh)]
        while len(leaves) > 4:  # four to a tile, neighbours as they were cut
            leaves = [tile(None, leaves[i : i + 4], None, self.put_tree) for i in range(0, len(leaves), 4)]
        whole = leaves[0] if len(leaves) == 1 else tile(None, leaves, None, self.put_tree)
        return named_tile(external(whole, self.put_tree) if whole.size > LARGEST_INLINE_BYTES else whole, _CLASS, model.fid, model.name)

    def _level(self, mesh: PlacedMesh) -> ContentRef:
        """Store one level of a mesh, its pictures beside it; how large it may be was the choice of who made the levels."""
        return self._content(_with_normals(mesh), mesh, [self._picture(image) for image in mesh.images])

    def _content(self, parts: Sequence[MeshPart], mesh: PlacedMesh, pictures: Sequence[str]) -> ContentRef:
        projection = fit_projection(self._to_geocentric, np.concatenate([p.positions for p in parts]))
        locals_and_regions = [projection.project(np.ascontiguousarray(p.positions)) for p in parts]
        pieces = []
        for part, (local, _) in zip(parts, locals_and_regions, strict=True):
            material = mesh.materials[part.material]
            picture = pictures[material.image] if material.image is not None and part.texture is not None else None
            pieces.append(Piece(local, part.triangles, part.texture, part.normals, material, picture))
        glb = write_model_glb(projection.frame, pieces)
        name = content_hash(glb)
        self._put(f"{self.prefix}/c/{name}.glb", glb)
        self.contents += 1
        self.content_bytes += len(glb)
        self.residual_m = max(self.residual_m, projection.residual_m)
        regions = np.array([region.as_list() for _, region in locals_and_regions])
        low, high = regions.min(axis=0), regions.max(axis=0)
        return ContentRef(name, Region(*(float(v) for v in (low[0], low[1], high[2], high[3], low[4], high[5]))))

    def _picture(self, image: bytes) -> str:
        """Store a picture and return its URI beside the contents."""
        name = f"{content_hash(image)}.{_SUFFIXES[image_type(image) or 'image/png']}"
        self._put(f"{self.prefix}/c/{name}", image)
        return name

    def _region(self, model: Model) -> Region:
        west, south, low, east, north, high = model.bounds
        steps = [np.linspace(west, east, 5), np.linspace(south, north, 5), np.array([low, high])]
        e, n, h = (axis.ravel() for axis in np.meshgrid(*steps))
        return region_of(np.column_stack(self._to_geocentric(e, n, h)))


def _cut(mesh: PlacedMesh) -> Iterator[tuple[MeshPart, ...]]:
    """Yield pieces of at most `MOST_VERTICES`, halved across the longer side, neighbours one after the other."""
    waiting = [_with_normals(mesh)]
    while waiting:
        parts = waiting.pop()
        if sum(len(p.positions) for p in parts) <= MOST_VERTICES or sum(len(p.triangles) for p in parts) <= 1:
            yield parts
            continue
        middles = np.concatenate([p.positions[p.triangles].mean(axis=1)[:, :2] for p in parts])
        axis = int(np.argmax(np.ptp(middles, axis=0)))
        order = np.argsort(middles[:, axis], kind="stable")
        is_first = np.zeros(len(middles), np.bool_)
        is_first[order[: len(order) // 2]] = True
        waiting += [_chosen(parts, ~is_first), _chosen(parts, is_first)]


def _with_normals(mesh: PlacedMesh) -> tuple[MeshPart, ...]:
    """Return the parts of a mesh, with normals where light falls on them."""
    return tuple(p if p.normals is not None or mesh.materials[p.material].is_unlit else _with_flat_normals(p) for p in mesh.parts)


def _chosen(parts: Sequence[MeshPart], which: NDArray[np.bool_]) -> tuple[MeshPart, ...]:
    """Return of ``parts`` the triangles ``which``, counted through all of them, with the vertices they need."""
    out: list[MeshPart] = []
    start = 0
    for part in parts:
        taken = part.triangles[which[start : start + len(part.triangles)]]
        start += len(part.triangles)
        if len(taken):
            used, index = np.unique(taken, return_inverse=True)
            out.append(
                MeshPart(
                    part.positions[used],
                    index.reshape(-1, 3).astype(np.uint32),
                    None if part.texture is None else part.texture[used],
                    None if part.normals is None else part.normals[used],
                    part.material,
                )
            )
    return tuple(out)


def _with_flat_normals(part: MeshPart) -> MeshPart:
    """Return the part with a normal for each face: without any, viewers draw it unlit, as one silhouette."""
    corners = part.positions[part.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.divide(normal, length, out=np.tile([0.0, 0.0, 1.0], (len(normal), 1)), where=length > 0)
    index = part.triangles.ravel()
    return MeshPart(
        corners.reshape(-1, 3),
        np.arange(len(index), dtype=np.uint32).reshape(-1, 3),
        None if part.texture is None else part.texture[index],
        np.repeat(normal, 3, axis=0).astype(np.float32),
        part.material,
    )
