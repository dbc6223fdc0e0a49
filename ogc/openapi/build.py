"""The pieces an OpenAPI 3.0 definition is put together from: parameters, answers, operations; pure.

Every subject (features, tiles, …) has a file of its own here with one function that takes a :class:`Described` and returns a
:class:`Part`: its paths, and what only it needs of the shared components.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ogc.capabilities import Capabilities
from twin.model import Deployment
from twin.query.collection import Collection

Document = dict[str, object]
JSON, GEOJSON, SCHEMA, HTML = "application/json", "application/geo+json", "application/schema+json", "text/html"
PROBLEM = "application/problem+json"
IF_NONE_MATCH = "If-None-Match"
READ_PROBLEMS = (400, 401, 404, 405, 406, 414, 429, 503)
"""What any reading operation can answer instead."""
KEPT_HEADERS: Mapping[str, Document] = {
    "ETag": {"type": "string", "pattern": r'^(W/)?"[^"]*"$'},
    "Cache-Control": {"type": "string"},
    "Vary": {"type": "string"},
}
"""By what an answer is kept by callers and asked for again; a 304 repeats them (RFC 9110, 15.4.5)."""
_OF_STATE = ("Content-Location", "Memento-Datetime")
"""What a 304 repeats besides, where its 200 says it: of which recorded state it is."""
WRITE_PROBLEMS = (400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429, 503, 507)
"""What any writing operation can answer instead."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a definition describes, and in which language."""

    deployment: Deployment
    collections: Mapping[str, Collection]
    """Those the caller may see."""
    language: str
    can: Capabilities

    def text(self, zh: str, en: str) -> str:
        """Return the text in the definition's language."""
        return zh if self.language == "zh" else en


@dataclass(frozen=True, slots=True)
class Part:
    """What one subject adds to the definition."""

    paths: Mapping[str, Document]
    """Path → path item; items of several parts for one path are joined by method."""
    parameters: Mapping[str, Document] = field(default_factory=dict)
    """Components that :func:`named` refers to."""
    schemas: Mapping[str, Document] = field(default_factory=dict)
    """Components that :func:`schema` refers to."""


def query(name: str, value: Document, description: str = "", *, required: bool = False) -> Document:
    """Return a query parameter whose value fits the schema ``value``; a list is written with commas."""
    made: Document = {"name": name, "in": "query", "required": required, "schema": value, "style": "form", "explode": False}
    return made | {"description": description} if description else made


def path(name: str, value: Document, description: str = "") -> Document:
    """Return a path parameter."""
    made: Document = {"name": name, "in": "path", "required": True, "schema": value}
    return made | {"description": description} if description else made


def header(name: str, value: Document, description: str = "", *, required: bool = False) -> Document:
    """Return a header parameter."""
    made: Document = {"name": name, "in": "header", "required": required, "schema": value}
    return made | {"description": description} if description else made


def named(*names: str) -> list[Document]:
    """Return references to shared parameters."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def schema(name: str) -> Document:
    """Return a reference to a shared schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def content(*media_types: str, value: Document | None = None) -> Document:
    """Return the contents of an answer or a body: JSON forms fit ``value``, text is a string, other forms are bytes."""
    return {media_type: {"schema": _shape(media_type, value or {"type": "object"})} for media_type in media_types}


def answer(
    description: str, of: Document | None = None, headers: Mapping[str, Document] | None = None, always: Container[str] = ()
) -> Document:
    """Return an answer with the contents ``of`` (see :func:`content`), none without; ``headers`` are schemas by name.

    Those that are named in ``always`` are in every such answer.
    """
    made: Document = {"description": description}
    if of:
        made["content"] = of
    if headers:
        made["headers"] = {name: {"schema": value} | ({"required": True} if name in always else {}) for name, value in headers.items()}
    return made


def body(of: Document, description: str = "", *, required: bool = True) -> Document:
    """Return a request body with the contents ``of``."""
    made: Document = {"required": required, "content": of}
    return made | {"description": description} if description else made


def operation(
    operation_id: str,
    summary: str,
    answers: Mapping[int, Document],
    *,
    tag: str | None = None,
    parameters: Sequence[Document] = (),
    request_body: Document | None = None,
    problems: Iterable[int] = READ_PROBLEMS,
    description: str = "",
) -> Document:
    """Return an operation; of ``problems`` each status not among ``answers`` is answered with a problem document."""
    refused = {str(status): {"$ref": "#/components/responses/problem"} for status in problems if status not in answers}
    made: Document = {
        "operationId": operation_id,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {str(status): found for status, found in answers.items()} | refused,
    }
    if tag:
        made["tags"] = [tag]
    if request_body:
        made["requestBody"] = request_body
    if description:
        made["description"] = description
    return made


def read(
    operation_id: str,
    summary: str,
    *,
    tag: str | None = None,
    parameters: Sequence[Document] | None = None,
    of: Document | None = None,
    answers: Mapping[int, Document] | None = None,
    headers: Mapping[str, Document] | None = None,
    description: str = "",
) -> Document:
    """Return a path item with a GET: 200 with the contents ``of`` (JSON and HTML without), 304, what ``answers`` adds, problems.

    ``parameters`` are ``f`` and ``lang`` unless given, and what the caller holds; ``headers`` are those of a 200 besides those by which
    it is kept.
    """
    kept = {name: value for name, value in (headers or {}).items() if name in _OF_STATE}
    unchanged = answer("Not modified", headers={**KEPT_HEADERS, **kept}, always=KEPT_HEADERS)
    found = {200: answer("OK", of or content(JSON, HTML), {**KEPT_HEADERS, **(headers or {})}), 304: unchanged, **(answers or {})}
    listed = [*(named("f", "lang") if parameters is None else parameters), *named(IF_NONE_MATCH)]
    return {"get": operation(operation_id, summary, found, tag=tag, parameters=listed, description=description)}


def _shape(media_type: str, value: Document) -> Document:
    if media_type.partition(";")[0].endswith(("json", "openapi+json")):
        return value
    return {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}
