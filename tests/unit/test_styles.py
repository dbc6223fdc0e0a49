"""Style and legend derive from a FeatureType alone; a style file replaces parts of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styles.derive import CodeChoice, RampChoice, scene_style, style_choices
from styles.maplibre import MapLayer, maplibre_style
from styles.override import StyleError, load_style_overrides, styled
from twin.featuretypes.loader import load_feature_types
from twin.featuretypes.parse import parse_feature_type
from twin.model import FeatureType

TYPES = load_feature_types()
MAPPED = [ft for ft in TYPES.values() if ft.geometry_type != "coverage"]
CODED = [ft for ft in MAPPED if isinstance(next(iter(style_choices(ft)), None), CodeChoice)]
URL = "ogc/collections/x/tiles/WebMercatorQuad/{z}/{y}/{x}"


def every_type(function):
    return pytest.mark.parametrize("feature_type", TYPES.values(), ids=TYPES)(function)


def bench(**style: object) -> FeatureType:
    """Return a FeatureType that exists only as a document, its code list without a single colour."""
    codes = [{"code": f"k{n}", "zh": f"种类{n}", "en": f"Kind {n}"} for n in range(5)]
    return parse_feature_type(
        {
            "name": "bench",
            "version": 1,
            "title": {"zh": "座椅", "en": "Bench"},
            "description": {"zh": "街道座椅", "en": "Bench in a street"},
            "cim": {"class": "城市部件", "level": "CIM3", "verified": False},
            "geometry": {"type": "Point", "z": True},
            "fields": [
                {
                    "name": "kind",
                    "type": "code",
                    "title": {"zh": "种类", "en": "Kind"},
                    "codes": {"id": "k", "title": {"zh": "种类", "en": "Kind"}, "source": "test", "verified": False, "codes": codes},
                },
                {"name": "seats", "type": "integer", "title": {"zh": "座位", "en": "Seats"}},
            ],
            "recipe": {"form": "none"},
            "style": {
                "default_color": "#808080",
                "choices": ["kind", "seats"],
                "ramps": {"seats": [[0, "#000000"], [10, "#ffffff"]]},
                **style,
            },
        },
        {},
        "bench.yaml",
    )


def evaluate(expression: object, properties: dict) -> object:
    """Return what a MapLibre expression of the kinds we write gives, after the Style Specification's own words."""
    if not isinstance(expression, list):
        return expression
    operator, *arguments = expression
    if operator == "get":
        return properties.get(arguments[0])
    if operator == "typeof":
        value = evaluate(arguments[0], properties)
        return "number" if isinstance(value, int | float) else "string" if isinstance(value, str) else "null"
    if operator == "==":
        return evaluate(arguments[0], properties) == evaluate(arguments[1], properties)
    if operator == "case":
        condition, yes, no = arguments
        return evaluate(yes if evaluate(condition, properties) else no, properties)
    if operator == "match":
        value, *pairs, default = arguments
        return dict(zip(pairs[::2], pairs[1::2], strict=True)).get(evaluate(value, properties), default)
    if operator == "interpolate":
        return ("between", evaluate(arguments[1], properties))
    raise AssertionError(operator)


@every_type
def test_the_scene_style_has_the_members_of_the_contract(feature_type: FeatureType) -> None:
    style = json.loads(json.dumps(scene_style(feature_type)))
    assert set(style) == {"color_by", "default_color", "choices", "fill_opacity", "line_width_px"}
    assert [c["field"] for c in style["choices"]][:1] == [name for name in [style["color_by"]] if name is not None]
    for choice in style["choices"]:
        if choice["kind"] == "codes":
            codes = feature_type.field(choice["field"]).codelist.codes
            assert [entry["value"] for entry in choice["legend"]] == [code.code for code in codes]
            assert [entry["title"] for entry in choice["legend"]] == [{"zh": c.title.zh, "en": c.title.en} for c in codes]
        else:
            assert choice["unit"] == feature_type.field(choice["field"]).unit
            assert choice["stops"] == sorted(choice["stops"])


@every_type
def test_every_colour_is_a_colour(feature_type: FeatureType) -> None:
    colors = [feature_type.style.default_color]
    for choice in style_choices(feature_type):
        colors += [e.color for e in choice.legend] if isinstance(choice, CodeChoice) else [color for _, color in choice.stops]
    assert [c for c in colors if not re.fullmatch("#[0-9a-f]{6}", c)] == []


def test_a_type_that_is_a_file_alone_gets_style_and_legend() -> None:
    kind, seats = style_choices(bench())
    assert isinstance(kind, CodeChoice)
    assert isinstance(seats, RampChoice)
    assert len({entry.color for entry in kind.legend}) == 5
    assert seats.stops == ((0.0, "#000000"), (10.0, "#ffffff"))


