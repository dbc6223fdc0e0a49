"""OSGB: one file, or a ZIP of the tree of tiles that programs of oblique photography write, with all its levels of detail.

Every vertex is placed; what is kept is a placed mesh for each level (`twin.placed_mesh`) and which is finer than which
(`twin.mesh_levels`). Files are read one by one, twice: first for bounds and sizes, then for what is kept, so that a city is read in the
memory of one tile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np
import shapely

from ingest.georeference import Georeference, georeference
from ingest.protocol import FileChunk, FileInfo, LayerInfo, Limits, ModelFile, ModelHeader, PartRequest, ReadRequest
from ingest.readers.archive import Archive
from ingest.readers.content import Content
from ingest.readers.image import day_in_name
from ingest.readers.model_files import Member, beside_in, nothing_beside
from ingest.readers.model_outline import FloatArray, outline_of, place_all, unplaced
from ingest.readers.model_place import ModelPlace, place_in
from ingest.readers.osgb_scene import Level, osgb_levels
from ingest.readers.osgb_stream import MAGIC, is_osgb
from ingest.readers.tileset_document import resolved
from ingest.refusals import rejected
from twin.errors import TwinError
from twin.mesh_levels import LEVELS, MeshLevel, MeshLevels, encode_levels
from twin.model import Recipe
from twin.placed_mesh import PlacedMesh, encode_mesh

_SENT_BYTES = 16 << 20


def has_osgb(archive: Archive) -> bool:
    """Return whether an archive holds OSGB files."""
    return any(is_osgb(archive.head(name, len(MAGIC))) for name in archive.names)


def members_of(archive: Archive) -> tuple[str, ...]:
    """Return the OSGB files."""
    return tuple(name for name in archive.names if is_osgb(archive.head(name, len(MAGIC))))


def open_archived(archive: Archive, request: ReadRequest) -> OsgbModel:
    """Return the model of a ZIP; RejectedError ``model-metadata``."""
    members = tuple(Member(name, lambda n=name: archive.read(n), beside_in(archive, name)) for name in members_of(archive))  # type: ignore[misc]
    return OsgbModel(request.path.name, members, place_in(archive))


def open_alone(content: Content) -> OsgbModel:
    """Return the model of a file alone; files it names are not at hand then."""

    def unpack() -> bytes:
        source = content.source
        return source if isinstance(source, bytes) else source.read_bytes()

    return OsgbModel(content.request.path.name, (Member(content.name, unpack, nothing_beside),), None)


@dataclass(frozen=True, slots=True)
class _Surveyed:
    """What is known of the files after the first look."""

    levels: MeshLevels
    sizes: Mapping[int, int]
    """Bytes of each level's mesh as it is kept."""
    hull: FloatArray
    """(n, 3) placed points that have the outline and the heights of all."""
    vertices: int
    triangles: int
    is_textured: bool


class OsgbModel:
    """Triangles in levels of detail that wait to be placed."""

    format = "OSGB"
    recipes: frozenset[Recipe] = frozenset({"model"})

    def __init__(self, name: str, members: Sequence[Member], place: ModelPlace | None) -> None:
        self._name = PurePosixPath(name).stem
        self._members = members
        self._place = place

    def inspect(self) -> FileInfo:
        """Return the model as one layer."""
        return FileInfo(self.format, (LayerInfo(self._name, "coverage", (), self._place.crs if self._place else None, None),))

    def read(self, part: PartRequest, request: ReadRequest) -> Iterator[ModelHeader | ModelFile | FileChunk]:
        """Yield what describes the model, then its levels.

        RejectedError ``model-unplaced``, ``model-empty``, ``model-too-large``, ``model-content-missing``, ``geometry-finite``,
        ``area-of-use``, ``osgb-broken`` and what `osgb_levels` refuses.
        """
        place = self._place or ModelPlace(None, (0.0, 0.0, 0.0))
        if place.crs is None and request.crs is None:
            raise unplaced()
        asked = replace(request, crs=place.crs) if place.plane_deg else request
        placing = georeference(asked, self._name, place.crs, assumed=False)
        put = _Placing(place, placing, is_swapped=part.reading.axes == "yx")
        seen = _Survey(self._members, put, request.limits).seen()
        outline = outline_of(seen.hull, placing.storage.srid)
        document = encode_levels(seen.levels)
        yield ModelHeader(
            dataset=part.dataset,
            format="OSGB",
            source_crs=placing.label,
            assumed=placing.assumed,
            acquired_on=day_in_name(self._name),
            vertices=seen.vertices,
            triangles=seen.triangles,
            textured=seen.is_textured,
            minimum_m=outline.minimum_m,
            maximum_m=outline.maximum_m,
            footprint=outline.footprint,
            files=1 + len(seen.sizes),
            total_bytes=len(document) + sum(seen.sizes.values()),
        )
        yield ModelFile(part.dataset, LEVELS, len(document))
        yield FileChunk(part.dataset, document)
        for number, mesh in _numbered(_scenes(self._members, request.limits)):
            if mesh is not None:
                yield ModelFile(part.dataset, seen.levels.name(number), seen.sizes[number])
                for buffer in encode_mesh(put.placed(mesh)):
                    for start in range(0, len(buffer), _SENT_BYTES):
                        yield FileChunk(part.dataset, buffer[start : start + _SENT_BYTES])


