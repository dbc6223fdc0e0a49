"""What lies in an archive beside the data and is not read: whoever handed it in is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ingest.protocol import FileInfo, PartRequest
from ingest.readers.source import FeatureReader, OpenLayer, SourceBatch, SourceLayer
from twin.errors import Text

_MOST_NAMED = 5


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
