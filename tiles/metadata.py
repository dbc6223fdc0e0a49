"""Property tables and their schema, derived from a FeatureType and from nothing else (EXT_structural_metadata, 3D Metadata 1.0 §4)."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from tiles.columns import Bytes, Column, FeatureColumns, NumberColumn, Offsets, TextColumn, offsets_of
from tiles.kernel import kernel
from twin.errors import TwinError
from twin.model import FeatureType, Field

FID = "fid"
NO_DATA_NAME = "noData"
"""Name of enum value 0: the field has no value."""
NO_DATA_FLOAT64 = -1.7976931348623157e308
BOOLEAN_ENUM = "boolean"
_KEPT_NAMES = 256
"""Lists of names that are kept as bytes."""

type Json = Mapping[str, object]
type Kind = Literal["uint32", "int8", "int16", "int32", "float64", "enum", "string"]

NO_DATA_INTEGER: Mapping[Kind, int] = {"int8": -(2**7), "int16": -(2**15), "int32": -(2**31)}
"""What stands for no value, by kind of integer, the narrowest first."""


class MetadataError(TwinError):
    """A FeatureType or a column cannot be expressed as tile metadata."""

    code = "tile-metadata"


@dataclass(frozen=True, slots=True)
class Property:
    """One property of the class: its ASCII id, how it is stored and, for an enum, the names of the values 0, 1, 2…."""

    id: str
    kind: Kind
    field: Field | None
    enum_id: str | None = None
    names: tuple[str, ...] = ()

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Return how one value is stored (for a string: its bytes)."""
        if self.kind == "enum":
            return np.dtype(np.uint8 if len(self.names) <= 256 else np.uint16)
        return np.dtype({"uint32": "u4", "int8": "i1", "int16": "i2", "int32": "i4", "float64": "f8", "string": "u1"}[self.kind])


@dataclass(frozen=True)
class MetadataClass:
    """The metadata class of one FeatureType version."""

    id: str
    version: int
    schema_id: str
    properties: tuple[Property, ...]
    schema: Json
    """The JSON schema object; the same bytes for every tile of this FeatureType version."""

    @functools.cached_property
    def schema_json(self) -> bytes:
        """Return the schema as JSON: each content has it, so it is written once."""
        return orjson.dumps(self.schema)

    def told(self, *names: str) -> MetadataClass:
        """Return the class of contents that tell no more of its features than the properties ``names``."""
        kept = tuple(p for p in self.properties if p.id in names)
        schema = cast("dict[str, Any]", self.schema)
        whole, schema_id = schema["classes"][self.id], f"{self.schema_id}_far"
        classes = {self.id: {**whole, "properties": {p.id: whole["properties"][p.id] for p in kept}}}
        enums = {p.enum_id: schema["enums"][p.enum_id] for p in kept if p.enum_id is not None}
        few = {"id": schema_id, "version": schema["version"], "classes": classes, **({"enums": enums} if enums else {})}
        return MetadataClass(self.id, self.version, schema_id, kept, few)


def metadata_class(feature_type: FeatureType) -> MetadataClass:
    """Return the class of ``feature_type``: ``fid`` and one property a field, codes as enums whose value 0 is "no data"."""
    properties = (Property(FID, "uint32", None), *(_property(f) for f in feature_type.fields))
    if len({p.id for p in properties}) != len(properties):
        raise MetadataError(f"two fields of {feature_type.name} have the same property id")
    class_id = _identifier(feature_type.name)
    schema_id = f"{class_id}_v{feature_type.version}"
    schema = {
        "id": schema_id,
        "version": str(feature_type.version),
        "classes": {
            class_id: {
                "name": feature_type.title.zh,
                "description": feature_type.title.en,
                "properties": {p.id: _property_json(p) for p in properties},
            }
        },
    }
    enums = {p.enum_id: _enum_json(p) for p in properties if p.enum_id is not None}
    return MetadataClass(class_id, feature_type.version, schema_id, properties, {**schema, **({"enums": enums} if enums else {})})


def _identifier(name: str) -> str:
    """Return ``name`` as a metadata identifier (ASCII letters, digits, underscore), other characters as their code points."""
    ascii_name = "".join(c if re.match(r"[A-Za-z0-9_]", c) else f"u{ord(c):04x}" for c in name)
    return ascii_name if re.match(r"[A-Za-z_]", ascii_name) else f"_{ascii_name}"


