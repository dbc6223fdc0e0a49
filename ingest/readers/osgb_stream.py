"""The bytes of an OSGB file (OpenSceneGraph's binary format): header, compression, numbers, texts and brackets, within the file's length.

Source: the serializers of OpenSceneGraph (osgDB/InputStream, osgPlugins/osg), whose file versions 65 to 200 differ in what follows what.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

from ingest.refusals import rejected, unsupported
from twin.errors import TwinError

MAGIC = b"\xa1\x0e\x91\x6c\x45\x45\xfb\x1a"
_OTHER_ENDIAN = b"\x6c\x91\x0e\xa1\x1a\xfb\x45\x45"
_SCENE, _OBJECT = 1, 3
_HAS_DOMAINS, _HAS_SCHEMA, _HAS_BRACKETS = 1, 2, 4
_NEWEST = 200
_LONG_BRACKETS_FROM = 149
_LONGEST_TEXT = 1 << 20
_ZLIB_OR_GZIP = 15 + 32


def is_osgb(head: bytes) -> bool:
    """Return whether a file begins as an OSGB."""
    return head.startswith((MAGIC, _OTHER_ENDIAN))


class OsgbStream:
    """A file read from its start to its end; nothing is allocated that the file has no bytes for."""

    def __init__(self, content: bytes, where: str, most_bytes: int) -> None:
        """Read the header; RejectedError ``osgb-broken`` or ``zip-bomb``, UnsupportedMediaError ``osgb-unsupported``."""
        self.where = where
        self._content, self._at = content, len(MAGIC)
        if not content.startswith(MAGIC):
            raise self.unread("big-endian")
        kind, self.version, attributes = self.uint32(), self.uint32(), self.uint32()
        if kind not in (_SCENE, _OBJECT) or self.version > _NEWEST:
            raise self.unread(f"type {kind}, version {self.version}")
        self._has_brackets = bool(attributes & _HAS_BRACKETS)
        for _ in range(self.count(8) if attributes & _HAS_DOMAINS else 0):
            self.text(), self.int32()
        if (compressor := self.text()) == "zlib":
            self._inflate(most_bytes)
        elif compressor != "0":
            raise self.unread(f"compressor {compressor[:40]}")
        if attributes & _HAS_SCHEMA:
            raise self.unread("a schema of its own")

    @property
    def length(self) -> int:
        """How many bytes there are, unpacked."""
        return len(self._content)

    def flag(self) -> bool:
        """Return a truth value."""
        return self.raw(1) != b"\0"

    def int32(self) -> int:
        """Return a signed number of four bytes."""
        return int(self._unpacked("<i", 4))

    def uint32(self) -> int:
        """Return an unsigned number of four bytes."""
        return int(self._unpacked("<I", 4))

    def count(self, item_bytes: int) -> int:
        """Return how many things of at least ``item_bytes`` follow; RejectedError where the file is too short for them."""
        number = self.uint32()
        if number * item_bytes > len(self._content) - self._at:
            raise self.broken(f"{number} items do not fit into what is left")
        return number

    def text(self) -> str:
        """Return a text: UTF-8, else GB 18030 as Chinese programs write file names."""
        length = self.count(1)
        if length > _LONGEST_TEXT:
            raise self.broken("a text is too long")
        content = self.raw(length)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            return content.decode("gb18030", "replace")

    def reals(self, number: int, *, double: bool = False) -> tuple[float, ...]:
        """Return ``number`` real numbers of four or eight bytes."""
        return struct.unpack(f"<{number}{'d' if double else 'f'}", self.raw(number * (8 if double else 4)))

    def array(self, dtype: str, count: int, width: int) -> npt.NDArray[np.generic]:
        """Return ``count`` × ``width`` numbers."""
        kind = np.dtype(dtype)
        values = np.frombuffer(self.raw(kind.itemsize * count * width), kind)
        return values.reshape(count, width) if width > 1 else values

    def raw(self, length: int) -> bytes:
        """Return the next bytes."""
        end = self._at + length
        if length < 0 or end > len(self._content):
            raise self.broken("it breaks off")
        self._at, start = end, self._at
        return self._content[start:end]

    def opening(self) -> int | None:
        """Pass an opening bracket and return where its block ends; None where the file has no brackets."""
        if not self._has_brackets:
            return None
        start = self._at
        size = self._unpacked("<Q", 8) if self.version >= _LONG_BRACKETS_FROM else self.uint32()
        end = start + int(size)
        if not self._at <= end <= len(self._content):
            raise self.broken("a block is longer than the file")
        return end

    def closing(self, end: int | None) -> None:
        """Go to the end of a block, past what is not known of it."""
        if end is not None:
            if end < self._at:
                raise self.broken("a block is shorter than what is in it")
            self._at = end

    def broken(self, reason: str) -> TwinError:
        """Return the error of a file that is not what it says."""
        return rejected("osgb-broken", f"{self.where}: {reason}.", f"{self.where} 无法读取：{reason}。")

    def unread(self, what: str) -> TwinError:
        """Return the error of a file with something that is not read here."""
        return unsupported(
            f"{self.where} has {what}, which is not read of OSGB: export the model as 3D Tiles, or as OBJ with its metadata.xml.",
            f"{self.where} 含有不支持的 OSGB 内容（{what}）：请导出 3D Tiles，或导出 OBJ 并附 metadata.xml。",
            "osgb-unsupported",
        )

    def too_large(self) -> TwinError:
        """Return the error of a file with more vertices than one may have."""
        return rejected("model-too-large", f"{self.where} has too many vertices.", f"{self.where} 顶点数超过上限。")

    def _unpacked(self, form: str, length: int) -> int:
        (value,) = struct.unpack(form, self.raw(length))
        return int(value)

    def _inflate(self, most_bytes: int) -> None:
        unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)
        try:
            content = unpacker.decompress(self._content[self._at :], most_bytes)
        except zlib.error as error:
            raise self.broken(str(error)) from error
        if unpacker.unconsumed_tail:
            raise rejected("zip-bomb", f"{self.where} unpacks to more than is allowed.", f"{self.where} 解压后超过上限。")
        self._content, self._at = content, 0
