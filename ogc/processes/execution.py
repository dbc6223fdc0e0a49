"""The body of an execute request and its ``Prefer`` header as values (18-062r2, 7.11; RFC 7240)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from starlette.requests import Request

from ogc.processes.job import Response, Transmission
from twin.errors import BadRequestError, UnsupportedMediaError

OUTPUT = "archive"
LONGEST_WAIT_S = 60.0
"""How long an answer is waited for; a job that takes longer is answered like one that was asked for asynchronously."""

_MEMBERS = frozenset({"inputs", "outputs", "response"})
_WAIT = re.compile(r"^wait\s*=\s*\"?([0-9]{1,9})\"?$")


@dataclass(frozen=True, slots=True)
class Execution:
    """What an execute request asks, its inputs yet to be read by the process."""

    inputs: Mapping[str, object]
    response: Response
    transmission: Transmission


@dataclass(frozen=True, slots=True)
class Preference:
    """How long the caller wants to wait, and which of its preferences that follows."""

    wait_s: float
    applied: str | None


async def execution_of(request: Request) -> Execution:
    """Return what the body asks; BadRequestError ``bad-execute`` for what is no execute request, UnsupportedMediaError for no JSON."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaError("an execute request is application/json", zh="执行请求应为 application/json")
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise _bad("the body is not JSON", "请求体不是合法的 JSON") from None
    if not isinstance(body, dict):
        raise _bad("the body is not a JSON object", "请求体不是 JSON 对象")
    if "subscriber" in body:
        raise _bad("no address is called back: ask for the job's state", "不回调任何地址，请查询作业状态").with_code("no-callbacks")
    unknown = sorted(set(body) - _MEMBERS)
    if unknown:
        raise _bad(f"there is no member {unknown[0][:40]!r}", f"没有成员 {unknown[0][:40]!r}")
    inputs = body.get("inputs", {})
    if not isinstance(inputs, dict):
        raise _bad("inputs is an object", "inputs 应为对象")
    return Execution(inputs, _response(body.get("response", "raw")), _transmission(body.get("outputs")))


def preference_of(request: Request) -> Preference:
    """Return how long to wait: not at all for ``respond-async``, as long as ``wait=…`` says, else as long as we wait at most."""
    stated = [part.strip().lower() for line in request.headers.getlist("prefer") for part in re.split("[,;]", line)]
    waits = [float(found[1]) for part in stated if (found := _WAIT.match(part))]
    wait_s = min([*waits, LONGEST_WAIT_S])
    if "respond-async" in stated:
        return Preference(wait_s if waits else 0.0, "respond-async")
    return Preference(wait_s, f"wait={int(wait_s)}" if waits else None)


def _response(value: object) -> Response:
    if value not in ("raw", "document"):
        raise _bad("response is raw or document", "response 应为 raw 或 document")
    return "raw" if value == "raw" else "document"


def _transmission(outputs: object) -> Transmission:
    if outputs is None:
        return "value"
    if not isinstance(outputs, dict) or set(outputs) - {OUTPUT}:
        raise _bad(f"the only output is {OUTPUT!r}", f"仅有输出 {OUTPUT!r}")
    wanted = outputs.get(OUTPUT, {})
    if not isinstance(wanted, dict) or wanted.get("transmissionMode", "value") not in ("value", "reference"):
        raise _bad("transmissionMode is value or reference", "transmissionMode 应为 value 或 reference")
    form = wanted.get("format", {})
    if not isinstance(form, dict) or form.get("mediaType", "application/zip") != "application/zip":
        raise _bad("the output is application/zip", "输出为 application/zip")
    return "reference" if wanted.get("transmissionMode") == "reference" else "value"


def _bad(en: str, zh: str) -> BadRequestError:
    return BadRequestError(en, zh=zh).with_code("bad-execute")
