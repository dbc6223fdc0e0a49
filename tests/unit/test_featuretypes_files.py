"""A deployment's own FeatureTypes: what may stand beside the packaged ones, and the one line each fault is told in."""

from pathlib import Path

import pytest
import yaml

from twin.featuretypes.document import MAX_BYTES, FeatureTypeError, read_document
from twin.featuretypes.loader import load_feature_types
from twin.featuretypes.parse import parse_feature_type

STREET_TREE = """
name: street_tree
version: 1
title: {zh: 行道树, en: Street tree}
description: {zh: 道路两侧的树木, en: Tree beside a street}
cim: {class: 植被, level: CIM3, verified: false}
geometry: {type: Point, z: true}
fields:
  - {name: tree_id, type: string, title: {zh: 树号, en: Tree id}, required: true}
  - name: species
    type: code
    title: {zh: 树种, en: Species}
    codes:
      id: species
      title: {zh: 树种, en: Species}
      source: the city's own list of street trees
      verified: true
      codes:
        - {code: camphor, zh: 香樟, en: Camphor, aliases: [樟树]}
        - {code: ginkgo, zh: 银杏, en: Ginkgo, color: "#f2c14e"}
  - {name: girth_mm, type: number, unit: mm, title: {zh: 胸围, en: Girth}, minimum: 0, maximum: 20000}
key: [tree_id]
checks:
  - {rule: unique, fields: [tree_id]}
recipe: {form: none}
style:
  color_by: species
  default_color: "#3a9b5c"
  choices: [species, girth_mm]
  ramps: {girth_mm: [[0, "#ffffff"], [3000, "#004400"]]}
"""


def document() -> dict:
    return yaml.safe_load(STREET_TREE)


def write(folder: Path, doc: object, name: str = "street_tree") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(doc if isinstance(doc, str) else yaml.safe_dump(doc, allow_unicode=True, sort_keys=False), "utf-8")
    return folder


def test_a_deployment_adds_a_type_by_a_file_alone(tmp_path: Path) -> None:
    types = load_feature_types(write(tmp_path, STREET_TREE))
    assert types["street_tree"].field("species").codelist.resolve()["樟树"] == "camphor"
    assert "building" in types


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert load_feature_types(tmp_path / "none") == load_feature_types()


def test_a_deployment_overrides_a_packaged_type(tmp_path: Path) -> None:
    mine = document() | {"name": "vegetation", "version": 7}
    types = load_feature_types(write(tmp_path, mine, "vegetation"))
    assert (types["vegetation"].version, types["vegetation"].field_names) == (7, ("tree_id", "species", "girth_mm"))


def refer(**members: object) -> dict:
    reference = {"type": "parcel", "field": "parcel_id", "relation": "grows-on", "title": {"zh": "生长于宗地", "en": "grows on the parcel"}}
    doc = document()
    doc["fields"].append({"name": "place", "type": "string", "title": {"zh": "位置", "en": "Place"}, "references": reference | members})
    return doc


def test_a_type_of_ones_own_refers_to_packaged_types_and_to_itself(tmp_path: Path) -> None:
    reference = load_feature_types(write(tmp_path / "a", refer()))["street_tree"].field("place").reference
    assert (reference.type, reference.field, reference.relation) == ("parcel", "parcel_id", "grows-on")
    own = load_feature_types(write(tmp_path / "b", refer(type="street_tree", field="tree_id")))["street_tree"]
    assert own.field("place").reference.type == "street_tree"


@pytest.mark.parametrize(
    ("members", "line"),
    [
        ({"type": "house"}, "fields[3].references.type: there is no FeatureType 'house'"),
        ({"field": "house"}, "fields[3].references.field: parcel has no field 'house'"),
        (
            {"field": "right_type"},
            "fields[3].references.field: 'right_type' is not unique in parcel: neither its key nor",
        ),
        ({"type": "plan_plot", "field": "plot_id"}, "fields[3].references.field: 'plot_id' is not unique in plan_plot"),
        ({"relation": "Grows on"}, "fields[3].references.relation: 'Grows on' does not match"),
    ],
    ids=["type", "field", "not unique", "part of a key", "relation"],
)
def test_a_reference_to_what_is_not_there_is_told_in_one_line(tmp_path: Path, members: dict, line: str) -> None:
    with pytest.raises(FeatureTypeError) as told:
        load_feature_types(write(tmp_path, refer(**members)))
    assert str(told.value).startswith(f"street_tree.yaml: {line}")


