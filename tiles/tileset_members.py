"""What a revision's tileset.json says beside its tiles: schema, statistics, and which dataset and revision it is."""

from __future__ import annotations

from tiles.metadata import MetadataClass
from tiles.node import Node
from tiles.statistics import statistics_json

type Json = dict[str, object]

_DATASET_CLASS: Json = {
    "properties": {
        "dataset": {"type": "STRING", "required": True},
        "revision": {"type": "SCALAR", "componentType": "UINT32", "required": True},
        "oid_prefix": {"name": "OID 前缀", "description": "OID of a feature = oid_prefix + fid", "type": "STRING", "required": True},
    }
}


def tileset_members(metadata: MetadataClass, dataset: str, revision: int, oid_prefix: str, root: Node | None) -> Json:
    """Return ``schema``, ``statistics`` and ``metadata`` of a tileset over ``root``; without statistics where these tell of no property."""
    statistics = None if root is None else statistics_json(metadata, root.summary.statistics)
    classes = metadata.schema["classes"]
    schema = {**metadata.schema, "classes": {**(classes if isinstance(classes, dict) else {}), "dataset": _DATASET_CLASS}}
    return {
        "schema": {**schema, "id": f"{metadata.schema_id}_tileset"},
        **({} if statistics is None else {"statistics": statistics}),
        "metadata": {"class": "dataset", "properties": {"dataset": dataset, "revision": revision, "oid_prefix": oid_prefix}},
    }
