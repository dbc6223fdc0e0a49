"""Paths of OGC API - 3D GeoVolumes."""

from __future__ import annotations

from ogc.openapi.build import HTML, JSON, Described, Document, Part, content, named, path, read

_CONTAINER: Document = {"type": "object", "required": ["id", "extent", "links"], "properties": {"id": {"type": "string"}}}


def geovolumes_paths(described: Described) -> Part:
    """Return the paths of containers; none where the door shows no 3D."""
    if not described.can.has_volumes:
        return Part({})
    text, of = described.text, content(JSON, HTML, value=_CONTAINER)
    paths = {"/geovolumes": read("geovolumes", text("三维数据", "3D data"), parameters=named("f", "lang", "bbox"), of=of)}
    if described.collections:
        collection = path("collection", {"type": "string", "enum": list(described.collections)})
        paths["/geovolumes/{collection}"] = read(
            "geovolume", text("三维容器", "A 3D container"), parameters=[collection, *named("f", "lang")], of=of
        )
    return Part(paths)
