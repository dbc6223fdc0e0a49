"""A ZIP of files that are written as they are read, and a manifest that says what they are."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import BinaryIO

from twin.model import Commit

MEDIA_TYPE = "application/zip"
MANIFEST = "manifest.json"
_LEVEL = 3
"""Of deflate: files that are compressed already cost little, texts become a fifth."""
_OWNER_READS = 0o644 << 16


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file of an archive, as the manifest lists it."""

    file: str
    size: int
    sha256: str


class Archive:
    """A ZIP under construction in ``target``: memory is bounded by one piece, sizes beyond 4 GB are written as ZIP64.

    All its files bear the time of ``commit``, so that the same content makes the same bytes.
    """

    def __init__(self, target: BinaryIO, commit: Commit) -> None:
        self._zip = zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=_LEVEL)
        self._commit = commit

    def add(self, name: str, pieces: Iterable[bytes]) -> WrittenFile:
        """Write ``pieces`` as the file ``name`` and return what is to be said of it."""
        size, digest = 0, hashlib.sha256()
        with self._zip.open(self._entry(name), "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        return WrittenFile(name, size, digest.hexdigest())

    def abandon(self) -> None:
        """End the archive whatever it holds: it is not to be used."""
        with suppress(OSError, ValueError):
            self._zip.close()

    def close(self, manifest: Mapping[str, object]) -> None:
        """Write the manifest and end the archive."""
        self._zip.writestr(self._entry(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=2, default=str))
        self._zip.close()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        time = self._commit.time
        entry = zipfile.ZipInfo(name, (time.year, time.month, time.day, time.hour, time.minute, time.second))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = _OWNER_READS
        return entry


def listed(written: WrittenFile, about: Mapping[str, object]) -> Mapping[str, object]:
    """Return the manifest's entry of a file: its name, size and hash, and what it is ``about``."""
    return {**about, **asdict(written)}
