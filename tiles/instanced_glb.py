"""A GLB of nothing but models shown many times: EXT_mesh_gpu_instancing, every instance a feature of one property table."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from tiles.binary_chunk import BinaryChunk, Json, container
from tiles.glb import ENGINE_VERSION, Glb, Material, structural_metadata
from tiles.instance_nodes import REQUIRED, USED, Instances, instance_nodes
from tiles.local_frame import LocalFrame
from tiles.metadata import MetadataClass, PropertyTable


def write_instances(
    frame: LocalFrame, instances: Sequence[Instances], metadata: MetadataClass, table: PropertyTable, *, meshopt: bool
) -> Glb:
    """Return one self-contained GLB, the same bytes for the same arguments; ``instances`` without any are passed over."""
    binary = BinaryChunk(meshopt)
    shown = instance_nodes(binary, instances, table.count)
    required = [*REQUIRED, *["EXT_meshopt_compression"] * meshopt]
    document: Json = {
        "asset": {"version": "2.0", "generator": f"citytwin tiles {ENGINE_VERSION}"},
        "extensionsUsed": [*USED, "EXT_structural_metadata", *required],
        "extensionsRequired": required,
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"matrix": frame.gltf_matrix(), "children": list(range(1, len(shown.nodes) + 1))}, *shown.nodes],
        "meshes": shown.meshes,
        "materials": [Material().as_json()],
        "extensions": {"EXT_structural_metadata": structural_metadata(binary, metadata, table, has_surfaces=False)},
    }
    document |= {"accessors": binary.accessors, "bufferViews": binary.views, "buffers": binary.buffers()}
    return Glb(container(orjson.dumps(document), bytes(binary.data)), shown.error_m, shown.step_m)
