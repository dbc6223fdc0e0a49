"""The scene of one OSGB file as levels of detail: what it draws, what is finer, and which other files are finer still."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from ingest.readers.mesh_parts import joined
from ingest.readers.osgb_arrays import OVERALL, PER_VERTEX, OsgArray, OsgPrimitives
from ingest.readers.osgb_objects import Objects, OsgImage, OsgObject
from ingest.readers.osgb_picture import picture_of
from ingest.readers.osgb_stream import OsgbStream
from twin.placed_mesh import Material, MeshPart, PlacedMesh

FloatArray = npt.NDArray[np.float64]
_BY_DISTANCE = 0
_ERROR_PX = 16.0
"""The screen-space error at which clients of 3D Tiles refine, and …"""
_VIEW_PX = 1000.0
"""… about how many pixels of a window a radian is, by which distances of OpenSceneGraph become errors."""
_SRGB_GAMMA = 2.2
_MOST_NODES = 100_000
_BLENDS = 0x0BE2
"""GL_BLEND."""
type ReadFile = Callable[[str], bytes]


@dataclass(frozen=True)
class Level:
    """What is drawn until something finer is near enough: a mesh, its finer forms in this file, and files with more of them."""

    mesh: PlacedMesh | None
    error_m: float
    """How large on the ground what is missing here is; 0 where nothing is finer."""
    finer: tuple[Level, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class _State:
    """What nodes hand down to those below them."""

    matrix: FloatArray = field(default_factory=lambda: np.eye(4))
    """Row vectors from the left, as OpenSceneGraph has them."""
    picture: OsgImage | None = None
    color: tuple[float, float, float, float] | None = None
    is_blended: bool = False


def osgb_levels(content: bytes, where: str, read_file: ReadFile, most_vertices: int, most_bytes: int) -> tuple[Level, ...]:
    """Return what an OSGB file draws, not placed yet: z upwards, in the units of the file.

    ``read_file`` gives a picture it names. RejectedError ``osgb-broken``, ``model-too-large``, ``zip-bomb`` or ``texture-unsupported``;
    UnsupportedMediaError ``osgb-unsupported``.
    """
    stream = OsgbStream(content, where, most_bytes)
    root = Objects(stream).object()
    if not isinstance(root, OsgObject):
        raise stream.unread("no scene")
    with np.errstate(over="ignore", invalid="ignore"):  # broken numbers are judged where the model is placed
        return _Scene(stream, read_file, most_vertices).levels(root, _State())


class _Scene:
    def __init__(self, stream: OsgbStream, read_file: ReadFile, most_vertices: int) -> None:
        self._stream, self._read_file = stream, read_file
        self._left, self._nodes = most_vertices, _MOST_NODES

    def levels(self, node: OsgObject, state: _State) -> tuple[Level, ...]:
        """Return the levels of a node; those drawn together are one mesh."""
        parts: list[PlacedMesh] = []
        found = list(self._walk(node, state, parts))
        return (*found, Level(joined(parts), 0.0)) if parts else tuple(found)

    def _walk(self, node: OsgObject, above: _State, meshes: list[PlacedMesh]) -> Iterator[Level]:
        """Yield the levels below ``node`` and add what is always drawn to ``meshes``."""
        self._nodes -= 1
        if self._nodes < 0:
            raise self._stream.broken("too many nodes")
        state = self._below(above, node)
        if node.kind == "Geometry":
            if (mesh := self._mesh(node, state)) is not None:
                meshes.append(mesh)
        elif node.kind in ("LOD", "PagedLOD"):
            yield from self._chain(node, state)
        else:
            files = tuple(name for name in node.fields.get("FileNames") or () if name)
            if files:  # a ProxyNode: always there, in other files
                yield Level(None, np.inf, files=files)
            for child in _children(node):
                yield from self._walk(child, state, meshes)

    def _chain(self, node: OsgObject, state: _State) -> Iterator[Level]:
        """Yield the coarsest of a node's alternatives, the finer ones below it."""
        fields = node.fields
        names = list((fields.get("RangeDataList") or ((), ()))[0])
        children = _children(node)
        inline = iter(children)
        ranges = fields.get("RangeList") or []
        entries: list[tuple[float, str | OsgObject]] = []
        by_distance = fields["RangeMode"] == _BY_DISTANCE
        for number, (low, high) in enumerate(ranges):
            name = names[number] if number < len(names) else ""
            what = name or next(inline, None)
            if what is not None:
                entries.append((high if by_distance else -low, what))  # the larger, the coarser
        entries.sort(key=lambda entry: -entry[0])
        finer: tuple[Level, ...] = ()
        files: tuple[str, ...] = ()
        threshold = 0.0
        for size, what in reversed(entries):
            if isinstance(what, str):
                files = (*files, what)
                threshold = size if not threshold else max(threshold, size)
                continue
            here = self.levels(what, state)
            if finer or files:
                mesh = joined([level.mesh for level in here if level.mesh is not None])
                error = _error_m(threshold, by_distance, _radius_m(fields, mesh, state))
                here = (Level(mesh, max([error, *(level.error_m for level in finer)]), finer, files),)
            finer, files, threshold = here, (), size
        yield from finer if not files else (Level(None, np.inf, finer, files),)

    def _below(self, above: _State, node: OsgObject) -> _State:
        """Return what goes for ``node``."""
        state = above
        matrix = _matrix(node, self._stream)
        if matrix is not None:
            state = replace(state, matrix=matrix @ state.matrix)
        for name in ("StateSet", "OwnStateSet"):
            if isinstance(settings := node.fields.get(name), OsgObject):
                state = _with_settings(state, settings)
        return state

    def _mesh(self, node: OsgObject, state: _State) -> PlacedMesh | None:
        """Return the triangles of a geometry, None when it has none."""
        vertices = node.fields["VertexArray"]
        sets = [p for p in node.fields["PrimitiveSetList"] if isinstance(p, OsgPrimitives)]
        corners = [triangles for p in sets if len(triangles := p.triangles())]
        if not isinstance(vertices, OsgArray) or vertices.values.ndim != 2 or not corners:
            return None
        self._left -= len(vertices.values)
        if self._left < 0:
            raise self._stream.too_large()
        triangles = np.concatenate(corners)
        if not 0 <= triangles.min() <= triangles.max() < len(vertices.values):
            raise self._stream.broken("a corner is beyond the vertices")
        points = np.zeros((len(vertices.values), 3))
        with np.errstate(invalid="ignore"):  # what is no number is refused where the mesh is placed
            points[:, : vertices.values.shape[1]] = vertices.values[:, :3]
        count = len(points)
        coordinates = next(iter(node.fields.get("TexCoordArrayList") or ()), None)
        texture, image = None, None
        if state.picture is not None and _is_per_vertex(coordinates, count, 2):
            image = picture_of(state.picture, self._stream.where, self._read_file)
            texture = (coordinates.values[:, :2] * [1.0, -1.0] + [0.0, 1.0]).astype(np.float32)
        is_mirrored = np.linalg.det(state.matrix[:3, :3]) < 0
        part = MeshPart(
            points @ state.matrix[:3, :3] + state.matrix[3, :3],
            (triangles[:, ::-1] if is_mirrored else triangles).astype(np.uint32),
            None if image is None else texture,
            _normals(node.fields.get("NormalArray"), count, state.matrix),
            0,
        )
        if image is None:
            material = Material(_overall(node.fields.get("ColorArray")) or state.color or Material().color)
            return PlacedMesh((part,), (material,), ())
        return PlacedMesh((part,), (Material((1.0, 1.0, 1.0, 1.0), 0, is_unlit=True, is_masked=state.is_blended),), (image,))


