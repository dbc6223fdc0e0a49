"""Errors as RFC 9457 problem+json: stable codes, both languages, nothing of our insides."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from types import MappingProxyType

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ogc import negotiation
from twin.errors import BadRequestError, NotFoundError, Text, TwinError
from twin.server.validation_texts import fault_text

_LOG = logging.getLogger("twin.server")
_TITLES = {
    400: Text("请求有误", "Bad request"),
    401: Text("未认证", "Unauthorized"),
    403: Text("不允许", "Forbidden"),
    404: Text("不存在", "Not found"),
    405: Text("方法不受支持", "Method not allowed"),
    406: Text("无可接受的格式", "Not acceptable"),
    409: Text("冲突", "Conflict"),
    410: Text("已不存在", "Gone"),
    412: Text("前提不成立", "Precondition failed"),
    413: Text("内容过大", "Too large"),
    414: Text("地址过长", "Address too long"),
    415: Text("媒体类型不受支持", "Unsupported media type"),
    416: Text("没有该范围", "No such range"),
    422: Text("未接受", "Rejected"),
    428: Text("缺少前提", "Precondition required"),
    429: Text("请求过多", "Too many requests"),
    500: Text("内部错误", "Internal error"),
    503: Text("暂不可用", "Unavailable"),
    507: Text("磁盘已满", "Disk full"),
}
_OTHER = Text("错误", "Error")
_CODES = {405: "method-not-allowed", 406: "not-acceptable"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def problem(request: Request, error: TwinError) -> JSONResponse:
    """Return the problem document of an error, in the language the caller asks for."""
    language = negotiation.spoken_language(request)
    headers = dict(error.headers)
    if error.status in (429, 503):
        headers["Retry-After"] = "5"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    extra = {name: _spoken(value, language) for name, value in error.extra.items()}
    return _document(request, error.status, error.code, error.text.in_language(language), headers, extra)


def install(app: FastAPI) -> None:
    """Answer every failure of ``app`` with a problem document."""
    app.add_exception_handler(TwinError, _on_twin_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_twin_error(request: Request, error: Exception) -> JSONResponse:
    return problem(request, error if isinstance(error, TwinError) else TwinError("internal error"))


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    found = [("/" + "/".join(map(str, fault["loc"])), fault_text(fault)) for fault in faults]
    pointer, first = found[0] if found else ("", Text("无效", "not valid"))
    listed = [{"pointer": where, "reason": reason} for where, reason in found]
    return problem(request, BadRequestError(f"{pointer}: {first.en}", zh=f"{pointer}：{first.zh}", extra={"errors": listed}))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return problem(request, NotFoundError(f"there is nothing at {request.url.path}", zh=f"没有此资源：{request.url.path}"))
    headers = dict((isinstance(error, HTTPException) and error.headers) or {})
    detail = _TITLES.get(status, _OTHER)
    if status == 405:
        detail = Text(f"{request.method} 不受支持", f"{request.method} is not possible here")
        headers = {"Allow": "GET, HEAD"} | headers  # the framework's files do not say so
    return _document(request, status, _CODES.get(status, "http"), detail.in_language(negotiation.spoken_language(request)), headers)


async def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    number = request_id(request)
    _LOG.error("request %s %s failed (%s)", request.method, request.url.path, number, exc_info=error)
    detail = Text(f"服务器内部出错（{number}）", f"something went wrong on our side ({number})")
    return _document(request, 500, "internal", detail.in_language(negotiation.spoken_language(request)), {})


def request_id(request: Request) -> str:
    """Return what the caller (or a proxy before us) calls the request, else a name of our own; the same for one request."""
    given = request.headers.get("x-request-id", "")
    if not _REQUEST_ID.fullmatch(given):
        given = request.scope.setdefault("twin.request_id", uuid.uuid4().hex)
    return given


def _spoken(value: object, language: str) -> object:
    """Return what an error carries with its texts in one language."""
    if isinstance(value, Text):
        return value.in_language(language)
    if isinstance(value, Mapping):
        return {name: _spoken(inner, language) for name, inner in value.items()}
    return [_spoken(inner, language) for inner in value] if isinstance(value, list | tuple) else value


def _document(
    request: Request, status: int, code: str, detail: str, headers: dict[str, str], extra: Mapping[str, object] = MappingProxyType({})
) -> JSONResponse:
    body = {
        "type": "about:blank",
        **extra,
        "title": _TITLES.get(status, _OTHER).in_language(negotiation.spoken_language(request)),
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.url.path,
        "request_id": request_id(request),
    }
    varying = f"{headers['Vary']}, Accept-Language" if "Vary" in headers else "Accept-Language"
    spoken = {"Content-Language": negotiation.LANGUAGE_TAGS[negotiation.spoken_language(request)], "Vary": varying}
    headers = headers | spoken | {"X-Request-ID": request_id(request)}
    return JSONResponse(body, status, headers, media_type="application/problem+json")
