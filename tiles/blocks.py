"""The massing as a content: a box for each landmark and for each occupied grid cell, coloured as the buildings are.

A box has the ground area and the volume of what it stands for, walls along its buildings' and its place at their centroid; floors are left
away, nobody sees them. Where the grid is full there are fewer landmarks, so that a content stays within 100 KiB. The class ``block`` of its
table has how many buildings a box is, their mean height under the id of the height field and, under the id of the field that colours by
default, the value with the largest ground area.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiles.kernel import kernel
from tiles.massing import (
    ACROSS,
    ALONG,
    AREA,
    BASE,
    COUNT,
    EASTWARD,
    HIGHEST_BASE,
    HIGHEST_TOP,
    LOWEST_BASE,
    LOWEST_TOP,
    NORTHWARD,
    VOLUME,
    Massing,
)
from tiles.mesh.batch import MeshBatch
from tiles.metadata import Json, MetadataClass, Property, PropertyTable, StoredColumn
from tiles.prisms import ORIGIN_M, QUARTER_TURN
from twin.model import FeatureType
from twin.representation import SurfaceType

type Numbers = NDArray[np.float64]

CLASS = "block"
COUNT_ID = "count"
LARGEST_CONTENT = 960
"""Boxes of one content, or as many as its grid has cells: a hundred bytes each."""
_LOWEST_M = 0.1
"""A flat box is drawn so high: its walls need some height to have a direction."""
_CODES = 1 << 16
_STANDS_AS = np.array([*range(4), *(place for k in range(4) for n in [(k + 1) % 4] for place in (k, 5 + 4 * k, 5 + 4 * n, n))], np.uint32)
"""Of the vertices of a box: those of a wall stand as the roof's corners and, below, as the second of each wall."""
_ROOF, _WALL = int(SurfaceType.ROOF), int(SurfaceType.WALL)


@dataclass(frozen=True, slots=True)
class _Boxes:
    """Upright boxes, all (n,): centre, length along ``turn`` (radians) and width, base and top, in metres of the storage CRS."""

    x: Numbers
    y: Numbers
    length: Numbers
    width: Numbers
    turn: Numbers
    base: Numbers
    top: Numbers


def block_mesh(massing: Massing) -> MeshBatch:
    """Return the boxes of ``massing``: landmarks in their order, then grid cells; feature i is row i of ``block_table``."""
    boxes = _boxes(massing)
    count = len(boxes.x)
    positions, normals = np.empty((20 * count, 3)), np.empty((20 * count, 3), np.float32)
    triangles = np.empty((10 * count, 3), np.uint32)
    top = np.maximum(boxes.top, boxes.base + _LOWEST_M)
    halves, turns = (boxes.length / 2, boxes.width / 2), (np.cos(boxes.turn), np.sin(boxes.turn))
    _emit(boxes.x, boxes.y, *halves, *turns, boxes.base, top, positions, normals, triangles)
    feature = np.repeat(np.arange(count, dtype=np.uint32), 20)
    surface = np.tile(np.repeat(np.array([_ROOF, _WALL], np.uint8), [4, 16]), count)
    stands_as = (20 * np.arange(count, dtype=np.uint32)[:, None] + _STANDS_AS).ravel()
    return MeshBatch(positions, normals, triangles, feature, np.zeros(count, np.uint8), surface=surface, stands_as=stands_as)


def error_m(massing: Massing) -> float:
    """Return how far, at most, a building's roof, base or place lies from its box.

    In a grid cell that is the diagonal of the cell or the height by which its boxes' extremes differ from its own; of a landmark, how far
    its outline reaches beyond its box.
    """
    cells = massing.occupied()
    misfit = float(massing.landmarks.misfit.max()) if len(massing.landmarks) else 0.0
    if len(cells) == 0:
        return misfit / 100
    base, top = (100 * v for v in _heights(massing, cells))
    e = massing.extremes[:, cells].astype(np.float64)
    spreads = [base - e[LOWEST_BASE], -e[HIGHEST_BASE] - base, top - e[LOWEST_TOP], -e[HIGHEST_TOP] - top]
    return max(misfit, massing.side_cm * float(np.sqrt(2)), float(np.max(spreads))) / 100


