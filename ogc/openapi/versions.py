"""Paths of what was recorded before: the versions of features and collections."""

from __future__ import annotations

from ogc.openapi.build import HTML, JSON, Described, Document, Part, content, named, query, read, schema
from ogc.openapi.components import LIMIT
from ogc.parameters import DEFAULT_LIMIT

_LINK_FORMAT = "application/link-format"
_ACT: Document = {
    "type": "object",
    "required": ["commit", "time", "actor", "reason", "links"],
    "properties": {
        "commit": {"type": "integer"},
        "time": {"type": "string", "format": "date-time"},
        "actor": {"type": "string"},
        "reason": {"type": "string", "nullable": True},
        "name": {"type": "string", "nullable": True},
        "until": {"type": "integer", "nullable": True},
        "links": {"type": "array", "items": schema("link")},
    },
}
_VERSIONS: Document = {
    "type": "object",
    "required": ["id", "versions", "links"],
    "properties": {
        "id": {"type": "string"},
        "versions": {"type": "array", "items": _ACT},
        "links": {"type": "array", "items": schema("link")},
    },
}


def versions_paths(described: Described) -> Part:
    """Return the paths of the versions of every collection and of its features."""
    text = described.text
    form = query("f", {"type": "string", "enum": ["json", "html", "link"]}, text("link：TimeMap（RFC 7089）", "link: TimeMap (RFC 7089)"))
    of = content(JSON, HTML, value=schema("versions")) | {_LINK_FORMAT: {"schema": {"type": "string"}}}
    paths: dict[str, Document] = {}
    for slug in described.collections:
        limit = query("limit", LIMIT | {"default": DEFAULT_LIMIT}, text("每页版本数", "Page size"))
        revisions = [form, limit, *named("lang", "cursor")]
        paths[f"/collections/{slug}/versions"] = read(
            f"{slug}.versions", text("集合的各版本", "Revisions of the collection"), tag=slug, parameters=revisions, of=of
        )
        paths[f"/collections/{slug}/items/{{item}}/versions"] = read(
            f"{slug}.item.versions", text("要素的各状态", "Recorded states of a feature"), tag=slug,
            parameters=[*named("item"), form, *named("lang")], of=of
        )  # fmt: skip
    return Part(paths, schemas={"versions": _VERSIONS})
