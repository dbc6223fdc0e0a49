"""Paths of processes and jobs."""

from __future__ import annotations

from ogc.openapi.build import (
    HTML,
    JSON,
    Described,
    Document,
    Part,
    answer,
    body,
    content,
    header,
    named,
    operation,
    path,
    query,
    read,
    schema,
)
from ogc.openapi.components import LIMIT
from ogc.parameters import DEFAULT_LIMIT
from ogc.processes.export_area import EXPORT_AREA
from ogc.processes.job import STATES
from ogc.processes.job_filter import MOST_SECONDS

_TEXT: Document = {"type": "string"}
_TEXTS: Document = {"type": "array", "items": _TEXT}
_TIME: Document = {"type": "string", "format": "date-time"}
_ZIP = "application/zip"
_LIMIT = query("limit", LIMIT | {"default": DEFAULT_LIMIT})
_EXECUTE_PROBLEMS = (400, 401, 404, 405, 406, 410, 413, 414, 415, 422, 429, 503, 507)
_STATUS: Document = {
    "type": "object",
    "required": ["type", "jobID", "status", "processID", "links"],
    "properties": {
        "processID": _TEXT,
        "type": {"type": "string", "enum": ["process"]},
        "jobID": {"type": "string", "format": "uuid"},
        "status": {"type": "string", "enum": list(STATES)},
        "message": _TEXT,
        "code": _TEXT,
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        **dict.fromkeys(("created", "started", "finished", "updated", "expires"), _TIME),
        "links": {"type": "array", "items": schema("link")},
    },
}
_EXECUTE: Document = {
    "type": "object",
    "required": ["inputs"],
    "additionalProperties": False,
    "properties": {
        "inputs": {"type": "object"},
        "outputs": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "archive": {"type": "object", "properties": {"transmissionMode": {"type": "string", "enum": ["value", "reference"]}}}
            },
        },
        "response": {"type": "string", "enum": ["raw", "document"], "default": "raw"},
    },
}


def processes_paths(described: Described) -> Part:
    """Return the paths of processes and jobs; none where no jobs are taken."""
    if not described.can.runs_processes:
        return Part({})
    text = described.text
    process = f"/processes/{EXPORT_AREA}"
    status = content(JSON, HTML, value=schema("statusInfo"))
    results = read(
        "job.results",
        text("作业结果", "Results of a job"),
        parameters=[*named("lang"), path("job", _JOB), query("as", {"type": "string", "enum": ["file"]})],
        of=content(_ZIP, JSON),
        answers={204: answer(text("结果由 Link 给出", "The result is where the Link says")), **_gone()},
    )
    one = read("job", text("作业", "A job"), parameters=[*named("f", "lang"), path("job", _JOB)], of=status)
    one["delete"] = operation(
        "job.dismiss",
        text("取消作业", "Dismiss a job"),
        {200: answer("OK", status), **_gone()},
        parameters=[*named("f", "lang"), path("job", _JOB)],
        problems=(400, 401, 403, 404, 405, 406, 414, 503),
    )
    return Part(
        {
            "/processes": read("processes", text("处理过程", "Processes"), parameters=[*named("f", "lang"), _LIMIT]),
            process: read("process", text("按范围导出", "Export of an area")),
            f"{process}/execution": {"post": _execute(described)},
            "/jobs": read(
                "jobs",
                text("令牌持有者的作业列表；无令牌时为空", "Jobs of the holder of a token; without one there are none"),
                parameters=_filters(),
            ),
            "/jobs/{job}": one,
            "/jobs/{job}/results": results,
        },
        schemas={"statusInfo": _STATUS, "execute": _EXECUTE},
    )


_JOB: Document = {"type": "string", "format": "uuid"}


def _execute(described: Described) -> Document:
    text = described.text
    location: dict[str, Document] = {"Location": {"type": "string", "format": "uri"}}
    return operation(
        "process.execute",
        text("执行", "Execute"),
        {
            200: answer(text("压缩包", "The archive"), content(_ZIP, JSON)),
            201: answer(text("已受理", "A job was made"), content(JSON, value=schema("statusInfo")), location),
            204: answer(text("结果由 Link 给出", "The result is where the Link says")),
        },
        parameters=[*named("lang"), header("Prefer", _TEXT, "respond-async; wait=…")],
        request_body=body(content(JSON, value=schema("execute"))),
        problems=_EXECUTE_PROBLEMS,
    )


def _filters() -> list[Document]:
    whole: Document = {"type": "integer", "minimum": 0, "maximum": MOST_SECONDS}
    return [
        *named("f", "lang", "cursor"),
        _LIMIT,
        query("type", {"type": "array", "items": {"type": "string", "enum": ["process"]}}),
        query("processID", _TEXTS),
        query("status", {"type": "array", "items": {"type": "string", "enum": list(STATES)}}),
        query("datetime", _TEXT),
        query("minDuration", whole),
        query("maxDuration", whole),
    ]


def _gone() -> dict[int, Document]:
    return {410: {"$ref": "#/components/responses/problem"}}
