"""Relations of an OSM extract that give no area are told of, not lost: a file by pyosmium, and hostile ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.protocol import PartBatch, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.osm import OsmPbf
from ingest.readers.osm_relations import tagged_relations
from ingest.reading import read_parts
from twin.featuretypes.loader import load_feature_types

EXTRACT = Path(__file__).parents[1] / "data" / "relations.osm.pbf"
CONTENT = EXTRACT.read_bytes()
BUILDING = load_feature_types()["building"]


@pytest.mark.filterwarnings("ignore:Non closed ring")
def test_relations_without_all_their_members_are_named() -> None:
    request = ReadRequest(EXTRACT, (), storage_srid=4549)
    reader = choose_reader(request)
    assert isinstance(reader, OsmPbf)
    batches = list(reader.open(PartRequest(None, BUILDING, "d")).batches())
    names = [name for batch in batches for name in batch.columns["osm_id"].to_pylist()]
    assert sorted(names) == ["r1", "r5", "r7", "r9", "w1", "w12", "w8"]
    (remark,) = [remark for batch in batches for remark in batch.remarks]
    assert "4 relations with these tags (r2, r3, r4, r8" in remark.message.en
    assert remark.index == len(batches[-1].rows) - 1


@pytest.mark.filterwarnings("ignore:Non closed ring")
def test_relations_are_named_also_where_none_gives_an_area() -> None:
    reader = choose_reader(ReadRequest(EXTRACT, (), storage_srid=4549))
    assert isinstance(reader, OsmPbf)
    cut = replace(BUILDING, osm_tags=("name=open ring", "name=missing member"))
    batches = list(reader.open(PartRequest(None, cut, "d")).batches())
    assert sum(len(batch.rows) for batch in batches) == 0
    [remark] = [remark for batch in batches for remark in batch.remarks]
    assert "2 relations with these tags (r2, r3" in remark.message.en
    request = ReadRequest(EXTRACT, (PartRequest(None, cut, "d"),), storage_srid=4549)
    told = [finding for message in read_parts(reader, request) if isinstance(message, PartBatch) for finding in message.findings]
    assert [(finding.rule, finding.row) for finding in told] == [("reading", None)]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [(("building",), {1, 2, 3, 4, 7, 8, 9}), (("building=school", "landuse"), {7}), (("building=no",), set()), (("route",), set())],
)
def test_tags_choose_relations_that_are_areas(tags: tuple[str, ...], expected: set[int]) -> None:
    assert tagged_relations(EXTRACT, tags) == expected
    assert tagged_relations(CONTENT, tags) == expected


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(CONTENT) - 1), st.binary(min_size=1, max_size=8), st.booleans())
def test_bytes_that_lie_are_no_error(at: int, other: bytes, is_cut: bool) -> None:
    changed = CONTENT[:at] + other + (b"" if is_cut else CONTENT[at + len(other) :])
    assert all(number >= 0 for number in tagged_relations(changed, ("building",)))
