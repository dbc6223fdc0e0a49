"""What a JSON Schema cannot say about a FeatureType: names that must exist, spellings that must be one code's, ramps that rise."""

from __future__ import annotations

import string
from collections.abc import Iterator
from itertools import pairwise

from twin.featuretypes.document import FeatureTypeError
from twin.featuretypes.rule_use import check_faults
from twin.featuretypes.spelling import code_spelling, column_spelling
from twin.featuretypes.validity import RESERVED_COLUMNS, validity_fields
from twin.model import Code, CodeList, Crosswalk, FeatureType, Field, GeometryType, Recipe, Scalar

_GEOMETRY_OF_RECIPE: dict[Recipe, tuple[GeometryType, bool | None]] = {
    "extrude": ("MultiPolygon", True),
    "envelope": ("MultiPolygon", None),
    "tube": ("LineString", True),
    "well": ("Point", True),
    "view": ("Point", True),
    "terrain": ("coverage", None),
    "imagery": ("coverage", None),
    "point_cloud": ("coverage", None),
    "model": ("coverage", None),
}
_COVERAGES: tuple[Recipe, ...] = ("terrain", "imagery", "point_cloud", "model")
_NUMERIC = frozenset({"integer", "number"})
_LENGTHS = frozenset({"m", "dm", "cm", "mm"})
_TEXT_ROLES = frozenset({"z_reference", "size_reference", "shape", "kind"})
_COUNT_ROLES = frozenset({"holes"})
_ANGLE_ROLES = frozenset({"azimuth", "tilt", "fov", "rotation"})


def check_code_list(code_list: CodeList, source: str, place: str = "") -> None:
    """Raise FeatureTypeError unless codes are unique, parents come before their children and every spelling means one code."""
    prefix = f"{place}.codes" if place else "codes"
    earlier: set[str] = set()
    meaning: dict[str, str] = {}
    for number, code in enumerate(code_list.codes):
        where = f"{prefix}[{number}]"
        if code.code in earlier:
            raise FeatureTypeError(source, where, f"code {code.code!r} is given twice")
        if code.parent is not None and code.parent not in earlier:
            raise FeatureTypeError(source, f"{where}.parent", f"there is no code {code.parent!r} above")
        earlier.add(code.code)
        for text in _spellings(code):
            other = meaning.setdefault(code_spelling(text), code.code)
            if other != code.code:
                raise FeatureTypeError(source, where, f"{text!r} already means {other!r}")


def check_crosswalk(crosswalk: Crosswalk, code_list: CodeList, source: str) -> None:
    """Raise FeatureTypeError unless every code crosses over to one of the list; what holds in every column may mean no other there."""
    ours = code_list.by_code()
    everywhere = bool(crosswalk.prefix) or not crosswalk.columns
    meaning = {code_spelling(text): code.code for code in code_list.codes for text in _spellings(code)}
    earlier: set[str] = set()
    for number, crossed in enumerate(crosswalk.codes):
        where = f"codes[{number}]"
        spelling = code_spelling(crosswalk.prefix + crossed.code)
        if crossed.to not in ours:
            raise FeatureTypeError(source, f"{where}.to", f"{crossed.to!r} is no code of {code_list.id}")
        if spelling in earlier:
            raise FeatureTypeError(source, where, f"code {crossed.code!r} is given twice")
        if everywhere and meaning.get(spelling, crossed.to) != crossed.to:
            raise FeatureTypeError(source, where, f"{crossed.code!r} already means {meaning[spelling]!r}; give columns or a prefix")
        earlier.add(spelling)


def _spellings(code: Code) -> tuple[str, ...]:
    return (code.code, code.title.zh, code.title.en, *code.aliases)


def check_feature_type(feature_type: FeatureType, source: str) -> None:
    """Raise FeatureTypeError at the first name, default, recipe or style of a FeatureType that does not fit its fields."""
    for place, reason in _faults(feature_type):
        raise FeatureTypeError(source, place, reason)


def _faults(ft: FeatureType) -> Iterator[tuple[str, str]]:
    yield from _field_name_faults(ft)
    for number, field in enumerate(ft.fields):
        for place, reason in _field_faults(field, ft):
            yield f"fields[{number}].{place}", reason
    for number, name in enumerate(ft.natural_key):
        if name not in ft.field_names:
            yield f"key[{number}]", f"there is no field {name!r}"
    yield from check_faults(ft)
    yield from _recipe_faults(ft)
    yield from _style_faults(ft)


