"""ZIP and gzip, unpacked under limits that count real bytes, never what a header says (reliability.md §2)."""

from __future__ import annotations

import gzip
import io
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Buffer, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from ingest.protocol import Limits
from ingest.readers.unpacked import Scratch, Unpacked
from ingest.refusals import rejected
from twin.errors import TwinError

_CHUNK = 1 << 20
_RATIO_COUNTS_FROM = 10 << 20
_MAX_NAME_BYTES = 200
_UTF8_FLAG, _ENCRYPTED_FLAG = 0x800, 0x1
_NESTED = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
"""What is called so is never read for its own sake: a broken one is missed by who shows it."""
_OTHER_ARCHIVES = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ\x00")
"""What archives and compressed files that are not read here begin with."""
ZIP, GZIP = (b"PK\x03\x04", b"PK\x05\x06"), b"\x1f\x8b"
_TAR_AT, _TAR = 257, b"ustar"
_CLUTTER = ("__MACOSX", ".DS_Store", "Thumbs.db")
UNREADABLE = (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError)


def read_gzip(path: Path, limits: Limits, scratch: Scratch | None = None) -> Path | bytes:
    """Return the content of a gzip file, by path where there is a ``scratch``; RejectedError ``gzip-bomb`` or ``archive-broken``."""
    try:
        with gzip.open(path) as stream:
            chunks = _bounded(stream, limits, path.stat().st_size, limits.unpacked_bytes, "gzip-bomb")
            if scratch is None or not scratch.is_empty:
                return b"".join(chunks)
            return scratch.path if scratch.append(chunks) else b""
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(str(error)) from error


class Archive:
    """A ZIP archive whose entries have been looked at and found harmless."""

    def __init__(self, source: Path | bytes, limits: Limits, scratch: Scratch | None = None) -> None:
        """Open a file, or one out of another archive; RejectedError with a code ``zip-…`` when it breaks a rule.

        What is large is unpacked into ``scratch``, into memory where there is none.
        """
        self._limits = limits
        self._scratch = scratch
        try:
            self._file = zipfile.ZipFile(source if isinstance(source, Path) else io.BytesIO(source))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise _broken(str(error)) from error
        infos = self._file.infolist()
        if len(infos) > limits.archive_entries:
            raise rejected("zip-too-many-entries", f"{len(infos)} entries.", f"压缩包条目数 {len(infos)} 超过上限。")
        self._entries = self._checked(infos)
        self._left = limits.unpacked_bytes

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, in order."""
        return tuple(self._entries)

    def size(self, name: str) -> int:
        """Return how long one file is by its header, which may lie."""
        return self._entries[name].file_size

    def offset(self, name: str) -> int:
        """Return where one file stands in the archive."""
        return self._entries[name].header_offset

    def head(self, name: str, length: int) -> bytes:
        """Return the first bytes of one file; none of a picture that cannot be unpacked, RejectedError ``archive-broken`` for others."""
        try:
            with self._file.open(self._entries[name]) as stream:
                return stream.read(length)
        except UNREADABLE as error:
            if name.casefold().endswith(_PICTURES):
                return b""
            raise _broken(str(error)) from error

    def read(self, name: str) -> bytes:
        """Return one file; all that is unpacked whole shares the limit of unpacked bytes."""
        content = b"".join(self._chunks(name))
        self._left -= len(content)
        return content

    def counted(self, name: str) -> Iterator[bytes]:
        """Yield one file a piece at a time; as `read`, what is taken of it shares the limit of unpacked bytes."""
        for chunk in self._chunks(name):
            self._left -= len(chunk)
            yield chunk

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield one file a piece at a time; as `stream`, each time it is read counts alone."""
        return iter(partial(self.stream(name).read, _CHUNK), b"")

    def mapped(self, names: Iterable[str]) -> dict[str, Unpacked]:
        """Return files where they take no memory, if there is such a place; as `read`, and StorageFullError."""
        if self._scratch is None:
            return {name: self.read(name) for name in names}
        lengths = {name: self._put(self._scratch, name) for name in names}
        return dict(zip(lengths, self._scratch.mapped([*lengths.values()]), strict=True))

    def placed(self, name: str) -> Path | bytes:
        """Return one file by path where that can be, which only the first can; as `mapped`."""
        if self._scratch is None or not self._scratch.is_empty:
            return self.read(name)
        return self._scratch.path if self._put(self._scratch, name) else b""

    def _put(self, scratch: Scratch, name: str) -> int:
        """Unpack one file and return its length."""
        length = scratch.append(self._chunks(name))
        self._left -= length
        return length

    def _chunks(self, name: str) -> Iterator[bytes]:
        info = self._entries[name]
        _check_total(info.file_size, self._limits, info.compress_size, self._left, "zip-bomb")
        try:
            with self._file.open(info) as stream:
                yield from _bounded(stream, self._limits, info.compress_size, self._left, "zip-bomb")
        except UNREADABLE as error:
            raise _broken(str(error)) from error

    def stream(self, name: str) -> IO[bytes]:
        """Return one file as a stream that ends with an error where it unpacks to more than is allowed; each stream counts alone."""
        info = self._entries[name]
        _check_total(info.file_size, self._limits, info.compress_size, self._limits.unpacked_bytes, "zip-bomb")
        try:
            return io.BufferedReader(_Counted(self._file.open(info), self._limits, info.compress_size), _CHUNK)
        except UNREADABLE as error:
            raise _broken(str(error)) from error

    def _checked(self, infos: list[zipfile.ZipInfo]) -> Mapping[str, zipfile.ZipInfo]:
        entries: dict[str, zipfile.ZipInfo] = {}
        seen: set[str] = set()
        for info in infos:
            name = entry_name(info)
            _check_name(name)
            if info.flag_bits & _ENCRYPTED_FLAG:
                raise rejected("zip-encrypted", "The archive is encrypted.", "压缩包已加密。")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise rejected("zip-symlink", f"{name} is a symbolic link.", f"压缩包含符号链接 {name}。")
            if name.casefold() in seen:
                raise rejected("zip-duplicate", f"{name} is there twice.", f"压缩包中 {name} 重复。")
            seen.add(name.casefold())
            if not info.is_dir() and not any(c in PurePosixPath(name).parts for c in _CLUTTER):
                if name.casefold().endswith(_NESTED):
                    raise nested_refusal(name)
                entries[name] = info
        return entries


