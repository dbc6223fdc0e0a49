"""A database per test, cloned from the migrated template."""

from collections.abc import Callable

import psycopg
from psycopg import sql

from twin.db import connection_string
from twin.migrations import prepare_database


def test_each_test_gets_a_migrated_database_of_its_own(new_database: Callable[[], str]) -> None:
    one, two = new_database(), new_database()
    with psycopg.connect(one, autocommit=True) as first, psycopg.connect(connection_string(two)) as second:
        first.execute("CREATE TABLE public.mine (n integer)")
        assert second.execute("SELECT to_regclass('public.mine')").fetchone() == (None,)
        assert second.execute("SELECT ST_SRID(ST_SetSRID(ST_Point(1, 2), 4490))").fetchone() == (4490,)
        assert second.execute("SELECT count(*) > 3 FROM pg_tables WHERE schemaname = 'catalog'").fetchone() == (True,)


def test_long_values_are_compressed_by_lz4_unless_somebody_wants_otherwise(new_database: Callable[[], str]) -> None:
    ours, theirs = new_database(), new_database()
    with psycopg.connect(theirs, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_toast_compression = pglz").format(name))
    for database_url, method in ((ours, "lz4"), (theirs, "pglz")):
        prepare_database(database_url)
        prepare_database(database_url)
        with psycopg.connect(connection_string(database_url)) as connection:
            connection.execute("CREATE TABLE public.long AS SELECT repeat('citytwin', 1000) AS value")
            assert connection.execute("SELECT pg_column_compression(value) FROM public.long").fetchone() == (method,)