def _property(field: Field) -> Property:
    identifier = _identifier(field.name)
    if field.type == "code" and field.codelist is not None:
        names = (NO_DATA_NAME, *(c.code for c in field.codelist.codes))
        return Property(identifier, "enum", field, _identifier(field.codelist.id), names)
    if field.type == "boolean":
        return Property(identifier, "enum", field, BOOLEAN_ENUM, (NO_DATA_NAME, "false", "true"))
    kinds: dict[str, Kind] = {"integer": _integer_kind(field), "number": "float64"}
    return Property(identifier, kinds.get(field.type, "string"), field)


def _integer_kind(field: Field) -> Kind:
    """Return the narrowest kind that the field says that its values stay within."""
    low, high = field.minimum, field.maximum
    if low is None or high is None:
        return "int32"
    return next((kind for kind, no_data in NO_DATA_INTEGER.items() if low > no_data and high < -no_data), "int32")


def _property_json(prop: Property) -> Json:
    title = {} if prop.field is None else {"name": prop.field.title.zh, "description": _description(prop.field)}
    match prop.kind:
        case "uint32":
            return {"name": "对象序号", "description": "sequence of the OID", "type": "SCALAR", "componentType": "UINT32", "required": True}
        case "int8" | "int16" | "int32":
            return {**title, "type": "SCALAR", "componentType": prop.kind.upper(), "noData": NO_DATA_INTEGER[prop.kind]}
        case "float64":
            return {**title, "type": "SCALAR", "componentType": "FLOAT64", "noData": NO_DATA_FLOAT64}
        case "enum":
            return {**title, "type": "ENUM", "enumType": prop.enum_id, "noData": NO_DATA_NAME}
        case "string":
            return {**title, "type": "STRING", "noData": ""}


def _description(field: Field) -> str:
    return f"{field.title.en} [{field.unit}]" if field.unit else field.title.en


def _enum_json(prop: Property) -> Json:
    codelist = None if prop.field is None else prop.field.codelist
    titles = {c.code: c.title for c in codelist.codes} if codelist is not None else {}
    values: list[Json] = [{"name": NO_DATA_NAME, "value": 0}]
    for value, name in enumerate(prop.names[1:], start=1):
        title = titles.get(name)
        values.append({"name": name, "value": value, **({"description": title.zh} if title else {})})
    title_json = {"name": codelist.title.zh} if codelist is not None else {}
    return {**title_json, "valueType": "UINT8" if len(prop.names) <= 256 else "UINT16", "values": values}


@dataclass(frozen=True, slots=True)
class EncodedColumn:
    """A column as it will be stored: ``values`` (n,) of numbers or enums, noData filled in, or ragged text; ``present`` (n,) says where.

    ``is_empty``: nowhere.
    """

    prop: Property
    values: NDArray[np.generic] | None
    text: TextColumn | None
    present: NDArray[np.bool_]
    is_empty: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_empty", not self.present.any())


@dataclass(frozen=True, slots=True)
class EncodedTable:
    """All columns of a run of features; ``unrepresentable`` counts values by property that its type cannot hold and that became noData.

    What a content takes is gathered from all columns at once: ``present`` (columns, n) says where they have values, ``blocks`` has those
    of numbers and enums as (which columns, values (of these, n)), one for each width; columns without any value are in none. The
    ``values`` of the columns that are in one are views of it.
    """

    columns: tuple[EncodedColumn, ...]
    unrepresentable: Mapping[str, int]
    present: NDArray[np.bool_] = field(init=False)
    blocks: tuple[tuple[tuple[int, ...], NDArray[np.generic]], ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "present", np.stack([c.present for c in self.columns]))
        fixed = [(k, c.values) for k, c in enumerate(self.columns) if c.values is not None and not c.is_empty]
        widths = sorted({values.itemsize for _, values in fixed})
        of_width = [[(k, values.view(f"u{width}")) for k, values in fixed if values.itemsize == width] for width in widths]
        blocks = tuple((tuple(k for k, _ in block), np.stack([values for _, values in block])) for block in of_width)
        object.__setattr__(self, "blocks", blocks)
        columns = list(self.columns)
        for which, block in blocks:
            for k, row in zip(which, block, strict=True):
                columns[k] = replace(columns[k], values=row.view(columns[k].prop.dtype))
        object.__setattr__(self, "columns", tuple(columns))