def test_the_choice_shown_first_is_first() -> None:
    assert [choice.field for choice in style_choices(bench(color_by="seats"))] == ["seats", "kind"]


def drawn(feature_type: FeatureType, dataset: str) -> Any:
    return maplibre_style(dataset, [MapLayer(feature_type, dataset, URL)])


def test_without_a_choice_everything_has_the_default_colour() -> None:
    plain = bench(choices=[], ramps={})
    assert scene_style(plain)["choices"] == []
    assert drawn(plain, "benches")["layers"][0]["paint"]["circle-color"] == "#808080"


@pytest.mark.parametrize("feature_type", CODED, ids=lambda ft: ft.name)
def test_maplibre_colours_a_feature_as_the_legend_says(feature_type: FeatureType) -> None:
    style = json.loads(json.dumps(drawn(feature_type, "things")))
    first = style_choices(feature_type)[0]
    for layer in style["layers"]:
        assert layer["source-layer"] == "things"
        color = layer["paint"][f"{layer['type']}-color"]
        assert {e.value: evaluate(color, {first.field: e.value}) for e in first.legend} == {e.value: e.color for e in first.legend}
        assert evaluate(color, {first.field: "no such code"}) == feature_type.style.default_color
        assert evaluate(color, {}) == feature_type.style.default_color


def test_maplibre_interpolates_numbers_and_gives_the_default_where_there_is_none() -> None:
    color = drawn(bench(color_by="seats"), "benches")["layers"][0]["paint"]["circle-color"]
    assert evaluate(color, {"seats": 3}) == ("between", 3)
    assert evaluate(color, {"seats": None}) == "#808080"


def test_a_coverage_has_no_vector_tiles() -> None:
    with pytest.raises(ValueError, match="coverage"):
        drawn(TYPES["terrain"], "terrain")


@settings(deadline=None)
@given(st.integers(1, 60))
def test_codes_without_colours_get_some_however_many(number: int) -> None:
    from dataclasses import replace

    from styles.derive import _legend

    code_list = bench().field("kind").codelist
    code = code_list.codes[0]
    many = replace(code_list, codes=tuple(replace(code, code=str(n)) for n in range(number)))
    colors = [entry.color for entry in _legend(many)]
    assert len(colors) == number
    assert len(set(colors[:12])) == min(number, 12)


# ----------------------------------------------------------------------------------------------------------- overrides


def override(tmp_path: Path, document: object, name: str = "building"):
    (tmp_path / f"{name}.json").write_text(json.dumps(document) if not isinstance(document, str) else document, "utf-8")
    return load_style_overrides(tmp_path)[name]


def test_a_style_file_replaces_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    building = TYPES["building"]
    changed = styled(building, override(tmp_path, {"color_by": "structure", "colors": {"usage": {"office": "#123456"}}}))
    assert changed.style.color_by == "structure"
    assert changed.style.ramps == building.style.ramps
    usage = changed.field("usage").codelist.by_code()
    assert usage["office"].color == "#123456"
    assert usage["hotel"] == building.field("usage").codelist.by_code()["hotel"]
    assert (changed.version, changed.field_names, changed.checks) == (building.version, building.field_names, building.checks)


def test_without_a_style_file_the_type_is_as_it_was() -> None:
    assert styled(TYPES["building"], load_style_overrides().get("building")) is TYPES["building"]


def test_a_later_folder_wins(tmp_path: Path) -> None:
    for name, color in (("a", "#111111"), ("b", "#222222")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "building.json").write_text(json.dumps({"default_color": color}))
    overrides = load_style_overrides(tmp_path / "a", tmp_path / "none", tmp_path / "b")
    assert styled(TYPES["building"], overrides["building"]).style.default_color == "#222222"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "building.json: is not JSON"),
        ({}, "building.json: $: "),
        ({"colour": 1}, "building.json: $: Additional properties"),
        ({"default_color": "red"}, "building.json: $.default_color: 'red' does not match"),
        ({"choices": ["nothing"]}, "building.json: building has no field 'nothing'"),
        ({"choices": ["name"]}, "building.json: field 'name' has neither codes nor a ramp"),
        ({"color_by": "name"}, "building.json: color_by 'name' is not one of the choices"),
        ({"colors": {"name": {"x": "#000000"}}}, "building.json: field 'name' has no codes"),
        ({"colors": {"usage": {"castle": "#000000"}}}, "building.json: code list building_usage has no code 'castle'"),
        (
            {"ramps": {"height_m": [[9, "#000000"], [1, "#ffffff"]]}, "choices": ["height_m"], "color_by": "height_m"},
            "building.json: the values",
        ),
    ],
)
def test_a_style_file_that_does_not_fit_is_told_in_one_line(tmp_path: Path, document: object, reason: str) -> None:
    with pytest.raises(StyleError) as caught:
        styled(TYPES["building"], override(tmp_path, document))
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)
