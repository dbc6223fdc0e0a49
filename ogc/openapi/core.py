"""The documents of OGC API - Common: landing page, conformance, this definition, the list of collections."""

from __future__ import annotations

from ogc.openapi.build import HTML, JSON, Described, Part, content, named, read, schema

_DEFINITION = "application/vnd.oai.openapi+json;version=3.0"


def core_paths(described: Described) -> Part:
    """Return the paths that every OGC API has."""
    text = described.text
    return Part(
        {
            "/": read("landing", text("首页", "Landing page"), of=content(JSON, HTML, value=schema("landingPage"))),
            "/conformance": read("conformance", text("符合性", "Conformance classes"), of=content(JSON, HTML, value=schema("conformance"))),
            "/openapi": read("openapi", text("接口定义", "This definition"), of=content(_DEFINITION, HTML)),
            "/collections": read(
                "collections",
                text("全部集合", "All collections"),
                parameters=named("f", "lang", "bbox"),
                of=content(JSON, HTML, value=schema("collections")),
            ),
        }
    )
