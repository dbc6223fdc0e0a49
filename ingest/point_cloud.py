"""A point cloud on its way in: its file goes into the store as it is, what the sandbox says of it becomes one row in staging."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from ingest.protocol import FileChunk, Message, PointCloudHeader, batch_schema
from ingest.refusals import rejected
from twin.model import FeatureType
from twin.store import FolderStore, sha256_of


def receive_point_cloud(
    store: FolderStore, header: PointCloudHeader, messages: Iterator[Message], source: Path, feature_type: FeatureType, row: int
) -> pa.RecordBatch:
    """Keep the cloud as ``pointcloud/{sha256}.laz`` or ``.las``, its bytes unread, and return the row that describes it.

    The file is ``source``, or what follows in ``messages`` when it was in an archive.
    """
    store.folder.mkdir(parents=True, exist_ok=True)
    with _file_of(header, messages, source, store.folder) as path:
        sha256 = sha256_of(path)
        store.put_file(f"pointcloud/{sha256}.{header.format.lower()}", path)
    values = asdict(header) | {"row": row, "geom": header.footprint, "natural_key": source.stem, "name": source.stem, "sha256": sha256}
    schema = batch_schema(feature_type)
    return pa.RecordBatch.from_pylist([{name: values.get(name) for name in schema.names}], schema=schema)


@contextmanager
def _file_of(header: PointCloudHeader, messages: Iterator[Message], source: Path, beside: Path) -> Iterator[Path]:
    """Give the file of a cloud; one out of an archive lies in a folder of ``beside`` and is gone after the block."""
    if not header.unpacked_bytes:
        yield source
        return
    with tempfile.TemporaryDirectory(dir=beside, prefix=".cloud-") as folder:
        path, left = Path(folder) / "cloud", header.unpacked_bytes
        with path.open("xb") as file:
            while left > 0 and isinstance(message := next(messages, None), FileChunk):
                left -= file.write(message.content)
        if left != 0:
            raise rejected("parser-nonsense", "The reader sent another file than it announced.", "读取进程返回的文件与声明不符。")
        yield path