class _Counted(io.RawIOBase):
    """What comes out of an entry, counted as it comes."""

    def __init__(self, stream: IO[bytes], limits: Limits, compressed: int) -> None:
        self._stream = stream
        self._limits = limits
        self._compressed = compressed
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill ``buffer``; RejectedError ``zip-bomb`` or ``archive-broken``."""
        view = memoryview(buffer).cast("B")
        try:
            content = self._stream.read(len(view))
        except UNREADABLE as error:
            raise _broken(str(error)) from error
        self._total += len(content)
        _check_total(self._total, self._limits, self._compressed, self._limits.unpacked_bytes, "zip-bomb")
        view[: len(content)] = content
        return len(content)


def is_other_archive(head: bytes) -> bool:
    """Return whether a file is an archive of a kind that is not read here."""
    return head.startswith(_OTHER_ARCHIVES) or head[_TAR_AT:].startswith(_TAR)


def is_archive(head: bytes) -> bool:
    """Return whether a file is packed in any way; documents of Office are, too."""
    return head.startswith((*ZIP, GZIP)) or is_other_archive(head)


def nested_refusal(name: str) -> TwinError:
    """Return the error of an archive that holds another one."""
    return rejected("zip-nested", f"{name} is an archive in the archive: hand it in by itself.", f"压缩包内含压缩包 {name}：请单独提交。")


def entry_name(info: zipfile.ZipInfo) -> str:
    """Return an entry's name, NFC: UTF-8 where flagged, else GB 18030 where that is what its bytes are, else code page 437."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8_FLAG:
        raw = name.encode("cp437", "replace")
        for encoding in ("ascii", "utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return unicodedata.normalize("NFC", name)


def _check_name(name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    unsafe = name.startswith(("/", "\\")) or ".." in parts or "\0" in name or ":" in parts[0] or len(name.encode()) > _MAX_NAME_BYTES
    if unsafe:
        shown = name[:_MAX_NAME_BYTES]
        raise rejected("zip-unsafe-path", f"Unsafe name in the archive: {shown!r}.", f"压缩包中含不安全的路径 {shown!r}。")


def _bounded(stream: IO[bytes] | gzip.GzipFile, limits: Limits, compressed: int, most: int, code: str) -> Iterator[bytes]:
    total = 0
    while chunk := stream.read(_CHUNK):
        total += len(chunk)
        _check_total(total, limits, compressed, most, code)
        yield chunk


def _check_total(total: int, limits: Limits, compressed: int, most: int, code: str) -> None:
    if total > most or (total > _RATIO_COUNTS_FROM and total > limits.compression_ratio * max(compressed, 1)):
        raise rejected(code, "The archive unpacks to more than is allowed.", "压缩内容解压后超过上限。")


def _broken(reason: str) -> TwinError:
    en = f"The archive is damaged or was cut off ({reason[:200]}): pack it anew and hand it in again."
    return rejected("archive-broken", en, f"压缩包损坏或不完整（{reason[:200]}）：请重新打包后再提交。")