def _field_name_faults(ft: FeatureType) -> Iterator[tuple[str, str]]:
    """Names and titles mean one field. Two fields may share an alias: the one further up takes the column."""
    owner: dict[str, str] = {}
    for field in validity_fields():
        owner.update({column_spelling(text): field.name for text in (*_own_names(field), *field.aliases)})
    for number, field in enumerate(ft.fields):
        if field.name in RESERVED_COLUMNS:
            yield f"fields[{number}].name", f"{field.name!r} is a column of every type"
        if field.name in ft.field_names[:number]:
            yield f"fields[{number}].name", f"field {field.name!r} is given twice"
        for text in _own_names(field):
            if owner.setdefault(column_spelling(text), field.name) != field.name:
                yield f"fields[{number}]", f"{text!r} already means field {owner[column_spelling(text)]!r}"
    for number, field in enumerate(ft.fields):
        for text in field.aliases:
            if owner.get(column_spelling(text), field.name) != field.name:
                yield f"fields[{number}].aliases", f"{text!r} already means field {owner[column_spelling(text)]!r}"


def _own_names(field: Field) -> tuple[str, str, str]:
    return field.name, field.title.zh, field.title.en


def _field_faults(field: Field, ft: FeatureType) -> Iterator[tuple[str, str]]:
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        yield "minimum", f"{field.minimum} is above the maximum {field.maximum}"
    if field.default is not None and not _fits(field.default, field):
        yield "default", f"{field.default!r} is not a value of {field.name}"
    if field.default_by is not None:
        yield from _default_by_faults(field, ft)
    if field.template is not None:
        for name in _places(field.template):
            if name == field.name or name not in ft.field_names:
                yield "template", f"there is no other field {name!r}"


def _places(template: str) -> tuple[str, ...]:
    try:
        return tuple(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)
    except ValueError:
        return (template,)


def _default_by_faults(field: Field, ft: FeatureType) -> Iterator[tuple[str, str]]:
    if field.default_by is None:
        return
    name, values = field.default_by
    if name == field.name or name not in ft.field_names:
        yield "default_by.field", f"there is no other field {name!r}"
        return
    other = ft.field(name)
    for key, value in values.items():
        if other.codelist is not None and key not in other.codelist.by_code():
            yield "default_by.values", f"{key!r} is not a code of {name}"
        if not _fits(value, field):
            yield "default_by.values", f"{value!r} is not a value of {field.name}"


def _fits(value: Scalar, field: Field) -> bool:
    if field.type == "code":
        return field.codelist is not None and value in field.codelist.by_code()
    if field.type == "boolean":
        return isinstance(value, bool)
    if field.type in _NUMERIC:
        return _number_fits(value, field)
    return isinstance(value, str)


def _number_fits(value: Scalar, field: Field) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if field.type == "integer" else int | float):
        return False
    low, high = field.minimum, field.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _recipe_faults(ft: FeatureType) -> Iterator[tuple[str, str]]:
    geometry_type, has_z = _GEOMETRY_OF_RECIPE.get(ft.recipe, (ft.geometry_type, None))
    if ft.geometry_type != geometry_type or (has_z is not None and ft.has_z != has_z):
        yield "recipe.form", f"{ft.recipe!r} takes {geometry_type}{' with Z' if has_z else ''}"
    if (ft.geometry_type == "coverage") != (ft.recipe in _COVERAGES):
        yield "recipe.form", f"a coverage has one of the forms {', '.join(_COVERAGES)}, and nothing else has"
    for role, name in ft.recipe_fields.items():
        if name not in ft.field_names:
            yield f"recipe.fields.{role}", f"there is no field {name!r}"
        elif (ft.field(name).type in _NUMERIC) == (role in _TEXT_ROLES):
            yield f"recipe.fields.{role}", f"field {name!r} is a {ft.field(name).type}"
        elif role in _ANGLE_ROLES and ft.field(name).unit != "deg":
            yield f"recipe.fields.{role}", f"field {name!r} is not an angle in deg"
        elif role not in _TEXT_ROLES | _COUNT_ROLES | _ANGLE_ROLES and ft.field(name).unit not in _LENGTHS:
            yield f"recipe.fields.{role}", f"field {name!r} is not a length in {', '.join(sorted(_LENGTHS))}"


def _style_faults(ft: FeatureType) -> Iterator[tuple[str, str]]:
    style = ft.style
    for name in style.choices:
        if name not in ft.field_names:
            yield "style.choices", f"there is no field {name!r}"
        elif ft.field(name).codelist is None and name not in style.ramps:
            yield "style.choices", f"field {name!r} has neither codes nor a ramp"
    if style.color_by is not None and style.color_by not in style.choices:
        yield "style.color_by", f"{style.color_by!r} is not one of the choices"
    for name, stops in style.ramps.items():
        if name not in style.choices or ft.field(name).type not in _NUMERIC:
            yield f"style.ramps.{name}", "a ramp belongs to a numeric field among the choices"
        if any(left[0] >= right[0] for left, right in pairwise(stops)):
            yield f"style.ramps.{name}", "values must rise"
