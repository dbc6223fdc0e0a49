"""What is to be recognised: a file, or one unpacked out of an archive; and what a kind of file is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

from ingest.protocol import Limits, ReadRequest
from ingest.readers.archive import Archive
from ingest.readers.encodings import declared_codec
from ingest.readers.source import Reader
from ingest.readers.xml_root import XmlRoot, root_of

HEAD_BYTES = 1 << 14
_SEARCHED_BYTES = 64 << 20
"""In how much of a text the sections of a model are looked for."""
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Content:
    """One file as its reader gets it: by path; out of an archive by the path of a scratch file where that can be had, else in memory."""

    name: str
    """Its own name, without folders; told to people, never looked at to recognise it."""
    head: bytes
    """The first `HEAD_BYTES` bytes."""
    size: int
    request: ReadRequest
    unpack: Callable[[], bytes] | None = None
    """Gives the bytes of a file out of an archive; None for the file of the request itself."""
    place: Callable[[], Path | bytes] | None = None
    """Gives the same by path if that can be had: then it takes no memory."""
    archive: Archive | None = None
    """The archive it is out of, with the files beside it."""
    folder: str = ""
    """In which it lies there."""

    @property
    def limits(self) -> Limits:
        """What the file may cost."""
        return self.request.limits

    @property
    def stem(self) -> str:
        """Its name without the extension."""
        return PurePosixPath(self.name).stem

    @cached_property
    def source(self) -> Path | bytes:
        """The path, or the bytes of a file out of an archive."""
        return self.request.path if self.unpack is None else self.unpack()

    @cached_property
    def placed(self) -> Path | bytes:
        """As `source`, of a file out of an archive by path, too, where that can be: for readers that need no more than to open it."""
        return self.source if self.place is None else self.place()

    @cached_property
    def text_head(self) -> bytes:
        """The head without byte order mark and leading white space."""
        return self.head.removeprefix(_UTF8_BOM).lstrip()

    @cached_property
    def root(self) -> XmlRoot | None:
        """The root element when it is XML."""
        return root_of(self.head)

    def searched(self) -> bytes:
        """Return as much of the file as is looked at where its head does not say enough."""
        if isinstance(self.source, bytes):
            return self.source[:_SEARCHED_BYTES]
        with self.source.open("rb") as file:
            return file.read(_SEARCHED_BYTES)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: by what it is recognised and how it is opened."""

    fits: Callable[[Content], bool]
    """Parses nothing but the head where ``modules`` or ``beside`` are given: it is asked before the doors close, too."""
    open: Callable[[Content], Reader]
    """Returns the reader, or raises why this kind is not read."""
    modules: tuple[str, ...] = ()
    """What only files of this kind need and takes long to import."""
    ready: Callable[[], None] = lambda: None
    """What is done with ``modules`` before the doors close."""
    beside: Callable[[Path], tuple[Path, ...]] | None = None
    """The names under which files may lie beside it that belong to it."""


@dataclass(frozen=True, slots=True)
class ArchiveKind:
    """Files that make one source together, in a ZIP."""

    fits: Callable[[Archive], bool]
    open: Callable[[Archive, ReadRequest], Reader]
    members: Callable[[Archive], Collection[str]] = lambda archive: archive.names
    """The files that are read; another of a known kind beside them would be lost, so the archive is refused."""


def declared_encoding(request: ReadRequest) -> str | None:
    """Return Python's codec for the encoding that is declared for the file's texts, None when none is."""
    return next((declared_codec(part.reading.encoding) for part in request.parts if part.reading.encoding), None)


def of_path(request: ReadRequest) -> Content:
    """Return the file of ``request``."""
    with request.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return Content(request.path.name, head, request.path.stat().st_size, request)


def of_unpacked(name: str, content: Path | bytes, request: ReadRequest) -> Content:
    """Return what was unpacked of the file of ``request``."""
    name = PurePosixPath(name).name
    if isinstance(content, bytes):
        return Content(name, content[:HEAD_BYTES], len(content), request, lambda: content)
    with content.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return Content(name, head, content.stat().st_size, request, content.read_bytes, lambda: content)


def of_entry(archive: Archive, name: str, request: ReadRequest) -> Content:
    """Return one entry of the archive in the file of ``request``; it is unpacked whole when its reader wants it."""
    head = archive.head(name, HEAD_BYTES)
    path = PurePosixPath(name.replace("\\", "/"))
    unpack, place = partial(archive.read, name), partial(archive.placed, name)
    return Content(path.name, head, archive.size(name), request, unpack, place, archive, str(path.parent))
