"""Jobs of OGC API - Processes are run, in the worker: under a lease, stopped when dismissed, begun anew when a worker was lost."""

from __future__ import annotations

import contextlib
import errno
import logging
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from ogc.formats import Formats
from ogc.processes.archive import MEDIA_TYPE
from ogc.processes.export_area import export_area
from ogc.processes.export_run import ExportRun, write_export
from ogc.processes.job import Job, JobResult
from twin.db import Connection, connect_beside, translated
from twin.errors import StorageFullError, Text, TwinError
from twin.model import Principal
from twin.query.collection import collections_of, may_see
from twin.server.city import City
from twin.server.cityjson.formats import cityjson_formats
from twin.server.lease_thread import prolonged
from twin.server.process_jobs import KEPT_DAYS, QUERIES, RESULTS, job_of, problem_document, result_document, result_key
from twin.store import sha256_of

MAX_ATTEMPTS = 3
LEASE_S = 30.0
LONGEST_STATEMENT_S = 3600.0
"""How long the database may take for the features of one collection."""
_LOOK_S = 2.0
"""How soon a dismissed job stops, how often its lease is prolonged and its progress is told."""
_YOUNG_S = 86_400.0
_FULL = (errno.ENOSPC, errno.EDQUOT)
_LOG = logging.getLogger("twin.process_runs")
_GIVEN_UP = Text(
    zh=f"作业中断 {MAX_ATTEMPTS} 次，未能完成；请重试或联系管理员",
    en=f"the job was interrupted {MAX_ATTEMPTS} times and has not come to an end; try again, or ask the operator",
)
_DONE = Text(zh="已完成", en="done")


class StoppedError(Exception):
    """The job was dismissed, or somebody else has taken it over."""


def waiting_jobs(city: City) -> tuple[uuid.UUID, ...]:
    """Return the jobs that nobody runs, oldest first."""
    with translated(), city.pool.connection() as connection:
        return tuple(row[0] for row in connection.execute(QUERIES["waiting"]).fetchall())


def run_job(city: City, identifier: uuid.UUID) -> None:
    """Do the job ``identifier`` unless somebody else does, or nobody waits for it any more.

    What is the caller's fault ends as state failed with its reason. What is ours (the database gone, the disk full) is tried again by the
    reconciler, until the job has been begun three times; so is a job whose worker was killed, once its lease has ended.
    """
    with translated(), city.pool.connection() as connection:
        claimed = connection.execute(QUERIES["claim"], {"id": identifier, "lease_s": LEASE_S}).fetchone()
    if claimed is None:
        return
    run = _Run(city, identifier, *claimed)
    if run.attempt > MAX_ATTEMPTS:
        run.fail(TwinError(_GIVEN_UP.en, zh=_GIVEN_UP.zh).with_code("job-interrupted"))
        return
    try:
        with run.kept():
            run.succeed(_made(city, run))
    except StoppedError:
        _LOG.info("job %s was stopped", identifier)
    except TwinError as error:
        if error.status >= 500 and run.attempt < MAX_ATTEMPTS and not isinstance(error, StorageFullError):
            run.give_back()
            raise
        run.fail(error)
    except OSError as error:
        if error.errno not in _FULL:
            run.fail(TwinError("something went wrong on our side", zh="内部错误"))
            raise
        run.fail(StorageFullError("there is no room for the result", zh="磁盘空间不足，无法保存结果"))
    except Exception:  # whatever it is, nobody waits for the job for ever
        run.fail(TwinError("something went wrong on our side", zh="内部错误"))
        raise


def sweep_jobs(city: City) -> None:
    """Forget ended jobs and their results after their time, and results that no job names."""
    with translated(), city.pool.connection() as connection:
        connection.execute(QUERIES["forget"], {"older_s": KEPT_DAYS * 86_400.0})
        named = {row[0] for row in connection.execute(QUERIES["named"]).fetchall()}
    before_ns = time.time_ns() - int(_YOUNG_S * 1e9)
    city.store.delete_all([held.key for held in city.store.entries(RESULTS) if held.key not in named and held.modified_ns < before_ns])


