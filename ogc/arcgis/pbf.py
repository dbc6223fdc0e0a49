"""Answers to ArcGIS queries as protocol buffers (``f=pbf``): Esri's FeatureCollectionPBuffer, made of the answers in JSON.

Positions are whole steps from the upper left corner of the answer or, where ``quantizationParameters`` say so, of the extent asked for,
each from the one before it in its part. Numbers of fields are those of Esri's FeatureCollection.proto.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ogc.arcgis import protobuf
from ogc.arcgis.parameters import refused
from twin.crs import OutputCrs
from twin.query.positions import decimals

MEDIA_TYPE = "application/x-protobuf"
_VERSION = "1.0"
_FIELD_TYPES = (
    "esriFieldTypeSmallInteger", "esriFieldTypeInteger", "esriFieldTypeSingle", "esriFieldTypeDouble", "esriFieldTypeString",
    "esriFieldTypeDate", "esriFieldTypeOID",
)  # fmt: skip
_GEOMETRY_TYPES = ("esriGeometryPoint", "esriGeometryMultipoint", "esriGeometryPolyline", "esriGeometryPolygon")
_NO_GEOMETRY = 127
_SQL_TYPE_OTHER = 16
_INT32 = 2**31
_HEIGHT_STEP_M = 1e-4
_MOST_STEPS = 2.0**53
"""What a double counts one by one."""
Json = Mapping[str, Any]
Positions = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Steps:
    """The grid that positions lie on: its step, and the corner it is counted from."""

    size: float
    x: float
    y: float
    is_lower: bool = False
    """Whether y is counted upwards."""


def asked_steps(text: str | None) -> Steps | None:
    """Return the grid of ``quantizationParameters``; None where they name no extent or no step."""
    if text is None:
        return None
    try:
        given = json.loads(text, parse_int=float)  # a whole number of any length is one; beyond a double it is infinite
        extent, size = given.get("extent"), given.get("tolerance")
        if extent is None or size is None:
            return None
        is_lower = given.get("originPosition", "upperLeft") == "lowerLeft"
        steps = Steps(_number(size), _number(extent["xmin"]), _number(extent["ymin" if is_lower else "ymax"]), is_lower)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        steps = Steps(0, 0, 0)
    if not (steps.size > 0 and math.isfinite(steps.size + steps.x + steps.y)):
        raise refused("bad-parameter", "quantizationParameters have an extent and a tolerance", "quantizationParameters 应含范围和容差")
    return steps


def _number(given: object) -> float:
    """Return a number of parsed JSON, whose whole numbers are floats too; what is true or false is none, and says TypeError."""
    if isinstance(given, bool) or not isinstance(given, (float, str)):
        raise TypeError
    return float(given)


def encoded(answer: Json, crs: OutputCrs, steps: Steps | None) -> bytes:
    """Return an answer in JSON, with features, ids or a count, as protocol buffers; TwinError ``not-supported`` for an extent."""
    if "extent" in answer:
        raise refused("not-supported", "an extent comes as json", "范围仅以 json 返回")
    if "count" in answer:
        result = protobuf.message(2, protobuf.varint(1, answer["count"]))
    elif "objectIds" in answer:
        ids = np.array(answer["objectIds"], np.uint64)
        result = protobuf.message(3, protobuf.text(1, answer["objectIdFieldName"]), protobuf.packed(3, ids))
    else:
        result = protobuf.message(1, *_features(answer, crs, steps))
    return protobuf.text(1, _VERSION) + protobuf.message(2, result)


def _features(answer: Json, crs: OutputCrs, steps: Steps | None) -> Iterable[bytes]:
    parts = [_parts(feature.get("geometry")) for feature in answer["features"]]
    kind = answer.get("geometryType")
    chosen = steps or _own_steps(parts, 10.0 ** -decimals(crs))
    reference, has_z = answer.get("spatialReference", {}), bool(answer.get("hasZ"))
    yield protobuf.text(1, answer.get("objectIdFieldName", ""))
    if "uniqueIdField" in answer:
        yield protobuf.message(2, protobuf.text(1, answer["uniqueIdField"]["name"]), protobuf.varint(2, 1))
    yield protobuf.varint(7, _GEOMETRY_TYPES.index(kind) if kind else _NO_GEOMETRY)
    yield protobuf.message(8, protobuf.varint(1, reference.get("wkid", 0)), protobuf.varint(2, reference.get("latestWkid", 0)))
    yield protobuf.varint(9, int(answer.get("exceededTransferLimit", False)))
    yield protobuf.varint(10, int(has_z))
    yield protobuf.message(12, *_transform(chosen))
    names = [str(field["name"]) for field in answer["fields"]]
    for field in answer["fields"]:
        described = protobuf.text(1, field["name"]), protobuf.varint(2, _FIELD_TYPES.index(field["type"])), protobuf.text(3, field["alias"])
        yield protobuf.message(13, *described, protobuf.varint(4, _SQL_TYPE_OTHER))
    for feature, placed in zip(answer["features"], parts, strict=True):
        values = (protobuf.message(1, _value(feature["attributes"][name])) for name in names)
        yield protobuf.message(15, *values, *_geometry(placed, chosen, is_point=kind == _GEOMETRY_TYPES[0]))


def _value(value: object) -> bytes:
    """Return the one member that a Value has, none where there is no value."""
    if value is None:
        return b""
    if isinstance(value, float):
        return protobuf.double(3, value)
    if isinstance(value, int):
        return protobuf.signed(4 if -_INT32 <= value < _INT32 else 8, value)
    return protobuf.message(1, str(value).encode("utf-8", "replace"))


def _parts(shape: Json | None) -> Sequence[Positions]:
    """Return the points of each path or ring, (n, 2 or 3)."""
    if shape is None:
        return []
    if "x" in shape:
        return [np.array([list(shape.values())], float)]
    return [np.array(part, float) for part in shape.get("rings", shape.get("paths"))]


def _own_steps(features: Iterable[Sequence[Positions]], size: float) -> Steps:
    """Return the grid of the upper left corner of all positions: numbers stay small, as readers with 32 bits need them."""
    corners = [(part[:, 0].min(), part[:, 1].max()) for parts in features for part in parts if len(part)]
    return Steps(size, float(min(x for x, _ in corners)), float(max(y for _, y in corners))) if corners else Steps(size, 0.0, 0.0)


def _transform(steps: Steps) -> Iterable[bytes]:
    yield protobuf.varint(1, int(steps.is_lower))
    yield protobuf.message(2, protobuf.double(1, steps.size), protobuf.double(2, steps.size), protobuf.double(4, _HEIGHT_STEP_M))
    yield protobuf.message(3, protobuf.double(1, steps.x), protobuf.double(2, steps.y))


def _geometry(parts: Sequence[Positions], steps: Steps, *, is_point: bool) -> Iterable[bytes]:
    if not parts:
        return
    coordinates = np.concatenate([_counted(part, steps) for part in parts])
    lengths = np.array([] if is_point else [len(part) for part in parts], np.uint64)
    yield protobuf.message(2, protobuf.packed(2, lengths), protobuf.packed_signed(3, coordinates))


def _counted(part: Positions, steps: Steps) -> npt.NDArray[np.int64]:
    """Return steps from the corner to the first position, then from each to the next."""
    with np.errstate(over="ignore"):
        scaled: Positions = (part[:, :2] - (steps.x, steps.y)) / (steps.size, steps.size if steps.is_lower else -steps.size)
    if np.abs(scaled).max() > _MOST_STEPS:
        raise refused("bad-parameter", "tolerance is too small for this extent", "容差相对该范围过小")
    whole = np.rint(np.column_stack([scaled, part[:, 2:] / _HEIGHT_STEP_M])).astype(np.int64)
    return np.diff(whole, axis=0, prepend=np.zeros((1, whole.shape[1]), np.int64)).ravel()
