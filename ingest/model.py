"""A finished 3D model on its way in: its files go into the store under their common hash, what is said of them into one row."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path, PurePosixPath

import pyarrow as pa

from ingest.protocol import FileChunk, Message, ModelFile, ModelHeader, batch_schema
from ingest.refusals import rejected
from ingest.work_files import full_disk_told
from twin.errors import TwinError
from twin.model import FeatureType
from twin.store import Store, sha256_of

_LONGEST_PATH = 1000


def receive_model(
    store: Store, header: ModelHeader, messages: Iterator[Message], source: Path, feature_type: FeatureType, row: int
) -> pa.RecordBatch:
    """Keep what follows ``header`` as ``model/{kept_as}/{path}``, its bytes unread, and return the row that describes it.

    ``kept_as`` is the SHA-256 over the paths and hashes of the files. RejectedError ``parser-nonsense`` for paths that leave the folder,
    for files that are not those announced; StorageFullError where the disk is full.
    """
    with full_disk_told(), tempfile.TemporaryDirectory(dir=store.scratch, prefix=".model-") as folder:
        hashes = _unpack(Path(folder), header, messages)
        listing = "".join(f"{path}\n{hashes[path]}\n" for path in sorted(hashes))
        kept_as = hashlib.sha256(listing.encode()).hexdigest()
        for path in hashes:
            store.adopt(f"model/{kept_as}/{path}", Path(folder) / path)
    values = asdict(header) | {"row": row, "geom": header.footprint, "natural_key": source.stem, "name": source.stem}
    values |= {"sha256": sha256_of(source), "kept_as": kept_as}
    schema = batch_schema(feature_type)
    return pa.RecordBatch.from_pylist([{name: values.get(name) for name in schema.names}], schema=schema)


def _unpack(folder: Path, header: ModelHeader, messages: Iterator[Message]) -> dict[str, str]:
    """Write the files that follow below ``folder`` and return their SHA-256 by path."""
    hashes: dict[str, str] = {}
    left = header.total_bytes
    for _ in range(header.files):
        announced = next(messages, None)
        if not isinstance(announced, ModelFile) or announced.path in hashes or not 0 <= announced.size <= left:
            raise _nonsense()
        left -= announced.size
        hashes[announced.path] = _write(folder / _safe(announced.path), announced.size, messages)
    return hashes


def _write(path: Path, size: int, messages: Iterator[Message]) -> str:
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            while size > 0 and isinstance(message := next(messages, None), FileChunk):
                size -= file.write(message.content)
                digest.update(message.content)
    except (FileExistsError, NotADirectoryError) as error:
        raise _nonsense() from error
    if size != 0:
        raise _nonsense()
    return digest.hexdigest()


def _safe(path: str) -> PurePosixPath:
    parts = path.split("/")
    if len(path) > _LONGEST_PATH or "\\" in path or "\0" in path or any(p in ("", ".", "..") for p in parts):
        raise _nonsense()
    return PurePosixPath(*parts)


def _nonsense() -> TwinError:
    return rejected("parser-nonsense", "The reader sent other files than it announced.", "读取进程返回的文件与声明不符。")
