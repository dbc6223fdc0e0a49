"""A file of one layer of one batch, for what is done with batches whatever format they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.protocol import FileInfo, PartRequest
from ingest.readers.source import SourceBatch, SourceLayer


@dataclass
class _Layer:
    batch: SourceBatch
    source: SourceLayer

    def batches(self) -> Iterator[SourceBatch]:
        yield self.batch


@dataclass
class FileOfOneBatch:
    """A reader that gives ``batch``, whose columns are its layer's, in ``crs``."""

    batch: SourceBatch
    crs: str
    format: str = "test"

    def inspect(self) -> FileInfo:
        return FileInfo(self.format, ())

    def open(self, part: PartRequest, /) -> _Layer:
        return _Layer(self.batch, SourceLayer("layer", tuple(self.batch.columns), self.crs))
