"""Warming: run every compiled kernel once on a tiny city, so that their machine code is in the cache."""

from __future__ import annotations

from ingest import copy_binary, distinct, sure_rows
from ingest.readers import cityjson_document_reader
from ingest.set_rules import components
from tiles.terrain import warm_terrain_kernels
from tiles.warm import warm
from twin import packed_documents
from twin.mvt import layer
from twin.query import feature_records


def warm_kernels() -> None:
    """Read an area and a building, build a tileset of one feature of every 3D recipe, terrain and a vector tile, all into nothing."""
    sure_rows.ready()
    distinct.ready()
    components.ready()
    copy_binary.ready()
    cityjson_document_reader.stand_ready()
    warm()
    layer.ready()
    warm_terrain_kernels()
    feature_records.stand_ready()
    packed_documents.ready()
