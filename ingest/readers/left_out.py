"""What lies in an archive beside the data and is not read: whoever handed it in is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ingest.protocol import CoverageHeader, FileInfo, ImageHeader, ModelHeader, PartRequest, PointCloudHeader, ReadRequest
from ingest.readers.source import CoverageMessage, CoverageReader, FeatureReader, OpenLayer, Reader, SourceBatch, SourceLayer
from twin.errors import Text
from twin.model import Finding, Severity

_MOST_NAMED = 5


def telling(reader: Reader, names: Sequence[str]) -> Reader:
    """Return the reader of the data as one that names the files left out, at least one."""
    return NotingCoverageReader(reader, names) if isinstance(reader, CoverageReader) else NotingReader(reader, names)


class NotingReader:
    """A reader whose layers say which files of the archive are not read."""

    def __init__(self, reader: FeatureReader, names: Sequence[str]) -> None:
        """Take the reader of the data, and the names of the files left out, at least one."""
        self.format = reader.format
        self._reader = reader
        self._note = _note(names)

    def inspect(self) -> FileInfo:
        """Return what the data is."""
        return self._reader.inspect()

    def open(self, part: PartRequest, /) -> OpenLayer:
        """Return the layer that ``part`` asks for; errors are the reader's."""
        opened = self._reader.open(part)
        return _NotedLayer(opened, replace(opened.source, notes=(*opened.source.notes, self._note)))


class NotingCoverageReader:
    """A reader of a raster, point cloud or model whose header says which files of the archive are not read."""

    def __init__(self, reader: CoverageReader, names: Sequence[str]) -> None:
        """Take the reader of the data, and the names of the files left out, at least one."""
        self.format, self.recipes = reader.format, reader.recipes
        self._reader = reader
        self._finding = Finding("reading", Severity.INFO, None, _note(names))

    def inspect(self) -> FileInfo:
        """Return what the data is."""
        return self._reader.inspect()

    def read(self, part: PartRequest, request: ReadRequest) -> Iterator[CoverageMessage]:
        """Yield what the reader does; errors are the reader's."""
        for message in self._reader.read(part, request):
            if isinstance(message, CoverageHeader | ImageHeader | PointCloudHeader | ModelHeader):
                yield replace(message, findings=(*message.findings, self._finding))
            else:
                yield message


@dataclass(frozen=True, slots=True)
class _NotedLayer:
    layer: OpenLayer
    source: SourceLayer

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows in source order."""
        return self.layer.batches()


def _note(names: Sequence[str]) -> Text:
    listed = names[:_MOST_NAMED]
    more = len(names) - len(listed)
    zh = f"压缩包中另有文件未读取：{'、'.join(listed)}" + (f" 等 {len(names)} 个" if more else "")
    return Text(zh=zh, en=f"not read beside the data in the archive: {', '.join(listed)}" + (f" and {more} more" if more else ""))
