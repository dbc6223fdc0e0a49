"""What lies in an archive beside the data: whether it may hold data itself, so that whoever handed it in is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.readers.archive import is_archive
from ingest.readers.archived_tables import begins_as_table
from ingest.readers.compound_file import OLE_MAGIC
from ingest.readers.content import Content
from ingest.readers.delimited import is_delimited
from ingest.readers.left_out import telling
from ingest.readers.source import Reader


@dataclass(slots=True)
class Beside:
    """Takes the files one by one. Kept of them are names, and the beginnings of as many texts as an archive without pictures may hold."""

    packed: Content | None = None
    """The first that is an archive."""
    _may_be_missed: list[str | Content] = field(default_factory=list)
    """Names, and texts still to be looked at."""
    _texts: int = 0

    def add(self, other: Content) -> None:
        """Take the next file; notes, metadata and pictures hold no data."""
        if is_archive(other.head):
            self.packed = self.packed or other
            self._may_be_missed.append(other.name)
        elif other.head.startswith(OLE_MAGIC):
            self._may_be_missed.append(other.name)
        elif is_delimited(other.head):
            self._texts += 1
            self._may_be_missed.append(other.name if self._texts > other.limits.archive_entries else other)

    def telling(self, reader: Reader) -> Reader:
        """Return the reader of the data; where documents, archives or tables lie beside it, as one that says so.

        Of texts the first are looked at, which takes seconds at most. Later ones are named as they are: better told of a note than a
        table lost without a word.
        """
        names = [of if isinstance(of, str) else of.name for of in self._may_be_missed if _is_missed(of)]
        return telling(reader, names) if names else reader


def _is_missed(of: str | Content) -> bool:
    return isinstance(of, str) or begins_as_table(of.head, of.limits)
