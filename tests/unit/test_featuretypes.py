"""The packaged FeatureTypes and code lists: valid, unambiguous, and what the field contract of the platform says."""

import json
import pickle
from collections import Counter
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import twin.featuretypes
from twin.errors import Text
from twin.featuretypes.definition import definition_hash, feature_type_definition, feature_type_from_definition
from twin.featuretypes.document import read_document
from twin.featuretypes.json_schema import feature_schema, queryables
from twin.featuretypes.loader import load_code_lists, load_feature_types
from twin.featuretypes.parse import parse_code_list, parse_crosswalk, parse_feature_type
from twin.featuretypes.spelling import code_spelling, column_spelling
from twin.featuretypes.validity import validity_fields
from twin.model import CodeList, FeatureType

FOLDER = Path(twin.featuretypes.__file__).parent
TYPES = load_feature_types()
LISTS = load_code_lists()


def every_type(function):
    return pytest.mark.parametrize("feature_type", TYPES.values(), ids=TYPES)(function)


def every_list(function):
    return pytest.mark.parametrize("code_list", LISTS.values(), ids=LISTS)(function)


def test_the_types_of_a_city_are_packaged() -> None:
    assert {
        *("building", "building_part", "storey", "space", "parcel", "address", "poi"),
        *("road", "water", "vegetation", "grid_cell", "admin_unit", "survey_control", "land_survey_plot"),
        *("land_use_plan", "spatial_plan", "plan_plot", "control_line", "construction_project"),
        *("pipe_segment", "pipe_node", "utility_tunnel", "underground_space", "sensor", "camera"),
        *("terrain", "imagery", "point_cloud", "model_3d"),
    } == set(TYPES)


@pytest.mark.parametrize(
    ("name", "geometry_type", "has_z", "recipe", "key"),
    [
        ("building", "MultiPolygon", True, "extrude", ("building_id",)),
        ("pipe_segment", "LineString", True, "tube", ("segment_id",)),
        ("pipe_node", "Point", True, "well", ("node_id",)),
        ("land_use_plan", "MultiPolygon", False, "drape", ("plot_id",)),
        ("admin_unit", "MultiPolygon", False, "drape", ("code",)),
        ("terrain", "coverage", False, "terrain", ("name",)),
        ("building_part", "MultiPolygon", True, "none", ("part_id",)),
        ("storey", "MultiPolygon", True, "extrude", ("storey_id",)),
        ("space", "MultiPolygon", True, "extrude", ("space_id",)),
        ("parcel", "MultiPolygon", False, "drape", ("parcel_id",)),
        ("land_survey_plot", "MultiPolygon", False, "drape", ("location_unit_code", "plot_number")),
        ("address", "Point", False, "none", ("address_id",)),
        ("poi", "Point", False, "none", ("poi_id",)),
        ("road", "LineString", False, "drape", ("road_id",)),
        ("water", "MultiPolygon", False, "drape", ("water_id",)),
        ("vegetation", "Point", True, "none", ("plant_id",)),
        ("grid_cell", "MultiPolygon", False, "drape", ("grid_system", "cell_id")),
        ("spatial_plan", "MultiPolygon", False, "drape", ("plan_id",)),
        ("plan_plot", "MultiPolygon", False, "envelope", ("plan_id", "plot_id")),
        ("control_line", "MultiPolygon", False, "drape", ("line_id",)),
        ("construction_project", "MultiPolygon", False, "drape", ("project_id",)),
        ("underground_space", "MultiPolygon", True, "extrude", ("space_id",)),
        ("utility_tunnel", "LineString", True, "tube", ("tunnel_id",)),
        ("sensor", "Point", True, "none", ("sensor_id",)),
        ("camera", "Point", True, "view", ("camera_id",)),
        ("survey_control", "Point", True, "none", ("point_id",)),
        ("imagery", "coverage", False, "imagery", ("name",)),
        ("point_cloud", "coverage", False, "point_cloud", ("name",)),
        ("model_3d", "coverage", False, "model", ("name",)),
    ],
)
def test_form_and_key(name: str, geometry_type: str, has_z: bool, recipe: str, key: tuple[str, ...]) -> None:
    ft = TYPES[name]
    assert (ft.geometry_type, ft.has_z, ft.recipe, ft.natural_key) == (geometry_type, has_z, recipe, key)


@every_type
def test_numbers_carry_their_unit_in_the_name(feature_type: FeatureType) -> None:
    suffixes = {"m": "_m", "mm": "_mm", "m2": "_m2", "%": "_pct", "deg": "_deg", "kV": "_kv", "s": "_s", "/m2": "_m2"}
    for field in feature_type.fields:
        if field.unit is not None:
            assert field.name.endswith(suffixes[field.unit])


