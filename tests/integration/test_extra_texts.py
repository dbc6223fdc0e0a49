"""What no field takes of a row: JSON as it was written, which PostgreSQL can be asked into, whatever a file says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import orjson
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from alembic import command
from alembic.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

import twin.migrations
from ingest.frames import Beside, BrokenFrameError, decode_batch
from ingest.json_texts import are_texts_of_postgresql, without_nul
from ingest.protocol import PartBatch, PartRequest, ReadRequest, batch_schema
from ingest.rollback import rollback
from tests.integration.surveys import Row, Surveys, square
from tests.reading import read_file
from twin.errors import ConflictError, RejectedError
from twin.featuretypes.loader import load_feature_types
from twin.migrations import migrate
from twin.model import Principal
from twin.query.collection import collection_of
from twin.query.column_batches import stream_columns
from twin.query.feature_query import FeatureQuery

PIECES = ("a", " ", "高", "\\\\", "\\", "\\n", "u0000", "\\u0000", "\\u0041", "\\ud83d", "\\uDE00", "\\uD83D\\ude00", "\\u001f")
BUILDING = load_feature_types()["building"]
SQUARE = [[116.30, 39.90], [116.3002, 39.90], [116.3002, 39.9002], [116.30, 39.9002], [116.30, 39.90]]


def _is_taken(connection: psycopg.Connection, text: str, sql_type: str) -> bool:
    try:
        connection.execute(f"SELECT %s::{sql_type}", (text,))
    except psycopg.DataError:
        return False
    return True


def test_a_text_is_kept_where_postgresql_can_be_asked_into_it(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:

        @settings(max_examples=300, deadline=None)
        @given(st.lists(st.sampled_from(PIECES), max_size=8))
        def check(pieces: list[str]) -> None:
            text = f'{{"a{"".join(pieces)}":["{"".join(pieces)}"]}}'
            if _is_taken(connection, text, "json"):
                assert are_texts_of_postgresql(pa.array([None, "{}", text])) == _is_taken(connection, text, "jsonb")

        check()


@given(st.recursive(st.none() | st.text(st.sampled_from('a\0\\u0"高\n'), max_size=8), lambda v: st.lists(v, max_size=3), max_leaves=6))
def test_json_loses_its_nuls_and_nothing_else(value: object) -> None:
    def expected(v: object) -> object:
        return v.replace("\0", "") if isinstance(v, str) else [expected(w) for w in v] if isinstance(v, list) else v

    for written in (json.dumps(value), orjson.dumps(value).decode()):
        (text,) = without_nul(pa.array([written])).to_pylist()
        assert json.loads(text) == expected(value)
        assert are_texts_of_postgresql(pa.array([text]))


def test_a_reader_that_sends_half_a_character_is_not_believed() -> None:
    schema = batch_schema(BUILDING)

    def batch(extra: str) -> PartBatch:
        rows = pa.RecordBatch.from_pylist([{"row": 1, "natural_key": "k", "geom": b"g", "extra": extra}], schema=schema)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(rows)
        return decode_batch(Beside(findings=b'["d",[]]'), sink.getvalue().to_pybytes(), {"d": schema})

    assert batch(r'{"a":"\\u0000 \\ud800 \u0001"}').table.column("extra").to_pylist() == [r'{"a":"\\u0000 \\ud800 \u0001"}']
    for extra in (r'{"a":"\u0000"}', r'{"a\ud800":1}', r'{"a":["\ude00\ud83d"]}'):
        with pytest.raises(BrokenFrameError):
            batch(extra)


VALUES = (
    r'"NUL \u0000 here"', r'"C:\\u0000"', r'["list \u0000", {"k\u0000": null}]', r'"\ud83d\ude00 \u001f \/"', "1e300", "-0", "-0.0", "1E+2",
    "123456789012345678901234567890", "0.1000", "12345678901234567.25", "true", '"高 \\"x\\""', "[]", "[[],{}]",
)  # fmt: skip
ATTRIBUTES = ",".join(f'"note{k}":{value}' for k, value in enumerate(VALUES))


def _geojson_feature(attributes: str) -> str:
    geometry = json.dumps({"type": "Polygon", "coordinates": [SQUARE]})
    return f'{{"type":"Feature","properties":{{"name":"甲",{attributes}}},"geometry":{geometry}}}'


def _geojson(folder: Path, attributes: str = ATTRIBUTES) -> Path:
    path = folder / "a.geojson"
    path.write_text(f'{{"type":"FeatureCollection","features":[{_geojson_feature(attributes)}]}}', "utf-8")
    return path


def _geojson_sequence(folder: Path, attributes: str = ATTRIBUTES) -> Path:
    path = folder / "a.geojsonl"
    path.write_text(f"{_geojson_feature(attributes)}\n{_geojson_feature(attributes)}\n", "utf-8")
    return path


def _geoparquet(folder: Path) -> Path:
    polygon = shapely.Polygon(SQUARE)
    values = [json.loads(value) for value in VALUES]
    columns = {f"note{k}": pa.array([[{"k": "\0", "list": ["a\0", json.dumps(value)]}]]) for k, value in enumerate(values)}
    columns |= {"note0": pa.array([values[0]]), "note1": pa.array([values[1]])}
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "geometry_types": ["Polygon"]}}}
    table = pa.table({"geometry": [polygon.wkb], **columns}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, folder / "a.parquet")
    return folder / "a.parquet"


def _city_objects(attributes: str) -> str:
    outline = '{"type":"MultiSurface","lod":"0","boundaries":[[[0,1,2,3]]]}'
    whole = f'{{"type":"Building","attributes":{{{attributes}}},"children":["p"],"geometry":[{outline}]}}'
    part = f'{{"type":"BuildingPart","attributes":{{{attributes}}},"parents":["b"],"geometry":[]}}'
    return f'"CityObjects":{{"b":{whole},"p":{part}}},"vertices":[[0,0,0],[9000,0,0],[9000,9000,0],[0,9000,0]]'


_HEAD = (
    '"version":"2.0","transform":{"scale":[0.001,0.001,0.001],"translate":[500000,4400000,0]},'
    '"metadata":{"referenceSystem":"https://www.opengis.net/def/crs/EPSG/0/32650"}'
)


def _cityjson(folder: Path, attributes: str = ATTRIBUTES) -> Path:
    path = folder / "a.city.json"
    path.write_text(f'{{"type":"CityJSON",{_HEAD},{_city_objects(attributes)}}}', "utf-8")
    return path


def _cityjson_sequence(folder: Path, attributes: str = ATTRIBUTES) -> Path:
    path = folder / "a.city.jsonl"
    feature = f'{{"type":"CityJSONFeature","id":"b",{_city_objects(attributes)}}}'
    path.write_text(f'{{"type":"CityJSON",{_HEAD},"CityObjects":{{}},"vertices":[]}}\n{feature}\n', "utf-8")
    return path


@pytest.mark.parametrize("written", [_geojson, _geojson_sequence, _geoparquet, _cityjson, _cityjson_sequence])
def test_whatever_json_a_file_has_postgresql_can_be_asked_into_it(
    written: Callable[[Path], Path], tmp_path: Path, database_url: str
) -> None:
    request = ReadRequest(written(tmp_path), (PartRequest(None, BUILDING, "d"),), storage_srid=32650)
    texts = [t for m in read_file(request) if isinstance(m, PartBatch) for t in m.table.column("extra").to_pylist()]
    assert texts
    with psycopg.connect(database_url) as connection:
        for text in texts:
            (kept, note) = connection.execute("SELECT %(t)s::json::jsonb, %(t)s::json ->> 'note0'", {"t": text}).fetchone() or ()
            assert note == "NUL  here"
            assert {f"note{k}" for k in range(len(VALUES))} <= set(kept) == set(json.loads(text))
            assert orjson.loads(text) == json.loads(text)


@pytest.mark.parametrize("written", [_geojson, _geojson_sequence, _cityjson, _cityjson_sequence])
def test_no_row_has_half_a_character(written: Callable[[Path, str], Path], tmp_path: Path) -> None:
    path = written(tmp_path, r'"note":"half \ud800 x","l":["\udc00"]')
    rows = []
    with contextlib.suppress(RejectedError):
        rows = [
            m.table.num_rows
            for m in read_file(ReadRequest(path, (PartRequest(None, BUILDING, "d"),), storage_srid=32650))
            if isinstance(m, PartBatch)
        ]
    assert sum(rows) == 0


SPELLED = '{"b":1.10,"a":"高 \\" \\\\","n":123456789012345678901234567890,"none":null}'


def _types(connection: psycopg.Connection) -> set[str]:
    names = connection.execute(
        "SELECT DISTINCT format_type(a.atttypid, NULL) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
        " WHERE a.attname = 'extra' AND c.relnamespace::regnamespace::text IN ('city', 'history', 'staging') AND c.relkind IN ('r', 'p')"
    ).fetchall()
    return {str(name) for (name,) in names}


def house(key: str, x: float, height_m: float = 9.0, extra: str | None = SPELLED) -> Row:
    return Row(square(x, 0), {"building_id": key, "height_m": height_m}, extra=extra)


def test_a_row_that_came_back_is_no_change_however_its_extra_is_spelled(surveys: Surveys) -> None:
    other = json.dumps({"a": '高 " \\', **json.loads(SPELLED)}, indent=1)
    for height_m, extra in ((9.0, SPELLED), (12.0, SPELLED), (9.0, other)):
        surveys.load({"houses": ("building", [house("a", 0, height_m, extra)])})
    assert surveys.state("houses", "extra::text")["a"][2] == other
    assert rollback(surveys.catalogue, 1, "tester", "", lambda extent: extent).commit is None
    for height_m, extra in ((12.0, other), (9.0, '{"b":2}')):
        surveys.load({"houses": ("building", [house("a", 0, height_m, extra)])})
    assert rollback(surveys.catalogue, 1, "tester", "", lambda extent: extent).commit == 6
    assert surveys.state("houses", "extra::text")["a"][2] == SPELLED


def test_databases_of_before_keep_what_they_have(surveys: Surveys, database_url: str) -> None:
    """Up from jsonb and down to it, with what is published, closed and waiting to be published."""
    config = Config()
    config.set_main_option("script_location", str(Path(twin.migrations.__file__).parent))
    config.attributes["database_url"] = database_url

    surveys.load({"houses": ("building", [house("a", 0), house("b", 20, extra=None)])})
    surveys.load({"houses": ("building", [house("a", 0, 12.0), house("b", 20, extra=None)])})
    new, changed = (
        surveys.check({"sheds": ("building", [house("s", 90)])}),
        surveys.check({"houses": ("building", [house("a", 0, 15.0)])}, mode="delta"),
    )
    with surveys.catalogue.pool.connection() as connection:
        assert _types(connection) == {"json"}
        assert surveys.state("houses", "extra::text")["a"][2] == SPELLED
    command.downgrade(config, "0016")
    with surveys.catalogue.pool.connection() as connection:
        assert _types(connection) == {"jsonb"}
        assert connection.execute("SELECT extra FROM history.building WHERE natural_key = 'a'").fetchone() == (json.loads(SPELLED),)
    command.upgrade(config, "head")
    with surveys.catalogue.pool.connection() as connection:
        assert _types(connection) == {"json"}
    surveys.publish(new)
    surveys.publish(changed)
    kept = {**surveys.state("houses", "extra", "height_m"), **surveys.state("sheds", "extra", "height_m")}
    assert {key: row[2:] for key, row in kept.items()} == {
        "a": (json.loads(SPELLED), 15.0), "b": (None, 9.0), "s": (json.loads(SPELLED), 9.0),
    }  # fmt: skip


def test_a_rollback_is_not_refused_for_what_jsonb_has_no_room_for(surveys: Surveys) -> None:
    before = '{"n":1e200000}'
    for height_m, extra in ((9.0, before), (12.0, before), (9.0, '{"n": 1e200000}')):
        surveys.load({"houses": ("building", [house("a", 0, height_m, extra)])})
    assert rollback(surveys.catalogue, 1, "tester", "", lambda extent: extent).commit == 4
    assert surveys.state("houses", "extra::text")["a"][2] == before


def test_numbers_that_have_no_room_leave_as_texts(surveys: Surveys) -> None:
    surveys.load({"houses": ("building", [house("a", 0, 9.0, '{"i":12345678901234567890123,"x":[1e400],"n":7}')])})
    catalogue = surveys.catalogue
    collection = collection_of(catalogue, catalogue.deployment, catalogue.dataset("houses"))
    assert collection is not None
    with catalogue.pool.connection() as connection:
        (batch,) = stream_columns(connection, FeatureQuery(collection, collection.crs[0]), Principal.system(), ("extra",))
    expected = {"i": "12345678901234567890123", "x": ["1e400"], "n": 7}
    assert orjson.loads(orjson.dumps(batch.columns["extra"][0])) == expected


def test_views_that_stand_in_the_way_are_named(surveys: Surveys, database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(twin.migrations.__file__).parent))
    config.attributes["database_url"] = database_url
    surveys.load({"houses": ("building", [house("a", 0)])})
    command.downgrade(config, "0016")
    made = ("CREATE VIEW public.mine AS SELECT * FROM city.building", "CREATE INDEX my_index ON city.building USING gin (extra)")
    for statement, name in zip(made, ("mine", "my_index"), strict=True):
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(statement)
        with pytest.raises(ConflictError, match=name):
            migrate(database_url)
        with psycopg.connect(database_url, autocommit=True) as connection:
            assert _types(connection) == {"jsonb"}
            connection.execute(f"DROP {statement.split()[1]} {'city.my_index' if name == 'my_index' else 'public.mine'}")
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        assert _types(connection) == {"json"}
