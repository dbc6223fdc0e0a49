"""Errors as RFC 9457 problem+json: stable codes, both languages, nothing of our insides."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from types import MappingProxyType

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from twin.errors import BadRequestError, NotFoundError, Text, TwinError

_LOG = logging.getLogger("twin.server")
_TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Rejected",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
    507: "Disk full",
}


def problem(request: Request, error: TwinError) -> JSONResponse:
    """Return the problem document of an error, in the language the caller asks for."""
    language = request.query_params.get("lang") or request.headers.get("accept-language", "en")
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
    reasons = error.errors() if isinstance(error, RequestValidationError) else []
    first = reasons[0] if reasons else {"loc": ("?",), "msg": "not valid"}
    where = ".".join(str(part) for part in first["loc"][1:])
    return problem(request, BadRequestError(f"{where}: {first['msg']}"))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return problem(request, NotFoundError(f"there is nothing at {request.url.path}", zh=f"没有此资源：{request.url.path}"))
    headers = dict((isinstance(error, HTTPException) and error.headers) or {})
    return _document(request, status, "method-not-allowed" if status == 405 else "http", _TITLES.get(status, "Error"), headers)


async def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    number = uuid.uuid4().hex[:12]
    _LOG.error("request %s %s failed (%s)", request.method, request.url.path, number, exc_info=error)
    return _document(request, 500, "internal", f"something went wrong on our side ({number})", {})


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
        **extra,
        "type": "about:blank",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.url.path,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")