def accuracy_m(massing: Massing) -> float:
    """Return to what its boxes may be rounded in a content: a small part of a grid cell, never a pixel where they are shown."""
    return massing.side_cm / 100 / 64


def _boxes(massing: Massing) -> _Boxes:
    marks, cells = massing.landmarks, massing.occupied()
    area, length = marks.area / 100, marks.length / 100
    turn = marks.direction * (np.pi / 2 / QUARTER_TURN)
    landmarks = (marks.x / 100 + ORIGIN_M, marks.y / 100 + ORIGIN_M, length, area / length, turn, marks.base / 100, marks.top / 100)
    return _Boxes(*(np.concatenate(pair) for pair in zip(landmarks, _cell_boxes(massing, cells), strict=True)))


def _cell_boxes(massing: Massing, cells: NDArray[np.intp]) -> tuple[Numbers, ...]:
    """Return the seven columns of the boxes of grid ``cells``: squares, turned as the walls are where that fits into the cell."""
    sums = massing.sums[:, cells]
    side, cell = np.sqrt(sums[AREA] / 100), massing.side_cm / 100
    row, column = np.divmod(cells, massing.columns)
    turn = np.arctan2(sums[ACROSS], sums[ALONG]) / 4
    reach = side * (np.abs(np.cos(turn)) + np.abs(np.sin(turn))) / 2
    turn, reach = np.where(2 * reach > cell, 0.0, turn), np.where(2 * reach > cell, side / 2, reach)
    x, y = (_inside(sums[axis] / sums[AREA] / 100, reach, cell) for axis in (EASTWARD, NORTHWARD))
    corner_x, corner_y = massing.corner_m
    return (ORIGIN_M + corner_x + column * cell + x, ORIGIN_M + corner_y + row * cell + y, side, side, turn, *_heights(massing, cells))


def _inside(place: Numbers, reach: Numbers, cell_m: float) -> Numbers:
    """Return ``place`` moved so that ``reach`` to both sides stays within the cell, in the middle where it cannot."""
    return np.where(2 * reach > cell_m, cell_m / 2, np.clip(place, reach, np.maximum(cell_m - reach, reach)))


def _heights(massing: Massing, cells: NDArray[np.intp]) -> tuple[Numbers, Numbers]:
    """Return base and top (metres) of the boxes of ``cells``: the mean base and, above it, volume by area."""
    sums = massing.sums[:, cells]
    base = sums[BASE] / sums[AREA] / 100
    return base, base + sums[VOLUME] / sums[AREA] / 100


@kernel
def _emit(
    x: Numbers,
    y: Numbers,
    half_length: Numbers,
    half_width: Numbers,
    cosine: Numbers,
    sine: Numbers,
    base: Numbers,
    top: Numbers,
    positions: Numbers,
    normals: NDArray[np.float32],
    triangles: NDArray[np.uint32],
) -> None:
    """Write a roof and four walls a box, counter-clockwise from outside."""
    corner = np.empty((4, 2))
    for i in range(len(x)):
        c, s = cosine[i], sine[i]
        for k in range(4):
            u = half_length[i] if k in (1, 2) else -half_length[i]
            v = half_width[i] if k >= 2 else -half_width[i]
            corner[k, 0], corner[k, 1] = x[i] + c * u - s * v, y[i] + s * u + c * v
        at = 20 * i
        for k in range(4):
            positions[at + k, 0], positions[at + k, 1], positions[at + k, 2] = corner[k, 0], corner[k, 1], top[i]
            normals[at + k, 0], normals[at + k, 1], normals[at + k, 2] = 0.0, 0.0, 1.0
        for wall in range(4):
            first, then = wall, (wall + 1) % 4
            nx, ny = (s, -c) if wall == 0 else (c, s) if wall == 1 else (-s, c) if wall == 2 else (-c, -s)
            for k in range(4):
                v, p = at + 4 + 4 * wall + k, first if k < 2 else then
                positions[v, 0], positions[v, 1] = corner[p, 0], corner[p, 1]
                positions[v, 2] = top[i] if k in (0, 3) else base[i]
                normals[v, 0], normals[v, 1], normals[v, 2] = nx, ny, 0.0
        for face in range(5):
            v, t = at + 4 * face, 10 * i + 2 * face
            triangles[t, 0], triangles[t, 1], triangles[t, 2] = v, v + 1, v + 2
            triangles[t + 1, 0], triangles[t + 1, 1], triangles[t + 1, 2] = v, v + 2, v + 3