def encode_table(metadata: MetadataClass, features: FeatureColumns) -> EncodedTable:
    """Return the columns of ``features`` in the storage types of ``metadata``; a missing column is noData throughout."""
    columns, lost = [], {}
    for prop in metadata.properties:
        if prop.field is None:
            columns.append(EncodedColumn(prop, features.fid, None, np.ones(len(features), np.bool_)))
            continue
        column = features.columns.get(prop.field.name)
        encoded = _nothing(prop, len(features)) if column is None or not column.valid.any() else _encode(prop, column)
        missing = 0 if column is None else int((column.valid & ~encoded.present).sum())
        if missing and prop.kind != "string":
            lost[prop.id] = missing
        columns.append(encoded)
    return EncodedTable(tuple(columns), lost)


def _nothing(prop: Property, count: int) -> EncodedColumn:
    absent = np.zeros(count, np.bool_)
    if prop.kind == "string":
        return EncodedColumn(prop, None, TextColumn(np.zeros(0, np.uint8), np.zeros(count + 1, np.int64), absent), absent)
    return EncodedColumn(prop, np.full(count, _no_data(prop), prop.dtype), None, absent)


def _no_data(prop: Property) -> float:
    return NO_DATA_FLOAT64 if prop.kind == "float64" else NO_DATA_INTEGER.get(prop.kind, 0)


def _encode(prop: Property, column: Column) -> EncodedColumn:
    if prop.kind == "string":
        text = column if isinstance(column, TextColumn) else _as_text(column)
        return EncodedColumn(prop, None, text, text.valid & (np.diff(text.offsets) > 0))
    if prop.kind == "enum":
        values = _enum_values(prop, column)
        return EncodedColumn(prop, values, None, values != 0)
    if isinstance(column, TextColumn):
        raise MetadataError(f"property {prop.id} is a number, its column is text")
    numbers = column.values.astype(np.float64)
    present = column.valid & np.isfinite(numbers)
    if prop.kind in NO_DATA_INTEGER:
        no_data = _no_data(prop)
        present &= (numbers > no_data) & (numbers < -no_data) & (numbers == np.rint(numbers))
    return EncodedColumn(prop, np.where(present, numbers, _no_data(prop)).astype(prop.dtype), None, present)


def _as_text(column: NumberColumn) -> TextColumn:
    """Return dates and times as ISO 8601 and numbers as their shortest text."""
    if not column.valid.any():
        return TextColumn(np.zeros(0, np.uint8), np.zeros(len(column) + 1, np.int64), column.valid)
    if column.values.dtype.kind == "M":
        zone = b"" if column.values.dtype == np.dtype("M8[D]") else b"Z"
        moments: NDArray[np.datetime64] = column.values[column.valid].astype(column.values.dtype.str)
        stamps = np.char.add(np.datetime_as_string(moments).astype(np.bytes_), zone)
        lengths = np.zeros(len(column), np.int64)
        lengths[column.valid] = np.char.str_len(stamps)
        characters = stamps.view(np.uint8).reshape(len(stamps), -1)
        written = np.arange(characters.shape[1]) < lengths[column.valid][:, None]
        return TextColumn(characters[written], offsets_of(lengths), column.valid)
    return TextColumn.from_texts(str(x) if v else None for x, v in zip(column.values.tolist(), column.valid.tolist(), strict=True))


def _enum_values(prop: Property, column: Column) -> NDArray[np.generic]:
    if isinstance(column, NumberColumn):
        if column.values.dtype.kind != "b":
            raise MetadataError(f"property {prop.id} is an enum, its column is numbers")
        return np.where(column.valid, column.values.astype(np.uint8) + 1, 0).astype(prop.dtype)
    return index_texts(column, prop.names[1:]).astype(prop.dtype)


