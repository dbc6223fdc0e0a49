"""DXF of pipes and their nodes, written as rows come: 3D lines and block references with every attribute as extended data.

Source: Autodesk DXF Reference (AC1027), sections "ENTITIES" and "Extended data"; layers and colours by CJJ 61-2017, see the code list.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path

import pyarrow as pa
import shapely

from ogc.formats.dxf_frame import APPLICATION, NODE_SIGN, Frame, frame, layer_name
from ogc.formats.export import Export, Format
from styles.derive import CodeChoice, style_choices
from twin.errors import BadRequestError, Text
from twin.query.arrow_batches import GEOMETRY, arrow_batches
from twin.query.collection import Collection
from twin.query.positions import decimals

_CLASSES = "pipe_kind"
"""The code list whose codes are the classes of CJJ 61."""
_SUFFIXES = {"LineString": "LINE", "Point": "POINT"}
_LONGEST_STRING = 255
_INT32 = 2**31
_3D_POLYLINE, _3D_VERTEX = 8, 32
_UNSAFE = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that end a line for some reader, and the one that begins an escape."""

Tag = tuple[int, object]
Positions = Sequence[tuple[float, float, float]]


def _write(export: Export, path: Path) -> None:
    if not export.query.with_geometry:
        raise BadRequestError("a drawing needs the geometry", zh="DXF 须包含几何").with_code("bad-parameter")
    chosen = export.with_east_first()
    collection = chosen.query.collection
    suffix = _SUFFIXES[collection.feature_type.geometry_type]
    choice = _class_choice(collection)
    around = frame(choice.legend if choice else (), suffix, chosen.query.crs.uri)
    digits = decimals(chosen.query.crs)
    draw = partial(_drawn, around, count(around.first_handle), digits)
    with path.open("wb", buffering=0) as file:
        file.write(around.head)
        for batch in arrow_batches(chosen.connection, chosen.query, chosen.principal, chosen.limit):
            file.write(b"".join(_entities(batch, choice.field if choice else None, suffix, draw)))
        file.write(around.tail)


def _class_choice(collection: Collection) -> CodeChoice | None:
    kind = collection.feature_type
    fields = {f.name for f in kind.fields if f.codelist is not None and f.codelist.id == _CLASSES}
    return next((c for c in style_choices(kind) if isinstance(c, CodeChoice) and c.field in fields), None)


Draw = Callable[[str, Positions, Mapping[str, object]], bytes]


def _entities(batch: pa.RecordBatch, class_field: str | None, suffix: str, draw: Draw) -> Iterator[bytes]:
    names = [name for name in batch.schema.names if name != GEOMETRY]
    values = [batch.column(name).to_pylist() for name in names]
    geometries = shapely.from_wkb(batch.column(GEOMETRY).to_numpy(zero_copy_only=False))
    for geometry, row in zip(geometries, zip(*values, strict=True), strict=True):
        if geometry is None or geometry.is_empty:
            continue
        attributes = dict(zip(names, row, strict=True))
        code = attributes.get(class_field) if class_field else None
        coordinates = shapely.get_coordinates(geometry, include_z=geometry.has_z)
        positions = [(x, y, *z) if z else (x, y, 0.0) for x, y, *z in coordinates.tolist()]
        yield draw(layer_name(str(code) if code else None, suffix), positions, attributes)


def _drawn(around: Frame, handles: Iterator[int], digits: int, layer: str, positions: Positions, attributes: Mapping[str, object]) -> bytes:
    """Return the entities that draw one feature: INSERT of a point, LINE between two, else POLYLINE with its vertices."""
    own = f"{next(handles):X}"
    extended = _extended(attributes)
    first = (own, around.owner, layer)
    match len(positions):
        case 1:
            tags = [*_head("INSERT", *first), (100, "AcDbBlockReference"), (2, NODE_SIGN), *_place(positions[0], digits), *extended]
        case 2:
            ends = [*_place(positions[0], digits), *_place(positions[1], digits, 1)]
            tags = [*_head("LINE", *first), (100, "AcDbLine"), *ends, *extended]
        case _:
            tags = [*_head("POLYLINE", *first), (100, "AcDb3dPolyline"), (66, 1), *_place((0, 0, 0), 1), (70, _3D_POLYLINE), *extended]
            for position in positions:
                tags += [*_head("VERTEX", f"{next(handles):X}", own, layer), (100, "AcDbVertex"), (100, "AcDb3dPolylineVertex")]
                tags += [*_place(position, digits), (70, _3D_VERTEX)]
            tags += _head("SEQEND", f"{next(handles):X}", own, layer)
    return "".join([f"{code:>3}\n{value}\n" for code, value in tags]).encode()


def _head(kind: str, handle: str, owner: str, layer: str) -> list[Tag]:
    return [(0, kind), (5, handle), (330, owner), (100, "AcDbEntity"), (8, layer)]


def _place(position: tuple[float, float, float], digits: int, which: int = 0) -> list[Tag]:
    x, y, z = position
    return [(10 + which, f"{x:.{digits}f}"), (20 + which, f"{y:.{digits}f}"), (30 + which, f"{z:.4f}")]


def _extended(attributes: Mapping[str, object]) -> list[Tag]:
    """Return the extended data: for every attribute that has a value its name, then the value; a long text in a list of pieces."""
    tags: list[Tag] = [(1001, APPLICATION)]
    for name, value in attributes.items():
        if value is not None:
            tags += [(1000, name), *_value(value)]
    return tags


def _value(value: object) -> list[Tag]:
    match value:
        case bool():
            return [(1071, int(value))]
        case int() if -_INT32 <= value < _INT32:
            return [(1071, value)]
        case float():
            return [(1040, repr(value))]
        case dt.datetime() | dt.date():
            return [(1000, value.isoformat())]
    return _texts(str(value))


def _texts(text: str) -> list[Tag]:
    whole = _safe(text)
    if len(whole.encode()) <= _LONGEST_STRING:
        return [(1000, whole)]
    pieces = [""]
    for written in map(_safe, text):
        if len((pieces[-1] + written).encode()) > _LONGEST_STRING:
            pieces.append("")
        pieces[-1] += written
    return [(1002, "{"), *((1000, piece) for piece in pieces), (1002, "}")]


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"\\U+{ord(found[0]):04X}", text)


DXF = Format(
    name="dxf",
    media_type="image/vnd.dxf",
    suffix="dxf",
    title=Text("DXF 图形（管线分层）", "DXF drawing, layers by class"),
    write=_write,
    grows=True,
    is_text=True,
    prefers_grid=True,
    fits=lambda collection: collection.feature_type.geometry_type in _SUFFIXES and _class_choice(collection) is not None,
)