def colour_property(feature_type: FeatureType, metadata: MetadataClass) -> Property | None:
    """Return the property that colours ``feature_type`` by default, where that is an enum: whose values ``prisms_of`` takes as codes."""
    return next((p for p in metadata.properties if p.kind == "enum" and p.field and p.field.name == feature_type.style.color_by), None)


def block_class(feature_type: FeatureType, metadata: MetadataClass) -> MetadataClass:
    """Return the class of blocks of ``feature_type``: count, and the properties of ``metadata`` for height and colour where it has them."""
    height = feature_type.recipe_fields.get("height")
    kept = [p for p in metadata.properties if p.field is not None and p.field.name == height and p.kind == "float64"]
    colour = colour_property(feature_type, metadata)
    properties = (*kept, *([] if colour is None else [colour]))
    described = {"name": "数量", "description": "How many features the block stands for"}
    count = {**described, "type": "SCALAR", "componentType": "UINT32", "required": True}
    known = _member(_member(_member(metadata.schema, "classes"), metadata.id), "properties")
    defined = {p.id: _as_mean(_member(known, p.id)) if p.kind == "float64" else known[p.id] for p in properties}
    schema: Json = {
        "id": f"{metadata.schema_id}_{CLASS}",
        "version": str(metadata.version),
        "classes": {
            CLASS: {
                "name": f"{feature_type.title.zh}体块",
                "description": f"Block of {feature_type.title.en}",
                "properties": {COUNT_ID: count, **defined},
            }
        },
    }
    if colour is not None and colour.enum_id is not None:
        schema = {**schema, "enums": {colour.enum_id: _member(metadata.schema, "enums")[colour.enum_id]}}
    return MetadataClass(CLASS, metadata.version, f"{metadata.schema_id}_{CLASS}", properties, schema)


def _as_mean(number: Json) -> Json:
    """Return the property ``number`` as that of a mean, which is always there and for which half the digits do."""
    return {**{k: v for k, v in number.items() if k != "noData"}, "componentType": "FLOAT32"}


def _member(value: Json, name: str) -> Json:
    member = value.get(name)
    return member if isinstance(member, dict) else {}


def block_table(massing: Massing, metadata: MetadataClass) -> PropertyTable:
    """Return the rows of the boxes of ``massing`` under ``metadata`` as ``block_class`` gives it."""
    marks, cells = massing.landmarks, massing.occupied()
    sums = massing.sums[:, cells]
    count = np.concatenate([np.ones(len(marks), np.int64), sums[COUNT]]).astype("<u4")
    stored = [StoredColumn(COUNT_ID, count.tobytes())]
    for prop in metadata.properties:
        if prop.kind == "enum":
            codes = np.concatenate([marks.code, _dominant(massing, cells)])
            stored.append(StoredColumn(prop.id, codes.astype(prop.dtype).tobytes()))
        else:
            heights = np.concatenate([(marks.top - marks.base) / 100, sums[VOLUME] / sums[AREA] / 100])
            stored.append(StoredColumn(prop.id, heights.astype("<f4").tobytes()))
    return PropertyTable(len(count), tuple(stored))


def _dominant(massing: Massing, cells: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return for each of the occupied ``cells``, which rise, the code with the largest ground area, of equal ones the least."""
    codes = np.empty(len(cells), np.int64)
    _largest(massing.shares, cells, codes)
    return codes


@kernel
def _largest(shares: NDArray[np.int64], cells: NDArray[np.intp], codes: NDArray[np.int64]) -> None:
    at = 0
    for i in range(len(cells)):
        area = np.int64(-1)
        while at < len(shares) and shares[at, 0] // _CODES <= cells[i]:
            if shares[at, 1] > area:
                area, codes[i] = shares[at, 1], shares[at, 0] % _CODES
            at += 1
