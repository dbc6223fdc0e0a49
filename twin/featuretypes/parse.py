"""From a document to the frozen FeatureType: shape by the JSON Schema, values by construction, sense by `consistency`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from twin.errors import Text
from twin.featuretypes.consistency import check_code_list, check_feature_type
from twin.featuretypes.document import FeatureTypeError, place_of
from twin.model import Check, Code, CodeList, CrossedCode, Crosswalk, FeatureType, Field, Reference, Style
from twin.rules.parameters import frozen

Document = Mapping[str, Any]


@cache
def _validator(part: str) -> Draft202012Validator:
    schema = json.loads(resources.files("twin.featuretypes").joinpath("featuretype.schema.json").read_text("utf-8"))
    if part:
        schema = {"$schema": schema["$schema"], "$ref": f"#/$defs/{part}", "$defs": schema["$defs"]}
    return Draft202012Validator(schema)


def parse_feature_type(document: object, code_lists: Mapping[str, CodeList], source: str) -> FeatureType:
    """Return the FeatureType a document describes.

    ``code_lists`` are those a field may name; ``source`` is the name of the file in errors. Raises FeatureTypeError, one line
    with the place in the document, when the shape or a reference is wrong.
    """
    return read_feature_type(_validated(document, "", source), code_lists, source)


def parse_code_list(document: object, source: str, place: str = "") -> CodeList:
    """Return the code list a document describes; FeatureTypeError as `parse_feature_type` raises it."""
    return read_code_list(_validated(document, "codelist", source), source, place)


def read_feature_type(doc: Document, code_lists: Mapping[str, CodeList], source: str) -> FeatureType:
    """Return the FeatureType of a document whose shape is known to be right, as that of packaged files is by their test.

    The schema takes more time than all the rest of reading them, and every command and some readers in the sandbox begin with them.
    """
    feature_type = FeatureType(
        name=doc["name"],
        version=doc["version"],
        title=_text(doc["title"]),
        description=_text(doc["description"]),
        cim_class=doc["cim"]["class"],
        cim_level=doc["cim"]["level"],
        cim_verified=doc["cim"]["verified"],
        geometry_type=doc["geometry"]["type"],
        has_z=doc["geometry"].get("z", False),
        tolerance_m=float(doc["geometry"].get("tolerance_m", 0.001)),
        fields=tuple(_field(f, n, code_lists, source) for n, f in enumerate(doc["fields"])),
        natural_key=tuple(doc.get("key", ())),
        checks=tuple(_check(c) for c in doc.get("checks", ())),
        recipe=doc["recipe"]["form"],
        recipe_fields=dict(doc["recipe"].get("fields", {})),
        style=_style(doc["style"]),
        aliases=tuple(doc.get("aliases", ())),
        cityjson_types=tuple(doc.get("cityjson", ())),
        osm_tags=tuple(doc.get("osm", ())),
    )
    check_feature_type(feature_type, source)
    return feature_type


def read_code_list(doc: Document, source: str, place: str = "") -> CodeList:
    """Return the code list of a document of the right shape; a code without a colour takes that of its nearest ancestor."""
    colors: dict[str, str | None] = {}
    codes = []
    for entry in doc["codes"]:
        parent = entry.get("parent")
        color = entry.get("color", colors.get(parent))
        colors[entry["code"]] = color
        codes.append(Code(entry["code"], Text(entry["zh"], entry["en"]), color, tuple(entry.get("aliases", ())), parent))
    crosswalks = tuple(_crosswalk(c) for c in doc.get("crosswalks", ()))
    code_list = CodeList(doc["id"], _text(doc["title"]), doc["source"], doc["verified"], tuple(codes), crosswalks)
    check_code_list(code_list, source, place)
    return code_list


def parse_crosswalk(document: object, source: str) -> tuple[str, Crosswalk]:
    """Return (id of the code list, crosswalk into it) of a document; FeatureTypeError as `parse_feature_type` raises it."""
    return read_crosswalk(_validated(document, "crosswalk", source))


def read_crosswalk(doc: Document) -> tuple[str, Crosswalk]:
    """Return the same of a document of the right shape."""
    return doc["codes_of"], _crosswalk(doc)


def _crosswalk(doc: Document) -> Crosswalk:
    return Crosswalk(
        id=doc["id"],
        title=_text(doc["title"]),
        source=doc["source"],
        verified=doc["verified"],
        codes=tuple(CrossedCode(entry["code"], entry["to"], entry.get("zh")) for entry in doc["codes"]),
        columns=tuple(doc.get("columns", ())),
        columns_perhaps=tuple(doc.get("columns_perhaps", ())),
        beside=tuple(doc.get("beside", ())),
        prefix=doc.get("prefix", ""),
    )


def _validated(document: object, part: str, source: str) -> Document:
    error = best_match(_validator(part).iter_errors(document))
    if error is not None:
        raise FeatureTypeError(source, place_of(iter(error.absolute_path)), _reason(error))
    return cast("Document", document)


def _reason(error: ValidationError) -> str:
    if error.validator == "required":
        needed = cast("list[str]", error.validator_value)
        missing = [name for name in needed if name not in cast("Document", error.instance)]
        return f"lacks {', '.join(repr(name) for name in missing)}"
    if error.validator == "not" or "propertyNames" in error.absolute_schema_path:
        return f"{error.instance!r} has no place here"
    return error.message


def _text(doc: Document) -> Text:
    return Text(zh=doc["zh"], en=doc["en"])


def _field(doc: Document, number: int, code_lists: Mapping[str, CodeList], source: str) -> Field:
    default_by = doc.get("default_by")
    return Field(
        name=doc["name"],
        type=doc["type"],
        title=_text(doc["title"]),
        unit=doc.get("unit"),
        aliases=tuple(doc.get("aliases", ())),
        required=doc.get("required", False),
        minimum=doc.get("minimum"),
        maximum=doc.get("maximum"),
        codelist=_code_list(doc.get("codes"), f"fields[{number}].codes", code_lists, source),
        no_value=tuple(float(number) for number in doc.get("no_value", ())),
        default=doc.get("default"),
        default_by=(default_by["field"], dict(default_by["values"])) if default_by else None,
        template=doc.get("template"),
        derived=doc.get("derived"),
        max_length=doc.get("max_length"),
        reference=_reference(doc.get("references")),
    )


def _reference(doc: Document | None) -> Reference | None:
    return Reference(doc["type"], doc["field"], doc["relation"], _text(doc["title"])) if doc else None


def _code_list(codes: object, place: str, code_lists: Mapping[str, CodeList], source: str) -> CodeList | None:
    if codes is None:
        return None
    if isinstance(codes, str):
        if codes not in code_lists:
            raise FeatureTypeError(source, place, f"there is no code list {codes!r}; known: {', '.join(sorted(code_lists))}")
        return code_lists[codes]
    return read_code_list(cast("Document", codes), source, place)


def _check(doc: Document) -> Check:
    return Check(doc["rule"], {name: frozen(value) for name, value in doc.items() if name != "rule"})


def _style(doc: Document) -> Style:
    return Style(
        color_by=doc.get("color_by"),
        default_color=doc["default_color"],
        choices=tuple(doc.get("choices", ())),
        ramps={name: tuple((float(value), color) for value, color in stops) for name, stops in doc.get("ramps", {}).items()},
        draw_order=doc.get("draw_order", 0),
        fill_opacity=float(doc.get("fill_opacity", 1)),
        line_width_px=float(doc.get("line_width_px", 1)),
        underground=doc.get("underground", False),
        visible=doc.get("visible", True),
    )
