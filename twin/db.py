"""Connections to PostGIS, named SQL, and the one place where driver errors become ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from types import MappingProxyType
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, TooManyRequests

from twin.errors import BadRequestError, ConflictError, StorageFullError, TwinError, UnavailableError

SEARCH_PATH = "city, catalog, postgis, public"
"""Schemas every connection looks in; PostGIS has one of its own so that nobody lists its functions as ours."""

Connection = psycopg.Connection[tuple[Any, ...]]
Pool = ConnectionPool[Connection]

_NAME_LINE = re.compile(r"^--\s*name:\s*(\w+)\s*$", re.MULTILINE)


def load_queries(package: str, file: str = "queries.sql") -> Mapping[str, sql.SQL]:
    """Return the queries of a ``.sql`` file by name; each begins with a line ``-- name: its_name``.

    Identifiers in them are ``{placeholders}`` for :mod:`psycopg.sql`, values are ``%(named)s``.
    """
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    pieces = _NAME_LINE.split(text)[1:]
    queries = {name: sql.SQL(cast("LiteralString", body.strip())) for name, body in zip(pieces[::2], pieces[1::2], strict=True)}
    return MappingProxyType(queries)


def connection_string(
    database_url: str,
    *,
    application: str = "twin",
    statement_timeout_s: float = 0,
    role: str | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return a conninfo that sets search path, time limit, role and further ``settings`` on every connection made with it."""
    options = [f"-c search_path={SEARCH_PATH.replace(' ', '')}", "-c timezone=UTC", "-c datestyle=ISO"]
    if statement_timeout_s:
        options.append(f"-c statement_timeout={int(statement_timeout_s * 1000)}")
    if role:
        options.append(f"-c role={role}")
    options += [f"-c {name}={value}" for name, value in settings.items()]
    return make_conninfo(database_url, application_name=application, options=" ".join(options), connect_timeout=10)


def open_pool(
    database_url: str,
    *,
    size: int = 4,
    statement_timeout_s: float = 0,
    application: str = "twin",
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Pool:
    """Return an open pool of at most ``size`` connections, with further ``settings`` on each."""
    conninfo = connection_string(database_url, application=application, statement_timeout_s=statement_timeout_s, settings=settings)
    pool: Pool = ConnectionPool(conninfo, min_size=1, max_size=size, open=False, timeout=30)
    pool.open()
    return pool


def connect_beside(pool: Pool) -> Connection:
    """Return a connection of its own to where a pool's connections go; for what is held long, so that it takes none of the pool's."""
    return psycopg.connect(conninfo_of(pool))


def conninfo_of(pool: Pool) -> str:
    """Return what the connections of a pool are opened with."""
    conninfo = pool.conninfo
    return conninfo if isinstance(conninfo, str) else conninfo()


@contextmanager
def translated() -> Iterator[None]:
    """Turn driver errors inside the block into TwinErrors that say what happened, without SQL in the text."""
    try:
        yield
    except TwinError:
        raise
    except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory) as error:
        raise StorageFullError("the database has no room left; nothing was changed", zh="数据库空间不足，未作任何改动") from error
    except psycopg.errors.QueryCanceled as error:
        raise UnavailableError("the query took longer than this door allows", zh="查询超时") from error
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError("another change got there first; try again", zh="与另一更改冲突，请重试") from error
    except (psycopg.errors.DataError, psycopg.errors.UntranslatableCharacter) as error:
        raise BadRequestError(f"the database cannot take a value: {_first_line(error)}", zh="数据库无法计算或接受某个值") from error
    except TooManyRequests as error:
        raise overloaded() from error
    except psycopg.OperationalError as error:
        raise UnavailableError(f"the database does not answer: {_first_line(error)}", zh="数据库无响应") from error


def overloaded() -> UnavailableError:
    """Return the error that too many wait for a connection already."""
    return UnavailableError("too many requests wait for an answer; try again", zh="请求过多，请稍后重试").with_code("overloaded")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
