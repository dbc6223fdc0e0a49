"""Checks of a property table against its class (EXT_structural_metadata, 3D Metadata 1.0 §5)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tiles.checker.gltf_file import GltfFile, Json

_DTYPES = {
    "INT8": "i1", "UINT8": "u1", "INT16": "<i2", "UINT16": "<u2", "INT32": "<i4", "UINT32": "<u4", "FLOAT32": "<f4", "FLOAT64": "<f8",
}  # fmt: skip


def check_property_table(gltf: GltfFile, schema: Json, table: Json, count: int, where: str) -> Mapping[str, NDArray[np.generic]]:
    """Record every problem of ``table``; return the columns of numbers and enums that can be read."""
    definition = schema.get("classes", {}).get(table.get("class"))
    if not gltf.problems.unless(isinstance(definition, dict), "CLASS_UNKNOWN", where, f"no class {table.get('class')}"):
        return {}
    properties: Json = definition.get("properties", {})
    stored: Json = table.get("properties", {})
    for name, prop in properties.items():
        _check_definition(gltf, schema, name, prop, where)
        if prop.get("required"):
            gltf.problems.unless(name in stored, "REQUIRED_PROPERTY_MISSING", where, f"{name} is required")
    columns: dict[str, NDArray[np.generic]] = {}
    for name, entry in stored.items():
        at = f"{where}/properties/{name}"
        if not gltf.problems.unless(name in properties, "PROPERTY_UNKNOWN", at, f"{name} is not a property of the class"):
            continue
        values = _check_column(gltf, schema, properties[name], entry, count, at)
        if values is not None:
            columns[name] = values
            gltf.problems.unless(name != "fid" or len(np.unique(values)) == count, "FID_REPEATED", at, "two rows have the same fid")
    return columns


def _check_definition(gltf: GltfFile, schema: Json, name: str, prop: Json, where: str) -> None:
    at = f"{where}/{name}"
    gltf.problems.unless(name.isascii() and name.isidentifier(), "PROPERTY_ID", at, f"{name!r} is not an identifier")
    if prop.get("type") == "ENUM":
        enum = schema.get("enums", {}).get(prop.get("enumType"))
        if gltf.problems.unless(isinstance(enum, dict), "ENUM_UNKNOWN", at, f"no enum {prop.get('enumType')}") and "noData" in prop:
            names = {v.get("name") for v in enum.get("values", [])}
            gltf.problems.unless(prop["noData"] in names, "NO_DATA_VALUE", at, "noData is not a name of the enum")


def _check_column(gltf: GltfFile, schema: Json, prop: Json, entry: Json, count: int, at: str) -> NDArray[np.generic] | None:
    match prop.get("type"):
        case "STRING":
            _check_strings(gltf, entry, count, at)
            return None
        case "ENUM":
            enum = schema.get("enums", {}).get(prop.get("enumType"), {})
            values = _values(gltf, entry.get("values"), enum.get("valueType", "UINT16"), count, at)
            if values is not None:
                known = [v.get("value") for v in enum.get("values", [])]
                gltf.problems.unless(np.isin(values, known).all(), "ENUM_VALUE", at, "a value is not one of the enum's")
            return values
        case "SCALAR":
            values = _values(gltf, entry.get("values"), prop.get("componentType", ""), count, at)
            if values is not None and values.dtype.kind == "f":
                gltf.problems.unless(np.isfinite(values).all(), "VALUE_NOT_FINITE", at, "a value is NaN or infinite")
            if values is not None:
                _check_range(gltf, prop, values, at)
            return values
        case other:
            gltf.problems.add("PROPERTY_TYPE", at, f"type {other} is not checked here")
            return None


def _check_range(gltf: GltfFile, prop: Json, values: NDArray[np.generic], at: str) -> None:
    """Record values beyond the least and greatest that the class allows; what stands for no value may be anything."""
    with np.errstate(invalid="ignore"):  # numbers that are none are another check's
        held = values.astype(np.float64)
    held = held[held != prop["noData"]] if "noData" in prop else held
    low, high = prop.get("min", -np.inf), prop.get("max", np.inf)
    gltf.problems.unless(not ((held < low) | (held > high)).any(), "VALUE_NOT_IN_RANGE", at, f"a value is not in {low} to {high}")


def _values(gltf: GltfFile, view: object, component: str, count: int, at: str) -> NDArray[np.generic] | None:
    """Return ``count`` values of a view that holds just these, on 8 bytes."""
    if not gltf.problems.unless(component in _DTYPES, "COMPONENT_TYPE", at, f"component type {component}"):
        return None
    content = _aligned_view(gltf, view, at)
    if content is None:
        return None
    dtype = np.dtype(_DTYPES[component])
    wanted = count * dtype.itemsize
    if not gltf.problems.unless(len(content) == wanted, "METADATA_LENGTH", at, f"{len(content)} bytes instead of {wanted}"):
        return None
    return np.frombuffer(content, dtype)


def _aligned_view(gltf: GltfFile, view: object, at: str) -> bytes | None:
    content = gltf.view(view, at)
    if content is None or not isinstance(view, int):
        return None
    offset = gltf.items("bufferViews")[view].get("byteOffset", 0)
    gltf.problems.unless(offset % 8 == 0, "METADATA_ALIGNMENT", at, f"the view begins at {offset}, not on 8 bytes")
    return content


def _check_strings(gltf: GltfFile, entry: Json, count: int, at: str) -> None:
    offsets = _values(gltf, entry.get("stringOffsets"), entry.get("stringOffsetType", "UINT32"), count + 1, f"{at}/stringOffsets")
    content = _aligned_view(gltf, entry.get("values"), at)
    if offsets is None or content is None:
        return
    bounds = offsets.astype(np.int64)
    ordered = bounds[0] == 0 and (np.diff(bounds) >= 0).all() and bounds[-1] == len(content)
    if gltf.problems.unless(ordered, "STRING_OFFSETS", at, "offsets do not rise from 0 to the length of the text"):
        edges = bounds.tolist()
        try:
            for start, end in itertools.pairwise(edges):
                content[start:end].decode("utf-8")
        except UnicodeDecodeError as error:
            gltf.problems.add("STRING_UTF8", at, str(error))
