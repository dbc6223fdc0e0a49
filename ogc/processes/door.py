"""The routes of OGC API - Processes: ``/processes…`` and ``/jobs…`` (18-062r2)."""

from __future__ import annotations

import asyncio
import time
import uuid
from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ogc import answers, links, negotiation
from ogc.formats import Formats
from ogc.kept_file import kept_file
from ogc.parameters import EVERYWHERE, bad_parameter, page_limit, single_values
from ogc.processes import documents
from ogc.processes.execution import execution_of, preference_of
from ogc.processes.export_area import EXPORT_AREA, export_area
from ogc.processes.job import Asker, Job, JobDesk, JobResult, NewJob
from ogc.processes.job_filter import JOBS, job_filter
from ogc.sender import Sender
from twin.errors import ForbiddenError, GoneError, NotFoundError, TwinError
from twin.model import Principal
from twin.query.collection import may_see

LARGEST_INLINE_BYTES = 16 << 20
"""What a results document holds by value; a larger archive is named by its address."""
_PRIVATE = {"Cache-Control": "private, no-cache"}
_FIRST_LOOK_S, _LOOKS_APART_S = 0.1, 1.0
_NO_SUCH_PROCESS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process"
_NO_SUCH_JOB = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job"
_NOT_READY = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/result-not-ready"