class _Run:
    """One attempt at a job, by its fencing number."""

    def __init__(self, city: City, identifier: uuid.UUID, fencing: int, attempt: int) -> None:
        self._city = city
        self._values: Mapping[str, object] = {"id": identifier, "fencing": fencing}
        self.identifier = identifier
        self.fencing = fencing
        self.attempt = attempt
        self._told = (0, 1, Text("", ""))
        self._reader: Connection | None = None
        self.is_lost = False
        """Whether the job was dismissed, or somebody else has taken it over."""

    @contextmanager
    def reading(self, connection: Connection) -> Iterator[None]:
        """Have what ``connection`` reads in the block counted as done, and cancelled when the job is to be done no more."""
        self._reader = connection
        try:
            yield
        except (TwinError, psycopg.Error):
            if self.is_lost:
                raise StoppedError from None
            raise
        finally:
            self._reader = None

    def job(self) -> Job:
        """Return the job as it is."""
        with translated(), self._city.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(QUERIES["one"], {"id": self.identifier}).fetchone()
        if row is None:
            raise StoppedError
        return job_of(row)

    def tell(self, done: int, whole: int, message: Text) -> None:
        """Say how far it is; StoppedError once it is to be done no more."""
        self._told = (done, whole, message)
        if self.is_lost or not self._note():
            raise StoppedError

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Prolong the lease while the block runs, from a thread beside it, and stop what is done when the lease is lost.

        When this process ends, however it does, the lease ends by itself.
        """

        def keep() -> bool:
            self.is_lost = self.is_lost or not self._is_mine("keep", {"lease_s": LEASE_S})
            self._look_at(self._reader)
            return True

        with prolonged("lease of a job", _LOOK_S, keep):
            yield

    def succeed(self, result: JobResult) -> None:
        """Register what was made; it is removed again when the job was dismissed meanwhile."""
        values = {"state": "successful", "message": _text(_DONE), "result": Jsonb(dict(result_document(result))), "problem": None}
        if not self._is_mine("finish", values):
            self._city.store.delete(result.key)
            raise StoppedError

    def fail(self, error: TwinError) -> None:
        """Register why it failed."""
        self._is_mine(
            "finish", {"state": "failed", "message": _text(error.text), "result": None, "problem": Jsonb(dict(problem_document(error)))}
        )

    def give_back(self) -> None:
        """Have it wait for another attempt."""
        with translated(), self._city.pool.connection() as connection:
            connection.execute(QUERIES["give_back"], self._values)

    def _look_at(self, reader: Connection | None) -> None:
        """Say how many rows are read by now or, when the job is lost, cancel the reading: again and again, it may not have begun."""
        if reader is None:
            return
        with contextlib.suppress(psycopg.Error):  # it ends just now
            if self.is_lost:
                reader.cancel()
                return
            with translated(), self._city.pool.connection() as connection:
                row = connection.execute(QUERIES["copied"], {"pid": reader.info.backend_pid}).fetchone()
            self._note(row[0] if row else 0)

    def _note(self, reading: int = 0) -> bool:
        """Write down how far it is, ``reading`` features beyond what was told; False when somebody else has the job."""
        done, whole, message = self._told
        progress = min(99, 100 * (done + reading) // max(1, whole))
        return self._is_mine("note", {"progress": progress, "message": _text(message)})

    def _is_mine(self, query: str, values: Mapping[str, object]) -> bool:
        with translated(), self._city.pool.connection() as connection:
            return connection.execute(QUERIES[query], {**self._values, **values}).fetchone() is not None


def _made(city: City, run: _Run) -> JobResult:
    """Write the result of a job into the store."""
    job = run.job()
    principal = Principal(job.asker.key, job.classes)
    city.catalogue.refresh()
    visible = {slug: found for slug, found in collections_of(city.catalogue).items() if may_see(found, principal)}
    order = export_area(job.inputs, visible, Formats(cityjson_formats(city)))
    export = ExportRun(str(job.id), order, job.commit, principal)
    with tempfile.TemporaryDirectory(dir=city.store.scratch, prefix=".export-") as folder:
        path = Path(folder) / "archive.zip"
        with _reading(city, run) as connection, path.open("wb") as file:
            write_export(export, city.catalogue, connection, Path(folder), file, run.tell)
        size, sha256 = path.stat().st_size, sha256_of(path)
        run.tell(1, 1, Text(zh="保存结果", en="storing the result"))
        key = result_key(job.id, run.fencing)
        city.store.adopt(key, path)
    return JobResult(key, f"{job.process}-{job.created_at:%Y%m%d-%H%M%S}.zip", MEDIA_TYPE, size, sha256)


@contextmanager
def _reading(city: City, run: _Run) -> Iterator[Connection]:
    """Yield a connection of the job's own."""
    with translated(), connect_beside(city.pool) as connection:
        connection.autocommit = True
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (f"{int(LONGEST_STATEMENT_S)}s",))
        with run.reading(connection):
            yield connection


def _text(text: Text) -> Jsonb:
    return Jsonb({"zh": text.zh, "en": text.en})
