"""A point cloud on its way in: its file goes into the store as it is, what the sandbox says of it becomes one row in staging."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from ingest.protocol import PointCloudHeader, batch_schema
from twin.model import FeatureType
from twin.store import FolderStore, sha256_of


def receive_point_cloud(store: FolderStore, header: PointCloudHeader, source: Path, feature_type: FeatureType, row: int) -> pa.RecordBatch:
    """Keep ``source`` as ``pointcloud/{sha256}.laz`` or ``.las``, its bytes unread, and return the row that describes it."""
    sha256 = sha256_of(source)
    store.put_file(f"pointcloud/{sha256}.{header.format.lower()}", source)
    values = asdict(header) | {"row": row, "geom": header.footprint, "natural_key": source.stem, "name": source.stem, "sha256": sha256}
    schema = batch_schema(feature_type)
    return pa.RecordBatch.from_pylist([{name: values.get(name) for name in schema.names}], schema=schema)
