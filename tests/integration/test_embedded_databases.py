"""A database per test, cloned from the migrated template."""

from collections.abc import Callable

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

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


def test_long_values_are_compressed_by_lz4_in_a_database_of_somebody_else(new_database: Callable[[], str]) -> None:
    database_url = new_database()
    with psycopg.connect(database_url, autocommit=True) as owner:
        ours = sql.Identifier(f"guest_{owner.info.dbname}")
        database = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD 'guest'").format(ours))
        owner.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, ours))
        for schema in ("postgis", "catalog", "city", "history", "staging", "jobs"):
            owner.execute(sql.SQL("GRANT ALL ON SCHEMA {} TO {} WITH GRANT OPTION").format(sql.Identifier(schema), ours))
        owner.execute(sql.SQL("GRANT ALL ON postgis.spatial_ref_sys TO {}").format(ours))
        guest_url = make_conninfo(database_url, user=f"guest_{owner.info.dbname}", password="guest")
        try:
            prepare_database(guest_url)
            with psycopg.connect(guest_url) as guest:
                assert guest.execute("SHOW default_toast_compression").fetchone() == ("lz4",)
            with psycopg.connect(database_url) as other:
                assert other.execute("SHOW default_toast_compression").fetchone() == ("pglz",)
        finally:
            owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(ours))
