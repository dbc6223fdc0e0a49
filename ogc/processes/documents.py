"""Status of jobs, lists of jobs and processes, results: the documents of OGC API - Processes (18-062r2); pure."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable, Mapping

from ogc import answers, links
from ogc.formats import Formats
from ogc.processes.execution import OUTPUT
from ogc.processes.export_area import EXPORT_AREA
from ogc.processes.export_area_description import description, summary
from ogc.processes.job import Job, JobResult
from twin.query.collection import Collection

Document = dict[str, object]
_RELATION = "http://www.opengis.net/def/rel/ogc/1.0/"
EXECUTE, PROCESSES, JOBS, RESULTS = (_RELATION + name for name in ("execute", "processes", "job-list", "results"))


def process_list(base_url: str, form: str, language: str) -> Document:
    """Return the list of processes: one."""
    address = f"{base_url}/processes"
    one = links.link(f"{address}/{EXPORT_AREA}", "self", answers.JSON, EXPORT_AREA)
    return {
        "processes": [{**summary(language), "links": [one]}],
        "links": links.self_and_alternate(address, [], form, answers.JSON, language),
    }


def process(base_url: str, visible: Mapping[str, Collection], formats: Formats, form: str, language: str) -> Document:
    """Return the description of the process."""
    address = f"{base_url}/processes/{EXPORT_AREA}"
    made = links.self_and_alternate(address, [], form, answers.JSON, language)
    made.append(links.link(f"{address}/execution", EXECUTE, answers.JSON, "执行" if language == "zh" else "Execute"))
    made.append(links.link(f"{base_url}/jobs", JOBS, answers.JSON, "作业" if language == "zh" else "Jobs"))
    return {**description(visible, formats, language), "links": made}


def status(job: Job, base_url: str, form: str, language: str) -> Document:
    """Return the statusInfo of a job."""
    address = f"{base_url}/jobs/{job.id}"
    made = links.self_and_alternate(address, [], form, answers.JSON, language)
    if job.state == "successful":
        media_type = answers.JSON if job.response == "document" else "application/zip"
        made.append(links.link(f"{address}/results", RESULTS, media_type, "结果" if language == "zh" else "Results"))
    found: Document = {
        "processID": job.process,
        "type": "process",
        "jobID": str(job.id),
        "status": job.state,
        "message": (job.problem.detail if job.problem else job.message).in_language(language),
        "progress": job.progress,
        "created": _time(job.created_at),
        "updated": _time(job.changed_at),
    }
    times = {"started": job.started_at, "finished": job.finished_at, "expires": job.expires_at}
    found |= {name: _time(time) for name, time in times.items() if time is not None}
    if job.problem is not None:
        found["code"] = job.problem.code
    return {**found, "links": made}


def job_list(jobs: Iterable[Job], base_url: str, pairs: list[tuple[str, str]], following: int | None, form: str, language: str) -> Document:
    """Return a page of jobs; ``following`` is the cursor of the next one, None on the last."""
    address = f"{base_url}/jobs"
    made = links.self_and_alternate(address, pairs, form, answers.JSON, language)
    if following is not None:
        onward = [(name, value) for name, value in pairs if name != "cursor"]
        href = links.with_parameters(address, [*onward, ("cursor", str(following))])
        made.append(links.link(href, "next", answers.HTML if form == "html" else answers.JSON, links.title("next", language)))
    return {"jobs": [status(job, base_url, form, language) for job in jobs], "links": made}


def reference(result: JobResult, address: str) -> Document:
    """Return the results document that says where the archive is."""
    return {OUTPUT: {"href": address, "type": result.media_type, "title": result.name}}


def by_value(result: JobResult, content: bytes) -> Document:
    """Return the results document that holds the archive."""
    return {OUTPUT: {"value": base64.b64encode(content).decode(), "encoding": "base64", "mediaType": result.media_type}}


def _time(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
