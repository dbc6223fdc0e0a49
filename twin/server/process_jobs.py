"""Jobs of OGC API - Processes: kept in the database, run by the worker under a lease, their results in the store for a time."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from starlette.requests import HTTPConnection

from ogc.processes.job import Asker, Job, JobFilter, JobResult, NewJob, Problem
from twin.db import load_queries, translated
from twin.errors import NotFoundError, Text, TooManyRequestsError, TwinError
from twin.model import SharingClass
from twin.server.access import token_of
from twin.server.city import City
from twin.tokens import Tokens

QUERIES = load_queries("twin.sql", "process_jobs.sql")
RESULTS = "results"
"""Folder of the store that holds what jobs made."""
KEPT_DAYS = 7
"""How long an ended job and its result are kept."""
MOST_OF_AN_ADDRESS, MOST_OF_A_TOKEN = 3, 10
"""Jobs that one asker may have unfinished."""
MOST_OF_ALL, MOST_WITHOUT_TOKEN = 200, 150
"""Jobs that may be unfinished altogether; the places between the two are kept for those who have a token."""
MOST_KEPT_BYTES = 20 << 30
"""Size of all results that are kept for one asker."""


class ProcessJobs:
    """The desk at which the OGC door hands in jobs."""

    def __init__(self, city: City, tokens: Tokens, wake: Callable[[], None]) -> None:
        self._city = city
        self._tokens = tokens
        self._wake = wake

    def asker_of(self, request: HTTPConnection) -> Asker:
        """Return the holder of the token that a request carries, without one whoever is at its network address."""
        if "authorization" in request.headers:
            return Asker(f"token:{token_of(request, self._tokens).name}", by_token=True)
        address = request.client.host if request.client else ""
        key = self._city.deployment.oid_root.encode()[:64]
        return Asker(f"address:{hashlib.blake2b(address.encode(), key=key, digest_size=12).hexdigest()}", by_token=False)

    def submit(self, wanted: NewJob) -> Job:
        """Keep a job and wake the worker; TooManyRequestsError when enough is waited for already, or kept for its asker."""
        identifier = uuid.uuid4()
        values = {
            "id": identifier,
            "process": wanted.process,
            "asker": wanted.asker.key,
            "classes": sorted(wanted.classes),
            "commit": wanted.commit,
            "inputs": Jsonb(dict(wanted.inputs)),
            "response": wanted.response,
            "transmission": wanted.transmission,
        }
        with translated(), self._city.pool.connection() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('process_job'))")  # two at once do not both take the last place
            load = connection.execute(QUERIES["load"], {"asker": wanted.asker.key}).fetchone()
            _require_room(wanted.asker, load or (0, 0, 0, 0))
            connection.execute(QUERIES["submit"], values)
        self._wake()
        job = self.one(identifier)
        if job is None:
            raise NotFoundError("there is no such job", zh="没有该作业")
        return job

    def one(self, job: uuid.UUID) -> Job | None:
        """Return a job, None when there is none of that id."""
        found = self._jobs("one", {"id": job})
        return found[0] if found else None

    def listed(self, asker: Asker, wanted: JobFilter) -> tuple[Job, ...]:
        """Return jobs of an asker, the newest first, one more than the limit where there are more.

        Without a token none: many may share a network address, and whoever knows the id of a job gets it by that.
        """
        if not asker.by_token:
            return ()
        values = {
            "asker": asker.key,
            "before": wanted.before,
            "processes": list(wanted.processes) or None,
            "states": list(wanted.states) or None,
            "created_from": wanted.created_from,
            "created_to": wanted.created_to,
            "least_s": wanted.least_duration_s,
            "most_s": wanted.most_duration_s,
            "limit": wanted.limit + 1,
        }
        return self._jobs("listed", values)

    def dismiss(self, job: uuid.UUID) -> Job | None:
        """Stop a job, or forget its result when it has ended; return it as it is then, None when it was dismissed before."""
        with translated(), self._city.pool.connection() as connection:
            dismissed = connection.execute(QUERIES["dismiss"], {"id": job}).fetchone()
        if dismissed is None:
            return None
        if dismissed[0] is not None:
            self._city.store.delete(dismissed[0])
        return self.one(job)

    def file(self, result: JobResult) -> Path:
        """Return a file of this machine with a result; NotFoundError when it has been forgotten."""
        return self._city.store.file(result.key, unchanging=True)

    def _jobs(self, query: str, values: Mapping[str, object]) -> tuple[Job, ...]:
        with translated(), self._city.pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return tuple(job_of(row) for row in cursor.execute(QUERIES[query], values).fetchall())


def result_key(job: uuid.UUID, fencing: int) -> str:
    """Return where the result of a run lies in the store: two runs of a job never write the same object."""
    return f"{RESULTS}/{job}-{fencing}.zip"


def problem_document(error: TwinError) -> Mapping[str, object]:
    """Return what is kept of why a job failed."""
    return {"status": error.status, "code": error.code, "zh": error.text.zh, "en": error.text.en}


def result_document(result: JobResult) -> Mapping[str, object]:
    """Return what is kept of what a job made."""
    return asdict(result)


def job_of(row: Mapping[str, Any]) -> Job:
    """Return the job of a row of ``catalog.process_job``."""
    finished, problem = row["finished_at"], row["problem"]
    return Job(
        id=row["id"],
        number=row["number"],
        process=row["process"],
        asker=Asker(row["asker"], by_token=row["asker"].startswith("token:")),
        classes=frozenset(SharingClass(name) for name in row["classes"]),
        commit=row["commit"],
        inputs=row["inputs"],
        response=row["response"],
        transmission=row["transmission"],
        state=row["state"],
        progress=row["progress"],
        message=Text(row["message"]["zh"], row["message"]["en"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=finished,
        changed_at=row["changed_at"],
        expires_at=None if finished is None else finished + dt.timedelta(days=KEPT_DAYS),
        result=None if row["result"] is None else JobResult(**row["result"]),
        problem=None if problem is None else Problem(problem["status"], problem["code"], Text(problem["zh"], problem["en"])),
    )


def _require_room(asker: Asker, load: tuple[Any, ...]) -> None:
    own, all_of_them, without_token, kept_bytes = load
    most = MOST_OF_A_TOKEN if asker.by_token else MOST_OF_AN_ADDRESS
    if own >= most:
        raise TooManyRequestsError(f"{most} of your jobs have not ended: wait for one of them", zh=f"已有 {most} 个作业未完成，请稍候")
    if all_of_them >= MOST_OF_ALL or (not asker.by_token and without_token >= MOST_WITHOUT_TOKEN):
        raise TooManyRequestsError("too many jobs wait; try again later", zh="等待中的作业过多，请稍后再试")
    if kept_bytes >= MOST_KEPT_BYTES:
        raise TooManyRequestsError(
            f"results of {kept_bytes >> 30} GB are kept for you: dismiss some",
            zh=f"已保留 {kept_bytes >> 30} GB 结果，请先取消一些作业",
        ).with_code("results-quota")
