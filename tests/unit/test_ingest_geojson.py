"""GeoJSON: where features lie in the text, and which geometries are taken as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest.protocol import Limits, PartRequest
from ingest.readers import json_spans
from ingest.readers.geojson import GeoJson
from ingest.readers.geojson_seq import GeoJsonSeq
from ingest.readers.json_columns import columns_of
from ingest.readers.json_geometry import geometries
from ingest.readers.json_spans import feature_spans
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.sampled_from('ab"\\{}[],:中\u2028\n')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='x"\\{[', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=6),
    JSON,
    st.booleans(),
    st.sampled_from([None, 1]),
    st.integers(1, 40),
)
def test_spans_are_the_objects_wherever_chunks_end(
    features: list[object], other: object, after: bool, indent: int | None, chunk: int
) -> None:
    members = {"other": other, "features": features} if after else {"features": features, "other": other}
    text = json.dumps(members, ensure_ascii=not after, indent=indent).encode()
    original = json_spans._CHUNK
    json_spans._CHUNK = chunk
    try:
        spans = feature_spans(memoryview(text))
    finally:
        json_spans._CHUNK = original
    assert spans.found
    assert [json.loads(text[a:b]) for a, b in zip(spans.starts, spans.ends, strict=True)] == features
    assert json.loads(spans.frame) == {**members, "features": []}


def test_features_of_another_name_or_depth_are_not_taken() -> None:
    text = b'{"a": {"features": [{}]}, "Features": [{}], "features": [{"b": "features"}]}'
    spans = feature_spans(memoryview(text))
    assert [text[a:b] for a, b in zip(spans.starts, spans.ends, strict=True)] == [b'{"b": "features"}']


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Geometry:
    parts = []
    for k in range(draw(st.integers(1, 3))):
        x, y = 10.0 * k, draw(st.floats(-80, 80))
        box = shapely.box(x, y, x + 4, y + 4)
        parts.append(box.difference(shapely.box(x + 1, y + 1, x + 2, y + 2)) if draw(st.booleans()) else box)
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


SHAPES = st.one_of(
    polygons(),
    st.builds(shapely.Point, st.floats(-180, 180), st.floats(-90, 90)),
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(-100, 100)), min_size=2, max_size=5).map(shapely.LineString),
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=4).map(shapely.MultiPoint),
)


@given(st.lists(st.none() | SHAPES, max_size=6))
def test_geometries_come_back_vertex_by_vertex(shapes: list[shapely.Geometry | None]) -> None:
    values = [None if s is None else json.loads(json.dumps(shapely.geometry.mapping(s))) for s in shapes]
    built, faults = geometries(values)
    assert not faults
    for shape, result in zip(shapes, built, strict=True):
        if shape is None:
            assert result is None
        else:
            assert result.geom_type == shape.geom_type
            np.testing.assert_array_equal(shapely.get_coordinates(result, include_z=True), shapely.get_coordinates(shape, include_z=True))


@pytest.mark.parametrize(
    "value",
    [
        "Point", 5, [], {"type": "Kreis", "coordinates": []}, {"type": "Point"}, {"type": "Point", "coordinates": ["1", "2"]},
        {"type": "Point", "coordinates": [1]}, {"type": "Point", "coordinates": [True, False]},
        {"type": "LineString", "coordinates": [[0, 0]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[0, 0], [1, 0], [1, 1], [0, 0]]},
        {"type": "LineString", "coordinates": [[0, 0], [1, 0, 5]]},
        {"type": "Point", "coordinates": [10**400, 0]},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": []}, 7]},
    ],
)  # fmt: skip
def test_each_malformed_geometry_is_a_fault_of_its_row_alone(value: object) -> None:
    good = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    built, faults = geometries([good, value, good])
    assert [f.index for f in faults] == [1]
    assert built[0] == built[2] == shapely.Polygon([(0, 0), (1, 0), (1, 1)])


def crs_of(text: str) -> tuple[str | None, bool]:
    source = GeoJson("x", text.encode(), Limits()).open(None).source  # type: ignore[arg-type]
    return source.crs, source.assumed


def test_without_a_crs_member_it_is_crs84_by_the_standard_and_says_so() -> None:
    assert crs_of('{"type": "FeatureCollection", "features": []}') == ("OGC:CRS84", True)


def test_the_crs_member_of_2008_is_honoured_also_behind_the_features() -> None:
    crs = '"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}'
    assert crs_of(f'{{"type": "FeatureCollection", {crs}, "features": []}}') == ("urn:ogc:def:crs:EPSG::4549", False)
    assert crs_of(f'{{"type": "FeatureCollection", "features": [{{}}], {crs}}}'.replace("{}", '{"type":"Feature","geometry":null}')) == (
        "urn:ogc:def:crs:EPSG::4549",
        False,
    )


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "{}", '{"type": "FeatureCollection"}', '{"type": "FeatureCollection", "features": [null]}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null},, {"type": "Feature", "geometry": null}]}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature" "geometry": null}]}',
    ],
)  # fmt: skip
def test_what_is_not_geojson_rejects_the_file(text: str) -> None:
    with pytest.raises(TwinError) as caught:
        list(GeoJson("x", text.encode(), Limits()).open(None).batches())  # type: ignore[arg-type]
    assert caught.value.code == "geojson-invalid"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ('{"asset": {"version": "1.1"}, "geometricError": 1, "root": {}}', "missing-member", "ZIP"),
        ('{"asset": {"version": "2.0"}, "buffers": [], "scenes": []}', "missing-member", "GLB"),
        ('{"rows": []}', "geojson-invalid", "没有“type”"),
    ],
)
def test_json_of_another_kind_is_told_what_to_do(text: str, code: str, said: str) -> None:
    with pytest.raises(TwinError) as caught:
        GeoJson("x", text.encode(), Limits()).open(None)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert said in caught.value.text.zh
    assert "None" not in caught.value.text.zh


def test_batches_number_their_rows_through(tmp_path: Path) -> None:
    features = [{"type": "Feature", "properties": {"n": i}, "geometry": {"type": "Point", "coordinates": [i, 0]}} for i in range(25)]
    path = tmp_path / "points.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    batches = list(GeoJson("x", path, Limits(rows_per_batch=10)).open(None).batches())  # type: ignore[arg-type]
    assert [len(b.rows) for b in batches] == [10, 10, 5]
    assert np.concatenate([b.rows for b in batches]).tolist() == list(range(1, 26))
    assert [v for b in batches for v in b.columns["n"].to_pylist()] == list(range(25))


def test_a_byte_order_mark_is_passed_over_and_objects_among_properties_become_columns(tmp_path: Path) -> None:
    """Changzhou's published district files have both."""
    feature = {"type": "Feature", "properties": {"adcode": 320402, "parent": {"adcode": 320400}}, "geometry": None}
    text = json.dumps({"type": "FeatureCollection", "features": [feature]})
    path = tmp_path / "marked.geojson"
    path.write_text(text, encoding="utf-8-sig")
    for content in (path, path.read_bytes()):
        layer = GeoJson("x", content, Limits()).open(None)  # type: ignore[arg-type]
        assert layer.source.columns == ("adcode", "parent.adcode")
        [batch] = layer.batches()
        assert batch.columns["parent.adcode"].to_pylist() == [320400]


