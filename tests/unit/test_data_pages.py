"""docs/data says what the FeatureTypes say: its pages are those that `twin types --pages` writes, its examples rows of the types."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from example_city import EXAMPLES, TYPES, examples

from twin.featuretypes.code_page import code_lists
from twin.featuretypes.spelling import column_spelling
from twin.featuretypes.validity import validity_fields
from twin.server.commands.types import pages

DATA = Path(__file__).parents[2] / "docs/data"
PAGES = pages(TYPES, EXAMPLES)
HOW = "write it anew: make pages"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_current(name: str) -> None:
    assert (DATA / name).read_text("utf-8") == PAGES[name], HOW


def test_there_is_no_page_of_what_is_gone() -> None:
    found = {str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.is_file() and path.parent != EXAMPLES}
    assert found == set(PAGES)
    assert {path.stem for path in EXAMPLES.iterdir()} == set(TYPES)


@pytest.mark.parametrize("name", [name for name in PAGES if name.endswith(".md")])
def test_links_lead_to_files_and_headings(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        path, _, heading = target.partition("#")
        linked = (DATA / name).parent / path
        assert linked.is_file(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", linked.read_text("utf-8"), re.MULTILINE)
            assert heading in {title.lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", TYPES)
def test_a_page_says_every_field_with_its_title_unit_and_codes(name: str) -> None:
    table = PAGES[f"{name}.md"].split("## ")[1]
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+)` \| .*$", table, re.MULTILINE)}
    for field in TYPES[name].fields:
        assert f"{field.title.zh} · {field.title.en}" in rows[field.name]
        assert field.unit is None or f"| {field.unit} |" in rows[field.name]
        assert ("**必填" in rows[field.name]) == field.required
        assert field.codelist is None or f"codes/{field.codelist.id}.md" in rows[field.name]


@pytest.mark.parametrize("name", TYPES)
def test_the_columns_of_an_example_are_titles_of_fields(name: str) -> None:
    titles = {f.title.zh for f in (*TYPES[name].fields, *validity_fields())}
    for row in examples(name):
        assert set(row["properties"]) <= titles


def test_every_reference_of_the_examples_names_a_row_of_the_examples() -> None:
    for ft in TYPES.values():
        for field in (f for f in ft.fields if f.reference is not None):
            target = TYPES[field.reference.type].field(field.reference.field).title.zh
            there = {row["properties"].get(target) for row in examples(field.reference.type)}
            named = {row["properties"].get(field.title.zh) for row in examples(ft.name)} - {None}
            assert named <= there, (ft.name, field.name)


def test_a_code_list_is_drawn_whole() -> None:
    for code_list in code_lists(TYPES).values():
        drawing = ET.fromstring(PAGES[f"codes/{code_list.id}.svg"])
        texts = [element.text or "" for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
        assert [text.split()[0] for text in texts] == [code.code for code in code_list.codes]


def test_the_diagram_has_every_reference() -> None:
    graph = PAGES["README.md"].split("```mermaid")[1]
    for ft in TYPES.values():
        for field in (f for f in ft.fields if f.reference is not None):
            assert f"{ft.name} -->|{field.reference.title.zh}| {field.reference.type}" in graph
    assert "pipe_segment -.-> pipe_node" in graph


def test_the_sample_city_gives_rows_of_nearly_every_type() -> None:
    """What a page calls a file that gives the type is a file that the demo loads."""
    given = {name for name in TYPES if "| sample |" in PAGES[f"{name}.md"]}
    assert {"building", "pipe_node", "pipe_segment", "land_use_plan", "admin_unit", "terrain"} <= given
    assert column_spelling("数据说明") in column_spelling(PAGES["README.md"])
