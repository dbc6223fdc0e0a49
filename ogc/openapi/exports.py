"""Forms of items besides GeoJSON and HTML, and the files of whole datasets."""

from __future__ import annotations

from ogc.json_fg.profile import FORM as JSON_FG
from ogc.json_fg.profile import PARAMETER, PROFILES
from ogc.openapi.build import KEPT_HEADERS, Described, Document, Part, answer, named, query, read
from ogc.openapi.components import ACCEPT_DATETIME, STATE_HEADERS
from twin.query.collection import Collection

_TEXT: Document = {"type": "string"}
_FILE: Document = {"type": "string", "format": "binary"}
_JSON: Document = {"type": "object"}


def exports_paths(described: Described) -> Part:
    """Return the paths of the files of every collection."""
    if described.can.formats is None:
        return Part({})
    paths: dict[str, Document] = {}
    for slug, collection in described.collections.items():
        offered = described.can.formats.offered(collection)
        of = file_contents(described, collection)
        headers: dict[str, Document] = {"Content-Crs": _TEXT, "Content-Disposition": _TEXT} | STATE_HEADERS
        paths[f"/collections/{slug}/download"] = read(
            f"{slug}.download",
            collection.dataset.title.in_language(described.language),
            tag=slug,
            parameters=[
                query("f", {"type": "string", "enum": [f.name for f in offered]}, required=True),
                *named("lang", "as-of", ACCEPT_DATETIME),
                query("crs", {"type": "string", "format": "uri", "enum": [crs.uri for crs in collection.crs]}),
                *option_parameters(described, collection),
            ],
            of=of,
            answers={206: answer("Partial content", of, {**KEPT_HEADERS, **headers})},
            headers=headers,
            description=described.text(
                "整个数据集在某一版本的文件；以版本号为 as-of 时永不改变",
                "All of a dataset at a revision; asked for by its commit it never changes",
            ),
        )
    return Part(paths)


def form_parameter(described: Described, collection: Collection) -> list[Document]:
    """Return the parameter ``f`` of items."""
    if described.can.formats is None:
        return named("f")
    names = ["json", "html", JSON_FG, *(f.name for f in described.can.formats.offered(collection))]
    return [query("f", {"type": "string", "enum": names}, described.text("返回格式", "Form of the answer"))]


def profile_parameter(described: Described) -> list[Document]:
    """Return the parameter that says which profile of GeoJSON is wanted (21-045r1, clause 15)."""
    value: Document = {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(PROFILES)}}
    return [query(PARAMETER, value, described.text("GeoJSON 的规格", "Profile of GeoJSON"))] if described.can.formats is not None else []


def option_parameters(described: Described, collection: Collection) -> list[Document]:
    """Return the parameters that single formats have of their own."""
    offered = () if described.can.formats is None else described.can.formats.offered(collection)
    options = {name: (values, chosen.name) for chosen in offered for name, values in chosen.options.items()}
    return [
        query(
            name, {"type": "string", "enum": list(values), "default": values[0]}, described.text(f"只与 f={of} 同用", f"Only with f={of}")
        )
        for name, (values, of) in options.items()
    ]


def file_contents(described: Described, collection: Collection) -> Document:
    """Return the contents of items as files."""
    offered = () if described.can.formats is None else described.can.formats.offered(collection)
    return {f.media_type: {"schema": _JSON if f.media_type.endswith("+json") else _FILE} for f in offered}
