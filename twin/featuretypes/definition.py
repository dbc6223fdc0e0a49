"""The canonical JSON form of a FeatureType: what the catalogue keeps of a version, and what its hash is taken of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from twin.errors import Text
from twin.featuretypes.parse import parse_feature_type
from twin.model import Check, CodeList, Crosswalk, FeatureType, Field, Reference, Style
from twin.rules.parameters import thawed

Json = dict[str, object]


def feature_type_definition(feature_type: FeatureType) -> Json:
    """Return a FeatureType as a JSON-able document of the same schema as its YAML file, code lists written out.

    `feature_type_from_definition` gives the equal FeatureType back.
    """
    ft = feature_type
    return {
        "name": ft.name,
        "version": ft.version,
        "title": _text(ft.title),
        "description": _text(ft.description),
        "aliases": list(ft.aliases),
        "cim": {"class": ft.cim_class, "level": ft.cim_level, "verified": ft.cim_verified},
        "geometry": {"type": ft.geometry_type, "z": ft.has_z, "tolerance_m": ft.tolerance_m},
        "fields": [_field(f) for f in ft.fields],
        "key": list(ft.natural_key),
        "checks": [_check(c) for c in ft.checks],
        "recipe": {"form": ft.recipe, "fields": dict(ft.recipe_fields)},
        "style": _style(ft.style),
        "cityjson": list(ft.cityjson_types),
        "osm": list(ft.osm_tags),
    }


def feature_type_from_definition(definition: Mapping[str, object]) -> FeatureType:
    """Return the FeatureType that `feature_type_definition` wrote; FeatureTypeError when it is not one."""
    return parse_feature_type(dict(definition), {}, str(definition.get("name", "definition")))


def definition_hash(feature_type: FeatureType) -> str:
    """Return the SHA-256 (hex) of the canonical definition: equal exactly when the definitions are."""
    canonical = json.dumps(feature_type_definition(feature_type), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _given(**members: object) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def _text(text: Text) -> Json:
    return {"zh": text.zh, "en": text.en}


def _field(field: Field) -> Json:
    return _given(
        name=field.name,
        type=field.type,
        title=_text(field.title),
        unit=field.unit,
        aliases=list(field.aliases),
        required=field.required,
        minimum=field.minimum,
        maximum=field.maximum,
        max_length=field.max_length,
        codes=_code_list(field.codelist) if field.codelist else None,
        no_value=list(field.no_value) or None,
        default=field.default,
        default_by={"field": field.default_by[0], "values": dict(field.default_by[1])} if field.default_by else None,
        template=field.template,
        derived=field.derived,
        references=_reference(field.reference) if field.reference else None,
    )


def _reference(reference: Reference) -> Json:
    return {"type": reference.type, "field": reference.field, "relation": reference.relation, "title": _text(reference.title)}


def _code_list(code_list: CodeList) -> Json:
    return _given(
        id=code_list.id,
        title=_text(code_list.title),
        source=code_list.source,
        verified=code_list.verified,
        codes=[
            _given(code=c.code, zh=c.title.zh, en=c.title.en, color=c.color, aliases=list(c.aliases), parent=c.parent)
            for c in code_list.codes
        ],
        crosswalks=[_crosswalk(c, code_list.id) for c in code_list.crosswalks] or None,
    )


def _crosswalk(crosswalk: Crosswalk, code_list: str) -> Json:
    perhaps = {"columns_perhaps": list(crosswalk.columns_perhaps), "beside": list(crosswalk.beside)}
    return {
        **{name: names for name, names in perhaps.items() if names},
        "id": crosswalk.id,
        "codes_of": code_list,
        "title": _text(crosswalk.title),
        "source": crosswalk.source,
        "verified": crosswalk.verified,
        "columns": list(crosswalk.columns),
        "prefix": crosswalk.prefix,
        "codes": [_given(code=c.code, zh=c.title_zh, to=c.to) for c in crosswalk.codes],
    }


def _check(check: Check) -> Json:
    return {"rule": check.rule} | {name: thawed(value) for name, value in check.parameters.items()}


def _style(style: Style) -> Json:
    return _given(
        color_by=style.color_by,
        default_color=style.default_color,
        choices=list(style.choices),
        ramps={name: [[value, color] for value, color in stops] for name, stops in style.ramps.items()},
        draw_order=style.draw_order,
        fill_opacity=style.fill_opacity,
        line_width_px=style.line_width_px,
        underground=style.underground,
        visible=style.visible,
    )