def index_texts(column: TextColumn, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return for each text its (first) place in ``names`` counted from 1, or 0 when it is NULL, empty or not among them."""
    out = np.zeros(len(column), np.int64)
    _find_texts(column.data, column.offsets, column.valid, *_laid_out(names), out)
    return out


@functools.lru_cache(_KEPT_NAMES)
def _laid_out(names: tuple[str, ...]) -> tuple[Bytes, Offsets, NDArray[np.int64]]:
    """Return the bytes of ``names`` in the order in which they are searched, short ones first, and their places among ``names``."""
    encoded = [name.encode() for name in names]
    place = sorted(range(len(names)), key=lambda k: (len(encoded[k]), encoded[k], k))
    column = TextColumn.from_texts(names[k] for k in place)
    return column.data, column.offsets, np.array(place, np.int64)


@kernel
def _find_texts(
    data: Bytes,
    offsets: Offsets,
    valid: NDArray[np.bool_],
    names: Bytes,
    name_offsets: Offsets,
    place: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Write the place of each text among ``names``, from 1; most are what the one before them is."""
    found, count = 0, len(place)
    for i in range(len(out)):
        first, length = offsets[i], offsets[i + 1] - offsets[i]
        if not valid[i] or length == 0:
            continue
        if found == count or _compared(data, first, length, names, name_offsets, found) != 0:
            found, end = 0, count
            while found < end:
                middle = (found + end) // 2
                if _compared(data, first, length, names, name_offsets, middle) > 0:
                    found = middle + 1
                else:
                    end = middle
            if found < count and _compared(data, first, length, names, name_offsets, found) != 0:
                found = count
        if found < count:
            out[i] = place[found] + 1


@kernel
def _compared(data: Bytes, first: int, length: int, names: Bytes, name_offsets: Offsets, k: int) -> int:
    """Return whether a text stands before (negative), at or behind (positive) name ``k`` in the order of their search."""
    begin = name_offsets[k]
    if name_offsets[k + 1] - begin != length:
        return length - (name_offsets[k + 1] - begin)
    for i in range(length):
        if data[first + i] != names[begin + i]:
            return int(np.int64(data[first + i]) - np.int64(names[begin + i]))
    return 0


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """The bytes of one column of a property table; ``offsets`` and their type for strings."""

    id: str
    values: bytes
    offsets: bytes | None = None
    offset_type: Literal["UINT8", "UINT16", "UINT32"] | None = None


@dataclass(frozen=True, slots=True)
class PropertyTable:
    """A property table: ``count`` rows, the columns of numbers and enums, and those of text that hold at least one value."""

    count: int
    columns: tuple[StoredColumn, ...]


def property_table(table: EncodedTable, rows: NDArray[np.int64]) -> PropertyTable:
    """Return the property table of ``rows``, at least one, in that order.

    The schema lets any column be omitted that is without a value. Only those of text are: 3d-tiles-validator 0.6.1 ends with an error of
    its own where a number or an enum is not there. Equal columns are stored once (`tiles.glb`), so these take little.
    """
    numbers: dict[int, bytes] = {}
    for which, values in table.blocks:
        numbers.update(zip(which, map(_bytes, values.take(rows, axis=1)), strict=True))
    with_values = set(np.flatnonzero(table.present.take(rows, axis=1).any(axis=1)).tolist())
    stored = []
    for k, column in enumerate(table.columns):
        if column.text is None:
            number = numbers[k] if k in numbers else np.full(len(rows), _no_data(column.prop), column.prop.dtype).tobytes()
            stored.append(StoredColumn(column.prop.id, number))
        elif k in with_values:
            stored.append(_stored_text(column.prop.id, column.text, rows))
    return PropertyTable(len(rows), tuple(stored))


def _bytes(values: NDArray[np.generic]) -> bytes:
    return values.tobytes()


def _stored_text(name: str, text: TextColumn, rows: NDArray[np.int64]) -> StoredColumn:
    starts = text.offsets[rows]
    offsets = offsets_of(np.where(text.valid[rows], text.offsets[rows + 1] - starts, 0))
    data = np.empty(int(offsets[-1]), np.uint8)
    _gather(text.data, starts, offsets, data)
    if len(data) < 2**8:
        return StoredColumn(name, data.tobytes(), offsets.astype(np.uint8).tobytes(), "UINT8")
    if len(data) < 2**16:
        return StoredColumn(name, data.tobytes(), offsets.astype(np.uint16).tobytes(), "UINT16")
    return StoredColumn(name, data.tobytes(), offsets.astype(np.uint32).tobytes(), "UINT32")


@kernel
def _gather(data: Bytes, starts: Offsets, offsets: Offsets, out: Bytes) -> None:
    for i in range(len(starts)):
        for k in range(offsets[i + 1] - offsets[i]):
            out[offsets[i] + k] = data[starts[i] + k]


def row_bytes(table: EncodedTable) -> NDArray[np.int64]:
    """Return how many bytes each feature takes in a property table (n,)."""
    total = np.zeros(len(table.columns[0].present), np.int64)
    for column in table.columns:
        total += column.prop.dtype.itemsize if column.text is None else 2 + np.diff(column.text.offsets)
    return total