@every_type
def test_a_column_means_one_field_but_for_the_code_of_pipe_nodes(feature_type: FeatureType) -> None:
    meanings: dict[str, set[str]] = {}
    for field in (*feature_type.fields, *validity_fields()):
        for text in (field.name, field.title.zh, field.title.en, *field.aliases):
            meanings.setdefault(column_spelling(text), set()).add(field.name)
    shared = {text: names for text, names in meanings.items() if len(names) > 1}
    assert shared == ({"code": {"node_id", "feature_code"}} if feature_type.name == "pipe_node" else {})


@every_type
def test_definition_round_trips_through_json(feature_type: FeatureType) -> None:
    definition = json.loads(json.dumps(feature_type_definition(feature_type), ensure_ascii=False))
    again = feature_type_from_definition(definition)
    assert again == feature_type
    assert definition_hash(again) == definition_hash(feature_type)


@every_type
def test_definition_is_valid_against_the_published_schema(feature_type: FeatureType) -> None:
    schema = json.loads(resources.files("twin.featuretypes").joinpath("featuretype.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert [e.message for e in Draft202012Validator(schema).iter_errors(feature_type_definition(feature_type))] == []


@every_type
def test_a_feature_type_reaches_a_child_process(feature_type: FeatureType) -> None:
    assert pickle.loads(pickle.dumps(feature_type)) == feature_type


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_packaged_file_has_the_shape_that_every_start_takes_for_granted(path: Path) -> None:
    assert parse_feature_type(read_document(path), LISTS, path.name) == TYPES[path.stem]
    assert TYPES[path.stem].name == path.stem


@pytest.mark.parametrize("path", sorted(FOLDER.glob("codelists/*.yaml")), ids=lambda path: path.stem)
def test_a_packaged_code_list_has_the_shape_that_every_start_takes_for_granted(path: Path) -> None:
    assert parse_code_list(read_document(path), path.name) == replace(LISTS[path.stem], crosswalks=())
    assert LISTS[path.stem].id == path.stem


@pytest.mark.parametrize("path", sorted(FOLDER.glob("crosswalks/*.yaml")), ids=lambda path: path.stem)
def test_a_packaged_crosswalk_has_the_shape_that_every_start_takes_for_granted(path: Path) -> None:
    of, crosswalk = parse_crosswalk(read_document(path), path.name)
    assert crosswalk in LISTS[of].crosswalks
    assert crosswalk.id == path.stem


def test_a_sheet_or_layer_means_one_type() -> None:
    meanings: dict[str, set[str]] = {}
    for ft in TYPES.values():
        for text in (ft.name, ft.title.zh, ft.title.en, *ft.aliases):
            meanings.setdefault(column_spelling(text), set()).add(ft.name)
    assert {text: names for text, names in meanings.items() if len(names) > 1} == {}


def test_a_city_object_of_cityjson_is_of_one_type() -> None:
    assert Counter(name for ft in TYPES.values() for name in ft.cityjson_types).most_common(1)[0][1] == 1
    assert {ft.name: ft.cityjson_types for ft in TYPES.values() if ft.cityjson_types} == {
        "building": ("Building",),
        "building_part": ("BuildingPart",),
        "storey": ("BuildingStorey",),
        "space": ("BuildingRoom", "BuildingUnit"),
        "pipe_node": ("FunctionalElement",),
        "pipe_segment": ("Pipe",),
        "road": ("Road",),
        "vegetation": ("SolitaryVegetationObject",),
        "water": ("WaterBody",),
    }


def test_the_departments_of_a_city_are_joined_by_references() -> None:
    named = {
        (ft.name, f.name): (f.reference.type, f.reference.field) for ft in TYPES.values() for f in ft.fields if f.reference is not None
    }
    assert named == {
        ("building", "parcel_id"): ("parcel", "parcel_id"),
        ("building", "permit_no"): ("construction_project", "planning_permit_no"),
        ("building_part", "building_id"): ("building", "building_id"),
        ("storey", "building_id"): ("building", "building_id"),
        ("space", "storey_id"): ("storey", "storey_id"),
        ("space", "building_id"): ("building", "building_id"),
        ("address", "building_id"): ("building", "building_id"),
        ("address", "parcel_id"): ("parcel", "parcel_id"),
        ("poi", "address_id"): ("address", "address_id"),
        ("poi", "building_id"): ("building", "building_id"),
        ("spatial_plan", "supersedes"): ("spatial_plan", "plan_id"),
        ("plan_plot", "plan_id"): ("spatial_plan", "plan_id"),
        ("control_line", "plan_id"): ("spatial_plan", "plan_id"),
        ("construction_project", "parcel_id"): ("parcel", "parcel_id"),
        ("underground_space", "building_id"): ("building", "building_id"),
        ("sensor", "building_id"): ("building", "building_id"),
        ("sensor", "node_id"): ("pipe_node", "node_id"),
        ("pipe_node", "building_id"): ("building", "building_id"),
        ("pipe_segment", "tunnel_id"): ("utility_tunnel", "tunnel_id"),
    }


def test_no_class_of_the_cim_standard_is_called_verified_that_nobody_compared() -> None:
    assert [ft.name for ft in TYPES.values() if ft.cim_verified] == []


def test_the_first_sight_of_a_city_is_not_crowded() -> None:
    hidden = {ft.name for ft in TYPES.values() if not ft.style.visible}
    assert {"storey", "space", "building_part", "grid_cell", "camera", "sensor", "address", "poi", "parcel"} <= hidden
    assert not hidden & {"building", "road", "water", "vegetation", "land_use_plan", "admin_unit", "pipe_segment"}


def test_hashes_differ_where_definitions_do() -> None:
    assert len({definition_hash(ft) for ft in TYPES.values()}) == len(TYPES)


# ------------------------------------------------------------------------------------------------------- code lists


@every_list
def test_codes_and_spellings_are_unique(code_list: CodeList) -> None:
    assert [code for code, n in Counter(c.code for c in code_list.codes).items() if n > 1] == []
    meanings: dict[str, set[str]] = {}
    for code in code_list.codes:
        for text in (code.code, code.title.zh, code.title.en, *code.aliases):
            meanings.setdefault(code_spelling(text), set()).add(code.code)
    assert {text: codes for text, codes in meanings.items() if len(codes) > 1} == {}


@every_list
def test_every_code_alias_and_title_resolves_to_its_code(code_list: CodeList) -> None:
    resolved = code_list.resolve()
    for code in code_list.codes:
        assert {resolved[t] for t in (code.code, code.title.zh, code.title.en, *code.aliases)} == {code.code}


@every_list
def test_every_code_list_names_its_source_and_is_used(code_list: CodeList) -> None:
    assert len(code_list.source) > 20
    assert any(f.codelist == code_list for ft in TYPES.values() for f in ft.fields)


def test_land_use_has_the_classes_of_the_2023_guide() -> None:
    codes = LISTS["land_use"].by_code()
    assert sorted(c for c in codes if len(c) == 2) == [f"{n:02d}" for n in range(1, 25)]
    assert all(code.parent == (code.code[:-2] or None) for code in codes.values())
    assert codes["070102"].title.zh == "二类城镇住宅用地"
    assert codes["1207"].title.zh == "城镇村道路用地"
    assert codes["2203"].title.zh == "海洋保护修复及海岸防护工程用海"
    assert not LISTS["land_use"].verified
    assert "not the standard's" in LISTS["land_use"].source


@pytest.mark.parametrize(("survey", "plan"), [("S0601", "1001"), ("S1004", "1207"), ("S0809", "13"), ("S1101", "1701"), ("S0508", "1101")])
def test_codes_of_the_third_land_survey_cross_over(survey: str, plan: str) -> None:
    assert LISTS["land_use"].resolve()[survey] == plan


@pytest.mark.parametrize(
    ("codes", "color"),
    [
        (("JS", "JP", "XS"), (0, 255, 255)),
        (("PS", "YS", "WS", "HS"), (76, 57, 38)),
        (("RQ", "TR"), (255, 0, 255)),
        (("RL", "ZQ"), (255, 128, 0)),
        (("DL", "GD", "LD"), (255, 0, 0)),
        (("TX", "DH", "XX"), (0, 255, 0)),
        (("GY", "QQ"), (0, 0, 0)),
        (("BM",), (102, 0, 204)),
    ],
)
def test_pipelines_have_the_class_colours_of_cjj_61(codes: tuple[str, ...], color: tuple[int, int, int]) -> None:
    by_code = LISTS["pipe_kind"].by_code()
    assert {by_code[code].color for code in codes} == {"#" + bytes(color).hex()}


def test_dx_is_the_older_code_of_telecommunication() -> None:
    assert LISTS["pipe_kind"].resolve()["DX"] == "TX"


def test_plan_states_are_known_by_their_chinese_words() -> None:
    resolved = LISTS["plan_state"].resolve()
    assert [resolved[word] for word in ("编制", "批准", "废止")] == ["drafting", "approved", "repealed"]


def test_gravity_drainage_is_surveyed_at_the_invert_all_else_at_the_top() -> None:
    field = TYPES["pipe_segment"].field("z_reference")
    assert field.default_by == ("kind", {"PS": "invert", "YS": "invert", "WS": "invert", "HS": "invert"})
    assert field.default == "top"


@pytest.mark.parametrize(
    ("feature_type", "columns"),
    [
        # the MDB schema of a pipe census, then the columns of an Excel survey (requirements C.5)
        (
            "pipe_node",
            "Map_No Exp_No Type High Rotation Code Feature Subsid WellDeep WellShape WellMaterial WellSize Address Belong SDate Ustatus",
        ),
        ("pipe_node", "管线点号 特征 附属物 权属单位 地面高程 井深"),
        (
            "pipe_segment",
            "S_Exp S_Deep E_Exp E_Deep Type Material PSize Voltage Pressure CabNum TotalHole UsedHole FlowDir EmBed MDate Belong Lno SDate",
        ),
        ("pipe_segment", "管线点号 连接点号 材质 尺寸 埋设方式 建设年代 权属单位 电缆条数 电压值 压力类型 总孔数 已用孔数"),
        ("building", "height HEIGHT Floor name building:levels year_built 建筑高度 地上层数"),
        ("admin_unit", "ADMINCODE NAME adcode level parent 行政区划代码"),
    ],
)
def test_columns_of_real_surveys_and_open_data_are_known(feature_type: str, columns: str) -> None:
    known = {column_spelling(text) for f in TYPES[feature_type].fields for text in (f.name, f.title.zh, f.title.en, *f.aliases)}
    assert [column for column in columns.split() if column_spelling(column) not in known] == []


# ---------------------------------------------------------------------------------------------------- derived schemas


@every_type
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_derived_schemas_are_json_schemas_of_all_fields(feature_type: FeatureType, language: str) -> None:
    for schema in (feature_schema(feature_type, language), queryables(feature_type, language)):
        Draft202012Validator.check_schema(schema)
        assert {*feature_type.field_names, "geometry", "valid_from", "valid_to"} <= set(schema["properties"])
    roles = [p.get("x-ogc-role") for p in feature_schema(feature_type, language)["properties"].values()]
    assert sorted(r for r in roles if r) == ["id", "primary-geometry", "primary-interval-end", "primary-interval-start"]


def test_schema_of_a_feature_judges_values() -> None:
    validator = Draft202012Validator(feature_schema(TYPES["land_use_plan"], "en"))
    good = {"id": "2.25.1.2.4.7", "land_use_code": "070102", "plan_state": "approved", "far": 2.5}
    assert validator.is_valid(good)
    for wrong in ({"land_use_code": "9999"}, {"far": -1}, {"far": "2"}, {"id": None}):
        assert not validator.is_valid(good | wrong)
    assert not validator.is_valid({"id": "2.25.1.2.4.7", "land_use_code": "07"})


def test_schema_speaks_the_language_asked_for() -> None:
    zh, en = (feature_schema(TYPES["building"], language)["properties"]["height_m"] for language in ("zh-CN", "en"))
    assert (zh["title"], en["title"], zh["x-ogc-unit"]) == ("建筑高度", "Height", "m")


# --------------------------------------------------------------------------------------------------------- properties

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=30)
TITLE = st.builds(Text, TEXT, TEXT)


@settings(deadline=None)
@given(zh=TEXT, en=TEXT, minimum=st.floats(-1e6, 0), maximum=st.floats(0, 1e6), required=st.booleans(), tolerance=st.floats(0.0001, 1))
def test_any_definition_that_loads_round_trips(zh: str, en: str, minimum: float, maximum: float, required: bool, tolerance: float) -> None:
    field = {"name": "f", "type": "number", "title": {"zh": zh, "en": en}, "minimum": minimum, "maximum": maximum, "required": required}
    reserved = {column_spelling(t) for f in validity_fields() for t in (f.name, f.title.zh, f.title.en, *f.aliases)}
    definition = {
        "name": "thing",
        "version": 1,
        "title": {"zh": zh, "en": en},
        "description": {"zh": zh, "en": en},
        "cim": {"class": "x", "level": "CIM1", "verified": False},
        "geometry": {"type": "Point", "tolerance_m": tolerance},
        "fields": [field],
        "recipe": {"form": "none"},
        "style": {"default_color": "#000000"},
    }
    if {column_spelling(zh), column_spelling(en)} & reserved:
        return
    feature_type = feature_type_from_definition(definition)
    assert feature_type.fields[0].title == Text(zh=zh, en=en)
    assert feature_type_from_definition(feature_type_definition(feature_type)) == feature_type