def test_a_reference_takes_values_of_the_same_kind(tmp_path: Path) -> None:
    doc = refer()
    doc["fields"][3]["type"] = "integer"
    with pytest.raises(FeatureTypeError, match=r"references.field: 'parcel_id' of parcel is of type string, 'place' of type integer"):
        load_feature_types(write(tmp_path, doc))
    doc["fields"][3]["type"] = "date"
    with pytest.raises(FeatureTypeError, match=r"fields\[3\].references: .* has no place here"):
        load_feature_types(write(tmp_path, doc))


def test_a_field_is_referred_to_by_a_check_unique_that_is_an_error(tmp_path: Path) -> None:
    doc = document()
    doc["fields"].append({"name": "plate", "type": "string", "title": {"zh": "挂牌", "en": "Plate"}})
    doc["fields"].append({"name": "next_plate", "type": "string", "title": {"zh": "下一棵", "en": "Next tree"}})
    doc["fields"][4]["references"] = refer()["fields"][3]["references"] | {"type": "street_tree", "field": "plate"}
    doc["checks"].append({"rule": "unique", "fields": ["plate"]})
    assert load_feature_types(write(tmp_path, doc))["street_tree"].is_unique("plate")
    doc["checks"][1]["severity"] = "warning"
    with pytest.raises(FeatureTypeError, match="'plate' is not unique in street_tree"):
        load_feature_types(write(tmp_path, doc))


def test_a_type_that_is_replaced_keeps_what_others_refer_to(tmp_path: Path) -> None:
    with pytest.raises(FeatureTypeError, match=r"references.field: building has no field 'building_id'"):
        load_feature_types(write(tmp_path, document() | {"name": "building"}, "building"))


def test_the_severity_of_references_is_given_for_fields_that_have_one(tmp_path: Path) -> None:
    doc = refer()
    doc["checks"].append({"rule": "reference", "fields": ["place"], "severity": "error"})
    load_feature_types(write(tmp_path, doc))
    doc["checks"][1]["fields"] = ["species"]
    with pytest.raises(FeatureTypeError, match=r"checks\[1\].fields: field 'species' has no references"):
        load_feature_types(write(tmp_path, doc))


def test_a_deployment_overrides_a_code_list_of_packaged_types(tmp_path: Path) -> None:
    usage = {"id": "building_usage", "title": {"zh": "用途", "en": "Use"}, "source": "ours", "verified": True}
    usage["codes"] = [{"code": "tower", "zh": "塔", "en": "Tower"}]
    write(tmp_path / "codelists", usage, "building_usage")
    assert [c.code for c in load_feature_types(tmp_path)["building"].field("usage").codelist.codes] == ["tower"]


def test_a_type_names_a_code_list_in_the_file_beside_it(tmp_path: Path) -> None:
    doc = document()
    codes = doc["fields"][1]["codes"]
    doc["fields"][1]["codes"] = "species"
    write(tmp_path / "codelists", codes, "species")
    assert load_feature_types(write(tmp_path, doc)) == load_feature_types(write(tmp_path / "inline", STREET_TREE))


def drop(*path):
    def change(doc: dict) -> None:
        *parents, last = path
        for part in parents:
            doc = doc[part]
        del doc[last]

    return change


def put(value, *path):
    def change(doc: dict) -> None:
        *parents, last = path
        for part in parents:
            doc = doc[part]
        doc[last] = value

    return change


