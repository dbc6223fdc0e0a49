"""A tile that is a thing by itself, not one of features: its metadata say which (3D Tiles 1.1 §6.8)."""

from __future__ import annotations

from dataclasses import replace

import orjson

from tiles.tileset import Tile

type Json = dict[str, object]


def named_tile(part: Tile, class_id: str, fid: int, name: str) -> Tile:
    """Return ``part`` with the identity of what it shows."""
    body: Json = {**part.json, "metadata": {"class": class_id, "properties": {"fid": fid, "name": name}}}
    return replace(part, json=body, size=len(orjson.dumps(body)))


def naming_schema(schema_id: str, class_id: str) -> Json:
    """Return the schema of such metadata."""
    fid: Json = {"type": "SCALAR", "componentType": "UINT32", "required": True}
    return {"id": schema_id, "classes": {class_id: {"properties": {"fid": fid, "name": {"type": "STRING", "required": True}}}}}