def _children(node: OsgObject) -> list[OsgObject]:
    return [child for child in node.fields.get("Children") or () if isinstance(child, OsgObject)]


def _matrix(node: OsgObject, stream: OsgbStream) -> FloatArray | None:
    """Return the matrix of a transform, None for other nodes."""
    if node.kind == "MatrixTransform":
        return np.array(node.fields["Matrix"]).reshape(4, 4)
    if node.kind != "PositionAttitudeTransform":
        return None
    x, y, z, w = node.fields["Attitude"]
    if (x, y, z, w) != (0.0, 0.0, 0.0, 1.0):
        raise stream.unread("a turned PositionAttitudeTransform")
    matrix = np.diag([*node.fields["Scale"], 1.0])
    matrix[3, :3] = np.array(node.fields["Position"]) - np.array(node.fields["PivotPoint"]) * node.fields["Scale"]
    return matrix


def _with_settings(state: _State, settings: OsgObject) -> _State:
    """Return the state with the picture, colour and blending of a StateSet."""
    for mode, value in settings.fields.get("ModeList") or ():
        if mode == _BLENDS:
            state = replace(state, is_blended=bool(value & 1))
    for attribute, _ in settings.fields.get("AttributeList") or ():
        if isinstance(attribute, OsgObject) and attribute.kind == "Material" and attribute.fields["Diffuse"] is not None:
            state = replace(state, color=_linear(attribute.fields["Diffuse"][1][:4]))
    for attribute, _ in next(iter(settings.fields.get("TextureAttributeList") or ()), ()):
        if isinstance(attribute, OsgObject) and attribute.kind == "Texture2D":
            state = replace(state, picture=attribute.fields["Image"])
    return state