@pytest.mark.parametrize("levels", [250, 1000, 100_000])
def test_properties_nested_too_deep_are_a_fault_of_their_record(levels: int) -> None:
    """What cannot be written again as JSON used to make the whole file unreadable; what cannot even be parsed is refused in a document."""
    deep = '{"type":"Feature","geometry":null,"properties":{"a":' + "[" * levels + "]" * levels + "}}"
    plain = '{"type":"Feature","geometry":null,"properties":{"a":[[1]],"b":2}}'
    part = PartRequest(None, load_feature_types()["building"], "d")
    readers: list[GeoJson | GeoJsonSeq] = [GeoJsonSeq("x", f"{deep}\n{plain}".encode(), Limits())]
    if levels == 250:
        readers.append(GeoJson("x", f'{{"type":"FeatureCollection","features":[{deep},{plain}]}}'.encode(), Limits()))
    for reader in readers:
        (batch,) = reader.open(part).batches()
        assert [(f.index, f.rule) for f in batch.faults] == [(0, "structure")]
        assert batch.columns["a"].to_pylist() == [None, "[[1]]"]


def test_objects_with_ever_other_keys_are_text_and_no_type_with_all_these_keys() -> None:
    """A struct of all keys used to be made first: 5,000 rows of 20 keys each took all the memory there is."""
    rows = [{"tags": [{f"key{i}of{k}": i for k in range(5)}], "i": i} for i in range(1000)]
    before = pa.default_memory_pool().max_memory()
    columns = columns_of(rows)
    assert pa.default_memory_pool().max_memory() - before < 5_000_000
    assert (columns["tags"].type, columns["i"].type) == (pa.string(), pa.int64())
    assert json.loads(columns["tags"][7].as_py()) == rows[7]["tags"]


@pytest.mark.parametrize("broken", ["1", "NaN"])
def test_integers_beyond_64_bits_keep_their_digits(tmp_path: Path, broken: str) -> None:
    """Parcels told apart by 28 digits were one: their numbers were read as doubles. What orjson refuses is read by another parser."""
    names = [f"32050100000000000000000000{k:02d}" for k in (1, 2)]
    records = [f'{{"type":"Feature","geometry":null,"properties":{{"parcel":{n},"x":{broken},"y":{k}}}}}' for k, n in enumerate(names)]
    path = tmp_path / "n"
    path.write_text('{"type":"FeatureCollection","features":[' + ",".join(records) + "]}")
    for reader in (GeoJson("n", path, Limits()), GeoJsonSeq("n", "\n".join(records).encode(), Limits())):
        layer = reader.open(PartRequest(None, load_feature_types()["building"], "d"))
        (batch,) = layer.batches()
        assert batch.columns["parcel"].to_pylist() == names
        assert batch.columns["y"].to_pylist() == [0, 1]