class ProcessDoor:
    """Takes jobs, tells how far they are and hands out what they made; nothing of them is done in this process."""

    def __init__(self, sender: Sender, desk: JobDesk, formats: Formats) -> None:
        self._sender = sender
        self._context = sender.context
        self._keeper = sender.keeper
        self._desk = desk
        self._formats = formats

    def routes(self) -> list[Route]:
        """Return the routes of this door."""
        return [
            Route("/processes", self.processes, methods=["GET"]),
            Route("/processes/{process}", self.process, methods=["GET"]),
            Route("/processes/{process}/execution", self.execute, methods=["POST"]),
            Route("/jobs", self.jobs, methods=["GET"]),
            Route("/jobs/{job}", self.job, methods=["GET", "DELETE"]),
            Route("/jobs/{job}/results", self.results, methods=["GET"]),
        ]

    async def processes(self, request: Request) -> Response:
        """The list of processes."""
        asked = await self._sender.begin(request, {"limit"})
        page_limit(asked.given.get("limit"))  # there is one process, and no limit below one
        document = documents.process_list(asked.base, negotiation.form(request), asked.language)
        return await self._sender.send(asked, document, "processes/index.html")

    async def process(self, request: Request) -> Response:
        """The description of a process."""
        asked = await self._sender.begin(request)
        _require_process(request)
        document = documents.process(asked.base, asked.visible, self._formats, negotiation.form(request), asked.language)
        return await self._sender.send(asked, document, "processes/process.html")

    async def execute(self, request: Request) -> Response:
        """Have a process done: answered with what it made or, asynchronously, with where to ask for it."""
        single_values(request.query_params.multi_items(), EVERYWHERE)
        _require_process(request)
        principal = self._context.principal_of(request)
        execution, preference = await execution_of(request), preference_of(request)
        visible = (await self._keeper.state(max_age_s=0)).visible(principal)
        # An area may be a megabyte: beside the event loop, so that nobody else waits for it.
        wanted = await asyncio.to_thread(export_area, execution.inputs, visible, self._formats)
        catalogue = self._context.catalogue

        def submitted() -> Job:
            commit = catalogue.last_commit() if wanted.as_of is None else catalogue.commit_as_of(wanted.as_of)
            asker = self._desk.asker_of(request)
            return self._desk.submit(
                NewJob(EXPORT_AREA, asker, principal.classes, commit, wanted.document, execution.response, execution.transmission)
            )

        job = await self._ended(await self._keeper.in_thread(submitted), preference.wait_s)
        address = f"{links.base_url(request)}/jobs/{job.id}"
        applied = {"Preference-Applied": preference.applied} if preference.applied else {}
        if preference.applied != "respond-async" and job.has_ended:
            made = await self._made(request, job)
            made.headers.update({**applied, "Link": ", ".join([*made.headers.getlist("link"), f'<{address}>; rel="monitor"'])})
            return made
        document = documents.status(job, links.base_url(request), "json", negotiation.language(request))
        return Response(orjson.dumps(document), 201, {**applied, "Location": address, "Cache-Control": "no-store"}, answers.JSON)

    async def jobs(self, request: Request) -> Response:
        """The jobs of whoever asks, the newest first."""
        asked = await self._sender.begin(request, JOBS)
        wanted = job_filter(asked.given)
        found = await self._keeper.in_thread(lambda: self._desk.listed(self._desk.asker_of(request), wanted))
        shown = found[: wanted.limit]
        following = shown[-1].number if len(found) > wanted.limit else None
        pairs, form = request.query_params.multi_items(), negotiation.form(request)
        document = documents.job_list(shown, asked.base, pairs, following, form, asked.language)
        return await self._sender.send(asked, document, "jobs/index.html", headers=_PRIVATE)

    async def job(self, request: Request) -> Response:
        """The state of a job; DELETE dismisses it."""
        if request.method == "DELETE":
            return await self._dismissed(request)
        asked = await self._sender.begin(request)
        job, _ = await self._found(request)
        document = documents.status(job, asked.base, negotiation.form(request), asked.language)
        return await self._sender.send(asked, document, "jobs/job.html", headers=_PRIVATE)

    async def _dismissed(self, request: Request) -> Response:
        """Stop a job, or forget what it made."""
        asked = await self._sender.begin(request)
        negotiation.form(request)  # refused before anything is done
        job, asker = await self._found(request)
        if job.asker != asker:
            raise ForbiddenError("only who asked for a job may dismiss it", zh="只有提交者可取消作业").with_code("not-your-job")
        dismissed = await self._keeper.in_thread(lambda: self._desk.dismiss(job.id))
        if dismissed is None:
            raise GoneError("the job was dismissed before", zh="该作业此前已取消").with_code("job-dismissed")
        document = documents.status(dismissed, asked.base, "json", asked.language)
        return await self._sender.send(asked, document, "jobs/job.html", headers=_PRIVATE)

    async def results(self, request: Request) -> Response:
        """What a job made, in the form it was asked for."""
        given = single_values(request.query_params.multi_items(), EVERYWHERE | {"as"})
        if given.get("as", "file") != "file":
            raise bad_parameter("as")
        job, _ = await self._found(request)
        if job.state in {"accepted", "running"}:
            raise _problem(NotFoundError("the job has not ended", zh="作业尚未完成"), "result-not-ready", _NOT_READY)
        return await self._made(request, job)

    async def _found(self, request: Request) -> tuple[Job, Asker]:
        """Return the job of the path and who asks; NotFoundError for what was asked for with a token that the caller does not hold."""
        try:
            wanted = uuid.UUID(request.path_params["job"])
        except ValueError:
            raise _no_such_job() from None

        def looked_up() -> tuple[Job | None, Asker]:
            return self._desk.one(wanted), self._desk.asker_of(request)

        job, asker = await self._keeper.in_thread(looked_up)
        if job is None or (job.asker.by_token and job.asker != asker):
            raise _no_such_job()
        return job, asker

    async def _ended(self, job: Job, wait_s: float) -> Job:
        """Return a job once it has ended, or as it is after ``wait_s``."""
        until = time.monotonic() + wait_s
        pause_s, look = _FIRST_LOOK_S, partial(self._desk.one, job.id)
        while not job.has_ended and (left_s := until - time.monotonic()) > 0:
            await asyncio.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, _LOOKS_APART_S)
            found = await self._keeper.in_thread(look)
            if found is None:
                break
            job = found
        return job

    async def _made(self, request: Request, job: Job) -> Response:
        """Return the results of a job that has ended, or raise why there are none."""
        if job.problem is not None:
            error = TwinError(job.problem.detail.en, zh=job.problem.detail.zh).with_code(job.problem.code)
            error.status = job.problem.status
            raise error
        if job.result is None:
            raise GoneError("the job was dismissed", zh="作业已取消").with_code("job-dismissed")
        await self._require_open(job, self._context.principal_of(request))
        address = f"{links.base_url(request)}/jobs/{job.id}/results"
        by_address = f"{address}?as=file"
        if request.query_params.get("as") == "file":
            return await self._file(request, job.result)
        if job.response == "raw" and job.transmission == "reference":
            link = f'<{by_address}>; rel="item"; type="{job.result.media_type}"'
            return Response(status_code=204, headers=answers.caching(None) | _PRIVATE | {"Link": link})
        if job.response == "raw":
            return await self._file(request, job.result)
        result, content = job.result, orjson.dumps(documents.reference(job.result, by_address))
        tag = answers.etag(request, result.sha256)
        if answers.unchanged(request, tag):
            return answers.not_modified(tag, _PRIVATE)
        if job.transmission == "value" and result.size <= LARGEST_INLINE_BYTES:
            held = await self._keeper.in_thread(lambda: self._desk.file(result).read_bytes())
            content = orjson.dumps(documents.by_value(result, held))
        return await answers.answer(request, content, answers.JSON, tag, _PRIVATE)

    async def _file(self, request: Request, result: JobResult) -> Response:
        headers = answers.caching(f'"{result.sha256}"') | _PRIVATE
        if answers.unchanged(request, headers["ETag"]):
            return answers.not_modified(headers["ETag"], headers)
        return await kept_file(partial(self._desk.file, result), result.media_type, headers, result.name)

    async def _require_open(self, job: Job, principal: Principal) -> None:
        """Raise NotFoundError when the caller may no longer see one of the collections in the result."""
        collections = (await self._keeper.state(max_age_s=0)).collections
        named = job.inputs.get("collections", [])
        for slug in map(str, named if isinstance(named, list) else [named]):
            if slug not in collections or not may_see(collections[slug], principal):
                raise _no_such_job()


def _require_process(request: Request) -> None:
    if request.path_params["process"] != EXPORT_AREA:
        raise _problem(NotFoundError("there is no such process", zh="没有该处理过程"), "no-such-process", _NO_SUCH_PROCESS)


def _no_such_job() -> TwinError:
    return _problem(NotFoundError("there is no such job", zh="没有该作业"), "no-such-job", _NO_SUCH_JOB)


def _problem(error: TwinError, code: str, uri: str) -> TwinError:
    error.extra = {"type": uri}
    return error.with_code(code)