def _linear(color: Sequence[float]) -> tuple[float, float, float, float]:
    """Return a colour of four parts as linear light, within 0…1."""
    red, green, blue, opacity = (min(max(float(c), 0.0), 1.0) if np.isfinite(c) else 1.0 for c in color)
    return red**_SRGB_GAMMA, green**_SRGB_GAMMA, blue**_SRGB_GAMMA, opacity


def _overall(colors: object) -> tuple[float, float, float, float] | None:
    """Return the one colour of a geometry, None where it has none or one a vertex."""
    if not isinstance(colors, OsgArray) or colors.binding != OVERALL or colors.values.ndim != 2 or colors.values.shape != (1, 4):
        return None
    scale = 255.0 if colors.values.dtype.kind == "u" else 1.0
    return _linear([float(v) / scale for v in colors.values[0]])


def _is_per_vertex(array: object, count: int, least_width: int) -> TypeGuard[OsgArray]:
    """Return whether an array has a value for each vertex; that it is bound so, texture coordinates need not say."""
    return (
        isinstance(array, OsgArray) and array.values.ndim == 2 and len(array.values) == count and array.values.shape[1] >= least_width
        and bool(np.isfinite(array.values).all())
    )  # fmt: skip


def _normals(array: object, count: int, matrix: FloatArray) -> npt.NDArray[np.float32] | None:
    if not _is_per_vertex(array, count, 3) or array.binding != PER_VERTEX or abs(np.linalg.det(matrix[:3, :3])) == 0:
        return None
    turned = array.values[:, :3].astype(np.float64) @ np.linalg.inv(matrix[:3, :3]).T
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    return np.divide(turned, length, out=np.tile([0.0, 0.0, 1.0], (count, 1)), where=length > 0).astype(np.float32)


def _radius_m(fields: Mapping[str, Any], mesh: PlacedMesh | None, state: _State) -> float:
    """Return the radius of a level: what the file says, else half the diagonal of its mesh."""
    if (centre := fields.get("UserCenter")) is not None and centre[1][0] > 0 and np.isfinite(centre[1][0]):
        return float(centre[1][0] * abs(np.linalg.det(state.matrix[:3, :3])) ** (1 / 3))
    if mesh is None:
        return 0.0
    points = np.concatenate([p.positions for p in mesh.parts])
    return float(np.linalg.norm(np.ptp(points, axis=0)) / 2)


def _error_m(threshold: float, by_distance: bool, radius_m: float) -> float:
    """Return the geometric error with which a client changes levels where the file says: at a distance, or at a size in pixels."""
    error = _ERROR_PX * threshold / _VIEW_PX if by_distance else _ERROR_PX * 2 * radius_m / max(-threshold, 1e-6)
    return float(error) if np.isfinite(error) else 0.0