@dataclass(frozen=True, slots=True)
class _Placing:
    """Puts meshes into the storage CRS."""

    place: ModelPlace
    placing: Georeference
    is_swapped: bool

    def placed(self, mesh: PlacedMesh) -> PlacedMesh:
        """Return the mesh where it belongs."""
        parts = []
        for p in mesh.parts:
            positions = p.positions[:, [1, 0, 2]] if self.is_swapped else p.positions
            triangles = p.triangles[:, ::-1] if self.is_swapped else p.triangles
            parts.append(replace(p, positions=place_all(self.placing, self.place.put(positions)), triangles=triangles))
        return replace(mesh, parts=tuple(parts))


class _Survey:
    """The first look: which file is finer than which, where everything lies, how much there is."""

    def __init__(self, members: Sequence[Member], put: _Placing, limits: Limits) -> None:
        self._members, self._put, self._limits = members, put, limits
        self._files = {member.name.casefold(): number for number, member in enumerate(members)}
        self._levels: list[MeshLevel] = []
        self._finer_files: dict[int, tuple[int, ...]] = {}
        self._sizes: dict[int, int] = {}
        self._hulls: list[FloatArray] = []
        self._vertices = self._triangles = 0
        self._is_textured = False

    def seen(self) -> _Surveyed:
        """Read every file once."""
        tops = [
            tuple(self._add(level, self._members[number]) for level in levels) for number, levels in _scenes(self._members, self._limits)
        ]
        named = [file for files in self._finer_files.values() for file in files]
        if len(named) != len(set(named)):
            raise rejected("osgb-broken", "A file is the finer level of two others.", "同一文件被多个上级引用。")
        for number, files in self._finer_files.items():
            level = self._levels[number]
            self._levels[number] = replace(level, children=(*level.children, *(top for file in files for top in tops[file])))
        roots = tuple(top for file, level_tops in enumerate(tops) if file not in set(named) for top in level_tops)
        if not self._hulls or not roots:
            raise rejected("model-empty", "The model has no triangles.", "模型中没有三角形。")
        levels = MeshLevels(tuple(self._levels), roots)
        return _Surveyed(levels, self._sizes, np.concatenate(self._hulls), self._vertices, self._triangles, self._is_textured)

    def _add(self, level: Level, member: Member) -> int:
        """Number a level after those below it in its file, as `_numbered` does."""
        children = tuple(self._add(finer, member) for finer in level.finer)
        number = len(self._levels)
        self._levels.append(MeshLevel(level.mesh is not None, level.error_m, children))
        if level.files:
            self._finer_files[number] = tuple(self._file(name, member) for name in level.files)
        if level.mesh is not None:
            self._measure(number, level.mesh)
        return number

    def _file(self, name: str, member: Member) -> int:
        path = resolved(str(PurePosixPath(member.name).parent).removeprefix("."), name.replace("\\", "/").removeprefix("./"), member.name)
        if (number := self._files.get(path.casefold())) is None:
            member.beside(name)  # says what is missing
            raise self._no_scene(path)
        return number

    def _no_scene(self, path: str) -> TwinError:
        return rejected("osgb-broken", f"{path} is no OSGB file.", f"{path} 不是 OSGB 文件。")

    def _measure(self, number: int, mesh: PlacedMesh) -> None:
        placed = self._put.placed(mesh)
        self._sizes[number] = sum(len(b) for b in encode_mesh(placed))
        points = np.concatenate([p.positions for p in placed.parts])
        self._hulls.append(_hull(points))
        self._vertices += len(points)
        self._triangles += sum(len(p.triangles) for p in mesh.parts)
        self._is_textured |= bool(mesh.images)


def _hull(points: FloatArray) -> FloatArray:
    """Return few points with the convex hull of ``points`` in plan, and its lowest and highest."""
    hull = shapely.get_coordinates(shapely.convex_hull(shapely.multipoints(points[:, :2])))
    lowest, highest = points[points[:, 2].argmin()], points[points[:, 2].argmax()]
    return np.vstack([np.column_stack([hull, np.full(len(hull), lowest[2])]), lowest, highest])


def _scenes(members: Sequence[Member], limits: Limits) -> Iterator[tuple[int, tuple[Level, ...]]]:
    for number, member in enumerate(members):
        yield number, osgb_levels(member.unpack(), member.name, member.beside, limits.mesh_vertices, limits.unpacked_bytes)


def _numbered(scenes: Iterator[tuple[int, tuple[Level, ...]]]) -> Iterator[tuple[int, PlacedMesh | None]]:
    """Yield the mesh of every level with its number: those below it in its file come first."""

    def walk(level: Level) -> Iterator[PlacedMesh | None]:
        for finer in level.finer:
            yield from walk(finer)
        yield level.mesh

    yield from enumerate(mesh for _, levels in scenes for level in levels for mesh in walk(level))