BAD = {
    "lacks a member": (drop("title"), "street_tree.yaml: lacks 'title'"),
    "unknown member": (put(1, "colour"), "street_tree.yaml: Additional properties are not allowed ('colour' was unexpected)"),
    "name with capitals": (put("Tree", "name"), "street_tree.yaml: name: 'Tree' does not match"),
    "no fields": (put([], "fields"), "street_tree.yaml: fields: [] should be non-empty"),
    "unknown geometry": (put("Polygon", "geometry", "type"), "street_tree.yaml: geometry.type: 'Polygon' is not one of"),
    "unknown field type": (put("text", "fields", 0, "type"), "street_tree.yaml: fields[0].type: 'text' is not one of"),
    "code without codes": (drop("fields", 1, "codes"), "street_tree.yaml: fields[1]: lacks 'codes'"),
    "codes on a number": (put("land_use", "fields", 2, "codes"), "street_tree.yaml: fields[2].codes: 'land_use' has no place here"),
    "unit on a text": (put("m", "fields", 0, "unit"), "street_tree.yaml: fields[0].unit: 'm' has no place here"),
    "unknown code list": (put("nowhere", "fields", 1, "codes"), "street_tree.yaml: fields[1].codes: there is no code list 'nowhere'"),
    "reserved column": (put("fid", "fields", 0, "name"), "street_tree.yaml: fields[0].name: 'fid' is a column of every type"),
    "field twice": (put("tree_id", "fields", 2, "name"), "street_tree.yaml: fields[2].name: field 'tree_id' is given twice"),
    "alias of another field": (
        put(["树号"], "fields", 2, "aliases"),
        "street_tree.yaml: fields[2].aliases: '树号' already means field 'tree_id'",
    ),
    "alias of a validity column": (
        put(["有效期起"], "fields", 2, "aliases"),
        "street_tree.yaml: fields[2].aliases: '有效期起' already means field 'valid_from'",
    ),
    "title of another field": (
        put({"zh": "树 号", "en": "x"}, "fields", 2, "title"),
        "street_tree.yaml: fields[2]: '树 号' already means field 'tree_id'",
    ),
    "code twice": (
        put("camphor", "fields", 1, "codes", "codes", 1, "code"),
        "street_tree.yaml: fields[1].codes.codes[1]: code 'camphor' is given twice",
    ),
    "spelling of two codes": (
        put(["CAMPHOR"], "fields", 1, "codes", "codes", 1, "aliases"),
        "street_tree.yaml: fields[1].codes.codes[1]: 'CAMPHOR' already means 'camphor'",
    ),
    "parent that is not above": (
        put("ginkgo", "fields", 1, "codes", "codes", 0, "parent"),
        "street_tree.yaml: fields[1].codes.codes[0].parent: there is no code 'ginkgo' above",
    ),
    "minimum above maximum": (put(30000, "fields", 2, "minimum"), "street_tree.yaml: fields[2].minimum: 30000 is above the maximum"),
    "default of another type": (
        put("thick", "fields", 2, "default"),
        "street_tree.yaml: fields[2].default: 'thick' is not a value of girth_mm",
    ),
    "default outside the range": (put(-1, "fields", 2, "default"), "street_tree.yaml: fields[2].default: -1 is not a value of girth_mm"),
    "default that is no code": (put("oak", "fields", 1, "default"), "street_tree.yaml: fields[1].default: 'oak' is not a value of species"),
    "default by an unknown code": (
        put({"field": "species", "values": {"oak": 5}}, "fields", 2, "default_by"),
        "street_tree.yaml: fields[2].default_by.values: 'oak' is not a code of species",
    ),
    "template of an unknown field": (
        put("{a}-{b}", "fields", 0, "template"),
        "street_tree.yaml: fields[0].template: there is no other field 'a'",
    ),
    "broken template": (
        put("{species", "fields", 0, "template"),
        "street_tree.yaml: fields[0].template: there is no other field '{species'",
    ),
    "key of an unknown field": (put(["id_no"], "key"), "street_tree.yaml: key[0]: there is no field 'id_no'"),
    "unknown rule": (put("magic", "checks", 0, "rule"), "street_tree.yaml: checks[0].rule: there is no rule 'magic'"),
    "unique without fields": (drop("checks", 0, "fields"), "street_tree.yaml: checks[0]: lacks 'fields'"),
    "parameter of another rule": (
        put("building", "checks", 0, "type"),
        "street_tree.yaml: checks[0].type: rule 'unique' takes severity, fields",
    ),
    "check of an unknown field": (put(["x"], "checks", 0, "fields"), "street_tree.yaml: checks[0].fields: there is no field 'x'"),
    "tube of a point": (
        put({"form": "tube", "fields": {"diameter": "girth_mm"}}, "recipe"),
        "street_tree.yaml: recipe.form: 'tube' takes LineString with Z",
    ),
    "tube without a size": (
        put({"form": "tube", "fields": {"width": "girth_mm"}}, "recipe"),
        "street_tree.yaml: recipe.fields: {'width': 'girth_mm'} is not valid under any of the given schemas",
    ),
    "view without angles": (
        put({"form": "view", "fields": {"range": "girth_mm"}}, "recipe"),
        "street_tree.yaml: recipe.fields: lacks 'azimuth', 'tilt', 'fov'",
    ),
    "angle in millimetres": (
        put({"form": "view", "fields": dict.fromkeys(("azimuth", "tilt", "fov", "range"), "girth_mm")}, "recipe"),
        "street_tree.yaml: recipe.fields.azimuth: field 'girth_mm' is not an angle in deg",
    ),
    "image of a point": (put({"form": "imagery"}, "recipe"), "street_tree.yaml: recipe.form: 'imagery' takes coverage"),
    "city object in small letters": (put(["tree"], "cityjson"), "street_tree.yaml: cityjson[0]: 'tree' does not match"),
    "role that the form has not": (
        put({"form": "well", "fields": {"depth": "girth_mm", "colour": "species"}}, "recipe"),
        "street_tree.yaml: recipe.fields: 'colour' has no place here",
    ),
    "role fed by a text": (
        put({"form": "well", "fields": {"depth": "tree_id"}}, "recipe"),
        "street_tree.yaml: recipe.fields.depth: field 'tree_id' is a string",
    ),
    "role fed by no length": (
        [put({"form": "well", "fields": {"depth": "girth_mm"}}, "recipe"), put("kg", "fields", 2, "unit")],
        "street_tree.yaml: recipe.fields.depth: field 'girth_mm' is not a length in cm, dm, m, mm",
    ),
    "choice without colours": (put(["tree_id"], "style", "choices"), "street_tree.yaml: style.choices: field 'tree_id' has neither codes"),
    "coloured by no choice": (put("tree_id", "style", "color_by"), "street_tree.yaml: style.color_by: 'tree_id' is not one of the choices"),
    "ramp that falls": (
        put([[5, "#ffffff"], [1, "#000000"]], "style", "ramps", "girth_mm"),
        "street_tree.yaml: style.ramps.girth_mm: values must rise",
    ),
    "colour by name": (put("red", "style", "default_color"), "street_tree.yaml: style.default_color: 'red' does not match"),
}


