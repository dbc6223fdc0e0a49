"""A point cloud on its way in: file and placed points go into the store as they are, what the sandbox says becomes one row."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from ingest.protocol import FileChunk, Message, PointCloudHeader, batch_schema
from ingest.refusals import rejected
from twin.model import FeatureType
from twin.store import Store, sha256_of


def receive_point_cloud(
    store: Store, header: PointCloudHeader, messages: Iterator[Message], source: Path, feature_type: FeatureType, row: int
) -> pa.RecordBatch:
    """Keep the cloud as ``pointcloud/{sha256}.laz`` or ``.las`` and its points as ``points/{kept_as}.twp``, bytes unread; return its row.

    The file is ``source``, or what follows in ``messages`` when it was in an archive; ``kept_as`` is the SHA-256 of the placed points.
    """
    with tempfile.TemporaryDirectory(dir=store.scratch, prefix=".cloud-") as folder:
        path = _unpacked(Path(folder) / "cloud", header.unpacked_bytes, messages) if header.unpacked_bytes else source
        sha256 = sha256_of(path)
        placed = _unpacked(Path(folder) / "points", header.placed_bytes, messages)
        kept_as = sha256_of(placed)
        store.put_file(f"pointcloud/{sha256}.{header.format.lower()}", path)
        store.adopt(f"points/{kept_as}.twp", placed)
    values = asdict(header) | {"row": row, "geom": header.footprint, "natural_key": source.stem, "name": source.stem}
    values |= {"sha256": sha256, "kept_as": kept_as}
    schema = batch_schema(feature_type)
    return pa.RecordBatch.from_pylist([{name: values.get(name) for name in schema.names}], schema=schema)


def _unpacked(path: Path, size: int, messages: Iterator[Message]) -> Path:
    """Write the ``size`` bytes that follow to ``path`` and return it."""
    with path.open("xb") as file:
        while size > 0 and isinstance(message := next(messages, None), FileChunk):
            size -= file.write(message.content)
    if size != 0:
        raise rejected("parser-nonsense", "The reader sent another file than it announced.", "读取进程返回的文件与声明不符。")
    return path
