"""Keys of a row's other columns are written in the order in which PostgreSQL keeps those of jsonb."""

from __future__ import annotations

import json

import psycopg
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.extra import extra_column
from ingest.json_texts import in_jsonb_order


def test_names_are_in_the_order_of_jsonb(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:

        @settings(max_examples=60, deadline=None)
        @given(st.lists(st.sampled_from(["a", "B", "bb", "é", "屋顶", "高", "Z", "", "z\U00020000"]) | st.text(max_size=4), unique=True))
        def check(names: list[str]) -> None:
            names = [name for name in names if "\0" not in name]
            found = connection.execute("SELECT jsonb_object_keys(%s::jsonb)", (json.dumps(dict.fromkeys(names, 1)),)).fetchall()
            assert in_jsonb_order(names) == [key for (key,) in found]

        check()


def test_what_is_written_is_what_jsonb_gives_back(database_url: str) -> None:
    columns = {name: pa.array([name, None]) for name in ("height", "id", "高度", "b", "a", "NAME")}
    text = extra_column(columns, 2).to_pylist()[0]
    assert list(json.loads(text)) == ["a", "b", "id", "NAME", "height", "高度"]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT %s::jsonb::text", (text,)).fetchone() == (text.replace('":', '": ').replace(',"', ', "'),)
