"""Pictures beside a city model: found in its archive or folder, decoded under limits, and handed on as pixels (reliability.md §2)."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import BmpImagePlugin, GifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from ingest.readers.archive import Archive
from ingest.readers.tileset_document import resolved
from twin.errors import Text, TwinError
from twin.face_textures import LARGEST_SIDE
from twin.pictures import Pixels, name_of

_FORMATS = tuple(
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        WebPImagePlugin.WebPImageFile,
        TiffImagePlugin.TiffImageFile,
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
    )
)
_MOST_BYTES = 64 << 20
_MOST_PIXELS = 64 << 20
_FOLDERS = ("appearance", "texture")
"""What folders of pictures are called, in part: by CityGML's exporters, by PLATEAU, by SketchUp."""
_LOOKED_FOR = 100
WAITING_BYTES = 256 << 20
"""Pixels that may wait for their batch."""


class PictureFiles(Protocol):
    """Where the pictures of a model are."""

    def read(self, path: str, /) -> bytes | None:
        """Return a file by its path below where the archive or folder begins; None where there is none, it is too large or broken."""

    def has(self, path: str, /) -> bool:
        """Tell whether a file is there, whatever is in it."""


@dataclass(frozen=True, slots=True)
class ArchivedPictures:
    """The files of an archive; names differ in case as Windows lets them."""

    archive: Archive
    names: dict[str, str]

    @staticmethod
    def of(archive: Archive) -> ArchivedPictures:
        """Return the files of ``archive``."""
        return ArchivedPictures(archive, {name.replace("\\", "/").casefold(): name for name in archive.names})

    def read(self, path: str) -> bytes | None:
        """Return a file of the archive; one that cannot be unpacked, or unpacks to more than is allowed, is as if it were not there."""
        name = self.names.get(path.casefold())
        if name is None:
            return None
        try:
            with self.archive.stream(name) as stream:
                content = stream.read(_MOST_BYTES + 1)
        except TwinError:
            return None
        return content if len(content) <= _MOST_BYTES else None

    def has(self, path: str) -> bool:
        """Tell whether a file is in the archive."""
        return path.casefold() in self.names


@dataclass(frozen=True, slots=True)
class FolderPictures:
    """The files below a folder, as far as the walls let them be read."""

    folder: Path

    def read(self, path: str) -> bytes | None:
        """Return a file of the folder."""
        try:
            with (self.folder / path).open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except OSError:
            return None
        return content if len(content) <= _MOST_BYTES else None

    def has(self, path: str) -> bool:
        """Tell whether a file can be read: the walls let some be seen that they do not let be opened."""
        return self.read(path) is not None


def picture_folders(path: Path) -> tuple[Path, ...]:
    """Return the folders beside a model that are called as such of pictures are."""
    try:
        return tuple(sorted(p for p in path.parent.iterdir() if any(w in p.name.casefold() for w in _FOLDERS) and p.is_dir()))
    except OSError:
        return ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was found and decoded, by its name (`twin.pictures`)."""

    name: bytes
    width: int
    height: int


@dataclass
class Pictures:
    """The pictures of one model: each is decoded once, when it is first asked for, and its pixels wait to be taken."""

    files: PictureFiles
    folder: str = ""
    """In which the model itself lies."""
    _known: dict[str, Picture | None] = field(default_factory=dict)
    _waiting: list[Pixels | str] = field(default_factory=list)
    """Pixels, or where they are to be had again: of one body there may be more than fit in memory."""
    waiting_bytes: int = 0
    """How much memory the pixels take that wait."""

    def find(self, uri: str, folder: str = "") -> Picture | None:
        """Return the picture a model in ``folder`` calls ``uri``; None where it is missing or cannot be decoded."""
        path = self._path(uri, folder)
        if path is None:
            return None
        if path not in self._known:
            self._known[path] = self._found(path)
        return self._known[path]

    def has_any(self, named: Sequence[tuple[str, str]]) -> bool:
        """Tell whether one of some pictures (folder, URI) is there, whatever is in it."""
        paths = (self._path(uri, folder) for folder, uri in named[:_LOOKED_FOR])
        return any(path is not None and self.files.has(path) for path in paths)

    def _path(self, uri: str, folder: str) -> str | None:
        try:
            return resolved(posixpath.join(self.folder, folder), uri.replace("\\", "/"), uri)
        except TwinError:
            return None

    def _found(self, path: str) -> Picture | None:
        content = self.files.read(path)
        pixels = None if content is None else decoded(content)
        if pixels is None:
            return None
        is_kept = self.waiting_bytes < WAITING_BYTES
        self._waiting.append(pixels if is_kept else path)
        self.waiting_bytes += pixels.nbytes if is_kept else 0
        return Picture(name_of(pixels), pixels.shape[1], pixels.shape[0])

    def take(self) -> Iterator[Pixels]:
        """Return the pixels that were found since the last time, to be gone through once."""
        taken, self._waiting, self.waiting_bytes = self._waiting, [], 0
        return self._in_turn(taken)

    def _in_turn(self, taken: list[Pixels | str]) -> Iterator[Pixels]:
        for one in taken:
            pixels = one if not isinstance(one, str) else decoded(self.files.read(one) or b"")
            if pixels is not None:
                yield pixels


def not_beside(textures: int) -> Text:
    """Return the note for so many textures of a model whose pictures are not at hand."""
    return Text(
        zh=f"{textures} 个纹理没有读取：请将模型与其图像打包为一个 ZIP",
        en=f"{textures} textures are not read: put the model and its pictures into one ZIP",
    )


Find = Callable[[str], Picture | None]
"""Gives the picture of a URI."""


def decoded(content: bytes) -> Pixels | None:
    """Return the pixels of a picture, made smaller until no side is longer than `LARGEST_SIDE`; None where it is none, or too large."""
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
            plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
    except (OSError, ValueError, TypeError, SyntaxError, ArithmeticError, LookupError, EOFError, Image.DecompressionBombError):
        return None  # Pillow's decoders raise any of these for pictures that are broken
    scale = LARGEST_SIDE / max(plain.size)
    if scale < 1.0:
        plain = plain.resize((max(1, round(plain.width * scale)), max(1, round(plain.height * scale))), Image.Resampling.BOX)
    pixels = np.asarray(plain, np.uint8)
    is_opaque = pixels.shape[2] == 4 and bool((pixels[:, :, 3] == 255).all())
    return np.ascontiguousarray(pixels[:, :, :3]) if is_opaque else pixels