BAD_AMONG_OTHERS = {
    "name is not the file's": (put("tree", "name"), "street_tree.yaml: name: 'tree' is not the name of the file"),
    "node of an unknown type": (
        put({"rule": "node-exists", "fields": ["tree_id"], "type": "park", "field": "a"}, "checks", 0),
        "street_tree.yaml: checks[0].type: there is no FeatureType 'park'",
    ),
    "node by an unknown field": (
        put({"rule": "node-exists", "fields": ["tree_id"], "type": "pipe_node", "field": "a"}, "checks", 0),
        "street_tree.yaml: checks[0].field: pipe_node has no field 'a'",
    ),
}


@pytest.mark.parametrize(("change", "expected"), BAD.values(), ids=BAD)
def test_a_fault_is_told_in_one_line_with_file_and_place(change, expected: str) -> None:
    doc = document()
    for step in change if isinstance(change, list) else [change]:
        step(doc)
    with pytest.raises(FeatureTypeError) as caught:
        parse_feature_type(doc, {}, "street_tree.yaml")
    text = str(caught.value)
    assert text.startswith(expected)
    assert "\n" not in text
    assert len(text) < 400
    assert caught.value.text.zh.startswith("要素类型定义有误")
    assert caught.value.code == "feature-type-invalid"


@pytest.mark.parametrize(("change", "expected"), BAD_AMONG_OTHERS.values(), ids=BAD_AMONG_OTHERS)
def test_a_fault_that_only_the_folder_shows_is_told_likewise(tmp_path: Path, change, expected: str) -> None:
    doc = document()
    change(doc)
    with pytest.raises(FeatureTypeError) as caught:
        load_feature_types(write(tmp_path, doc))
    assert str(caught.value).startswith(expected)


BAD_YAML = {
    "key twice": ("name: a\nname: b\n", "x.yaml: line 2: key 'name' is given twice"),
    "reference": ("a: &x [1]\nb: *x\n", "x.yaml: line 2: references (*name) are not used here"),
    "a python object": ("a: !!python/object/apply:os.getcwd []\n", "x.yaml: line 1: could not determine a constructor"),
    "key that is a number": ("0101: 水田\n", "x.yaml: line 1: key 65 is not a text; put it in quotes"),
    "date without quotes": ("since: 2024-01-01\n", "x.yaml: since: 2024-01-01 is a date to YAML; put it in quotes"),
    "impossible date": ("since: 2024-02-31\n", "x.yaml: is not YAML: day"),
    "not YAML": ("a: [1\n", "x.yaml: line 2: did not find expected ',' or ']'"),
    "two documents": ("a: 1\n---\nb: 2\n", "x.yaml: line 2: but found another document"),
    "nested without end": ("[" * 3000, "x.yaml: line 1: nested deeper than 20"),
}


@pytest.mark.parametrize(("text", "expected"), BAD_YAML.values(), ids=BAD_YAML)
def test_yaml_is_read_strictly(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(FeatureTypeError) as caught:
        read_document(path)
    assert str(caught.value).startswith(expected)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes("title: 管线".encode("gbk"))
    with pytest.raises(FeatureTypeError, match=r"x\.yaml: is not UTF-8 at byte 7"):
        read_document(path)


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(FeatureTypeError, match="is larger than"):
        read_document(path)


def test_a_document_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureTypeError, match=r"street_tree\.yaml: None is not of type 'object'"):
        load_feature_types(write(tmp_path, ""))
