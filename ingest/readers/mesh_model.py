"""Meshes: a GLB or OBJ alone, or with their files and a metadata.xml in a ZIP; every vertex is placed, textures go along.

Several OBJ or glTF files in one archive are one model, as programs of oblique photography cut it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import orjson

from ingest.georeference import georeference
from ingest.protocol import FileChunk, FileInfo, LayerInfo, ModelFile, ModelHeader, PartRequest, ReadRequest
from ingest.readers.archive import Archive
from ingest.readers.content import HEAD_BYTES, Content
from ingest.readers.gltf_mesh import gltf_mesh, without_unused_images
from ingest.readers.image import day_in_name
from ingest.readers.mesh_parts import joined
from ingest.readers.model_files import Member, beside_in, nothing_beside
from ingest.readers.model_outline import outline_of, place_all, unplaced
from ingest.readers.model_place import ModelPlace, place_in
from ingest.readers.model_up import ask_where_y_is_up, turned_up
from ingest.readers.obj_mesh import is_obj, obj_mesh
from ingest.refusals import rejected
from twin.errors import TwinError
from twin.model import Recipe
from twin.placed_mesh import MESH, MeshPart, PlacedMesh, encode_mesh

_GLB = b"glTF"
_SENT_BYTES = 16 << 20
_LONGEST_GLTF = 256 << 20
_Y_IS_UP = ", y up"
type ReadMesh = Callable[[bytes, str, Callable[[str], bytes], int], PlacedMesh]
_READERS: Mapping[str, ReadMesh] = {"glTF": gltf_mesh, "OBJ": obj_mesh}


def is_glb(head: bytes) -> bool:
    """Return whether a file begins as a GLB."""
    return head.startswith(_GLB)


def has_meshes(archive: Archive) -> bool:
    """Return whether an archive holds OBJ or glTF files."""
    return any(_format_of(archive, name) is not None for name in archive.names)


def members_of(archive: Archive) -> tuple[str, ...]:
    """Return the files of triangles; what they name is of no kind that is read alone."""
    return tuple(name for name in archive.names if _format_of(archive, name) is not None)


def open_meshes(archive: Archive, request: ReadRequest) -> MeshModel:
    """Return the model of an archive; RejectedError ``archive-several`` for formats mixed, ``model-metadata``."""
    found = {name: kind for name in archive.names if (kind := _format_of(archive, name)) is not None}
    kinds = sorted(set(found.values()))
    if len(kinds) > 1:
        names = ", ".join(kinds)
        raise rejected(
            "archive-several", f"The archive holds models as {names}: hand in one.", f"压缩包含多种格式的模型（{names}），请只交一种。"
        )
    members = tuple(Member(name, lambda n=name: archive.read(n), beside_in(archive, name)) for name in found)  # type: ignore[misc]
    return MeshModel(kinds[0], request.path.name, members, place_in(archive))


def open_mesh(file_format: str, content: Content) -> MeshModel:
    """Return the model of a file alone; files it names are not at hand then."""

    def unpack() -> bytes:
        source = content.source
        return source if isinstance(source, bytes) else source.read_bytes()

    return MeshModel(file_format, content.request.path.name, (Member(content.name, unpack, nothing_beside),), None)


class MeshModel:
    """Triangles that wait to be placed."""

    recipes: frozenset[Recipe] = frozenset({"model"})

    def __init__(self, file_format: str, name: str, members: Sequence[Member], place: ModelPlace | None) -> None:
        self.format = file_format
        self._name = PurePosixPath(name).stem
        self._members = members
        self._place = place

    def inspect(self) -> FileInfo:
        """Return the model as one layer."""
        return FileInfo(self.format, (LayerInfo(self._name, "coverage", (), self._place.crs if self._place else None, None),))

    def read(self, part: PartRequest, request: ReadRequest) -> Iterator[ModelHeader | ModelFile | FileChunk]:
        """Yield what describes the model, then its placed mesh (`twin.placed_mesh`).

        RejectedError ``model-unplaced``, ``model-empty``, ``model-too-large``, ``model-content-missing``, ``geometry-finite``,
        ``area-of-use``, ``model-up-doubtful`` and what the format's reader refuses.
        """
        place = self._place or ModelPlace(None, (0.0, 0.0, 0.0))
        if place.crs is None and request.crs is None:
            raise unplaced()
        asked = replace(request, crs=place.crs) if place.plane_deg else request
        placing = georeference(asked, self._name, place.crs, assumed=False)
        meshes = [self._read(member, request.limits.mesh_vertices) for member in self._members]
        mesh = _together(meshes, request.limits.mesh_vertices)
        vertices = sum(len(p.positions) for p in mesh.parts)

        def placed(upright: PlacedMesh) -> PlacedMesh:
            parts: list[MeshPart] = []
            for p in upright.parts:
                positions = p.positions[:, [1, 0, 2]] if part.reading.axes == "yx" else p.positions
                triangles = p.triangles[:, ::-1] if part.reading.axes == "yx" else p.triangles
                parts.append(replace(p, positions=place_all(placing, place.put(positions)), triangles=triangles))
            return replace(upright, parts=tuple(parts))

        mesh, said = self._upright(mesh, part, placed)
        parts = mesh.parts
        outline = outline_of(np.concatenate([p.positions for p in parts]), placing.storage.srid)
        buffers = encode_mesh(mesh)
        size = sum(len(b) for b in buffers)
        yield ModelHeader(
            dataset=part.dataset,
            format="OBJ" if self.format == "OBJ" else "glTF",
            source_crs=placing.label + said,
            assumed=placing.assumed,
            acquired_on=day_in_name(self._name),
            vertices=vertices,
            triangles=sum(len(p.triangles) for p in parts),
            textured=bool(mesh.images),
            minimum_m=outline.minimum_m,
            maximum_m=outline.maximum_m,
            footprint=outline.footprint,
            files=1,
            total_bytes=size,
        )
        yield ModelFile(part.dataset, MESH, size)
        for buffer in buffers:
            for start in range(0, len(buffer), _SENT_BYTES):
                yield FileChunk(part.dataset, buffer[start : start + _SENT_BYTES])

    def _upright(self, mesh: PlacedMesh, part: PartRequest, placed: Callable[[PlacedMesh], PlacedMesh]) -> tuple[PlacedMesh, str]:
        """Return the mesh placed, and what is to be said of its up axis: an OBJ that lies in the city only with y upwards has it so."""
        if self.format != "OBJ" or part.reading.up == "z":
            return placed(mesh), ""
        if part.reading.up == "y":
            return placed(turned_up(mesh)), _Y_IS_UP
        try:
            as_it_stands = placed(mesh)
        except TwinError as beyond:
            try:
                return placed(turned_up(mesh)), _Y_IS_UP
            except TwinError:
                raise beyond from None
        ask_where_y_is_up(mesh)
        return as_it_stands, ""

    def _read(self, member: Member, most_vertices: int) -> PlacedMesh:
        mesh = _READERS[self.format](member.unpack(), member.name, member.beside, most_vertices)
        return without_unused_images(mesh)


def _together(meshes: Sequence[PlacedMesh], most_vertices: int) -> PlacedMesh:
    """Return several meshes as one; RejectedError ``model-empty`` or ``model-too-large``."""
    mesh = joined(meshes)
    if mesh is None:
        raise rejected("model-empty", "The model has no triangles.", "模型中没有三角形。")
    if sum(len(p.positions) for p in mesh.parts) > most_vertices:
        raise rejected("model-too-large", f"More than {most_vertices} vertices.", f"顶点数超过 {most_vertices}。")
    return mesh


def _format_of(archive: Archive, name: str) -> str | None:
    head = archive.head(name, HEAD_BYTES)
    if is_glb(head) or (head.lstrip()[:1] == b"{" and _is_gltf(archive, name)):
        return "glTF"
    return "OBJ" if is_obj(head) else None


def _is_gltf(archive: Archive, name: str) -> bool:
    """Return whether a JSON file is a glTF: it says so at any place."""
    if archive.size(name) > _LONGEST_GLTF or b'"asset"' not in (content := _peek(archive, name)):
        return False
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and "meshes" in document and "accessors" in document


def _peek(archive: Archive, name: str) -> bytes:
    with archive.stream(name) as stream:
        return stream.read()
