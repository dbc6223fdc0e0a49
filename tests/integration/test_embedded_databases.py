"""A database per test, cloned from the migrated template."""

from collections.abc import Callable

import psycopg

from twin.db import connection_string


def test_each_test_gets_a_migrated_database_of_its_own(new_database: Callable[[], str]) -> None:
    one, two = new_database(), new_database()
    with psycopg.connect(one, autocommit=True) as first, psycopg.connect(connection_string(two)) as second:
        first.execute("CREATE TABLE public.mine (n integer)")
        assert second.execute("SELECT to_regclass('public.mine')").fetchone() == (None,)
        assert second.execute("SELECT ST_SRID(ST_SetSRID(ST_Point(1, 2), 4490))").fetchone() == (4490,)
        assert second.execute("SELECT count(*) > 3 FROM pg_tables WHERE schemaname = 'catalog'").fetchone() == (True,)
