"""Uploads: the files of a multipart request, streamed to the store piece by piece; nothing is kept of a request that breaks a limit.

A name is what a person called a file, never a path: what it is stored under is its SHA-256.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from twin.errors import BadRequestError, StorageFullError, TooLargeError, TwinError, UnsupportedMediaError
from twin.store import Store

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks  # it is there for type checkers only

FOLDER = "uploads"
MAX_FILES = 64
_MAX_NAME_BYTES = 200
SILENCE_S = 60.0
"""An upload of which nothing comes for so long is over."""
_KEPT_FREE_BYTES = 256 << 20
_TEMPORARY = ".upload-"
_LENGTH = re.compile(r"[0-9]{1,18}")
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an upload, in the store."""

    name: str
    size: int
    sha256: str

    @property
    def key(self) -> str:
        """Where it lies in the store."""
        return f"{FOLDER}/{self.sha256}"


async def store_upload(request: Request, store: Store, max_bytes: int) -> tuple[StoredFile, ...]:
    """Store the files of a multipart/form-data request (its parts that have a filename).

    Raises UnsupportedMediaError for another kind of body, TooLargeError above ``max_bytes`` (as soon as that is certain), BadRequestError
    for a broken body, no file, too many, or two of one name, StorageFullError before the disk is full; then nothing of it is kept.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise UnsupportedMediaError("send the files as multipart/form-data", zh="请以 multipart/form-data 发送文件")
    _refuse_declared(request.headers.get("content-length"), store, max_bytes)
    receiver = _Receiver(await asyncio.to_thread(lambda: store.scratch))
    try:
        await _receive(request.stream(), receiver, options[b"boundary"], max_bytes)
        return await asyncio.to_thread(receiver.stored, store)
    except ClientDisconnect:
        raise BadRequestError("the upload ended before its end", zh="上传中断").with_code("upload-broken") from None
    except MultipartParseError as error:
        raise BadRequestError(f"the body is not multipart/form-data: {error}", zh="请求体不是有效的 multipart/form-data") from error
    finally:
        await asyncio.to_thread(receiver.discard)


def display_name(given: str) -> str:
    """Return the last part of what a client calls a file, NFC, without what no file name holds; BadRequestError when nothing is left."""
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rsplit("/", 1)[-1]
    name = _NOT_IN_NAMES.sub("_", last).strip()
    while name.startswith("."):
        name = name.lstrip(".").strip()
    if not name or len(name.encode()) > _MAX_NAME_BYTES:
        raise BadRequestError(f"not a file name: {given[:80]!r}", zh=f"文件名无效：{given[:80]!r}").with_code("file-name")
    return name


async def _receive(chunks: AsyncIterator[bytes], receiver: _Receiver, boundary: bytes, max_bytes: int) -> None:
    parser = MultipartParser(boundary, receiver.callbacks())
    received = 0
    while (chunk := await _next(chunks)) is not None:
        received += len(chunk)
        if received > max_bytes:
            raise _too_large(max_bytes)
        parser.write(chunk)
        await asyncio.to_thread(receiver.flush)
    parser.finalize()


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    """Return what comes next, None at the end; BadRequestError ``upload-broken`` when nothing comes for a minute.

    A connection whose network is gone may never be told to have ended: without this it would hold one of the few places for ever.
    """
    try:
        async with asyncio.timeout(SILENCE_S):
            return await anext(chunks, None)
    except TimeoutError:
        error = BadRequestError(
            f"nothing came for {SILENCE_S:.0f} s: the upload is broken off", zh=f"{SILENCE_S:.0f} 秒没有收到数据，上传中断"
        )
        raise error.with_code("upload-broken") from None


def _refuse_declared(length: str | None, store: Store, max_bytes: int) -> None:
    """Refuse what is too large by its own word before any of it is read."""
    if length is None:
        return
    if not _LENGTH.fullmatch(length):
        raise BadRequestError("Content-Length is no number", zh="Content-Length 无效")
    if int(length) > max_bytes:
        raise _too_large(max_bytes)
    if shutil.disk_usage(store.scratch).free < int(length) + _KEPT_FREE_BYTES:
        raise StorageFullError("there is no room for this upload; nothing was changed", zh="磁盘空间不足，未作任何改动")


def _too_large(max_bytes: int) -> TwinError:
    return TooLargeError(f"an upload is at most {max_bytes >> 20} MB", zh=f"单次上传不能超过 {max_bytes >> 20} MB")


@dataclass
class _Incoming:
    """A file on its way: where it is written, and what of it has come but is not written yet."""

    name: str
    path: Path
    file: BinaryIO
    size: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    waiting: list[bytes] = field(default_factory=list)


class _Receiver:
    """Takes the parser's events. They are kept in memory until `flush`, which is where the disk is waited for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[_Incoming] = []
        self._current: _Incoming | None = None
        self._headers: dict[bytes, bytes] = {}
        self._field, self._value = b"", b""  # the parser bounds their length
        self._ended = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._add_to_field,
            "on_header_value": self._add_to_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_file,
            "on_part_data": self._data,
            "on_part_end": self._end_file,
            "on_end": self._end,
        }

    def flush(self) -> None:
        """Write what has come."""
        for incoming in self._files:
            for piece in incoming.waiting:
                incoming.file.write(piece)
                incoming.digest.update(piece)
                incoming.size += len(piece)
            incoming.waiting.clear()

    def stored(self, store: Store) -> tuple[StoredFile, ...]:
        """Put the files under their hashes; BadRequestError when there are none."""
        if not self._ended:
            raise BadRequestError("the upload ended before its end", zh="上传中断").with_code("upload-broken")
        if not self._files:
            raise BadRequestError("there is no file in the request", zh="请求中没有文件").with_code("no-file")
        made: list[StoredFile] = []
        for incoming in self._files:
            incoming.file.close()
            stored = StoredFile(incoming.name, incoming.size, incoming.digest.hexdigest())
            store.adopt(stored.key, incoming.path)
            made.append(stored)
        return tuple(made)

    def discard(self) -> None:
        """Remove what was not stored."""
        for incoming in self._files:
            incoming.file.close()
            incoming.path.unlink(missing_ok=True)

    def _add_to_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _begin_file(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._current = None
        if b"filename" not in options:
            return  # a plain field: nothing here asks for one
        name = display_name(options[b"filename"].decode("utf-8", "replace"))
        if len(self._files) >= MAX_FILES:
            raise BadRequestError(f"more than {MAX_FILES} files", zh=f"文件数超过 {MAX_FILES}").with_code("too-many-files")
        if name.casefold() in {f.name.casefold() for f in self._files}:
            raise BadRequestError(f"there are two files called {name}", zh=f"有两个同名文件 {name}").with_code("duplicate-name")
        descriptor, path = tempfile.mkstemp(dir=self._folder, prefix=_TEMPORARY)
        self._current = _Incoming(name, Path(path), os.fdopen(descriptor, "wb"))
        self._files.append(self._current)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._current is not None:
            self._current.waiting.append(data[start:end])

    def _end_file(self) -> None:
        self._current = None

    def _end(self) -> None:
        self._ended = True
