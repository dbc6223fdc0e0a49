"""Pictures of an OSGB file: a file inside it is taken as it is, bare pixels become PNG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from ingest.readers.gltf_mesh import drawable
from ingest.readers.osgb_objects import OsgImage
from ingest.refusals import rejected

_ORDERS: Mapping[int, tuple[int, ...]] = {
    0x1903: (0,), 0x1909: (0,), 0x8229: (0,), 0x190A: (0, 1), 0x1907: (0, 1, 2), 0x1908: (0, 1, 2, 3), 0x80E0: (2, 1, 0),
    0x80E1: (2, 1, 0, 3),
}  # fmt: skip
"""OpenGL's pixel formats (RED, LUMINANCE, R8, LUMINANCE_ALPHA, RGB, RGBA, BGR, BGRA) → which byte of a pixel comes where in PNG."""
_COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_UNSIGNED_BYTE = 0x1401


def picture_of(image: OsgImage, where: str, read_file: Callable[[str], bytes]) -> bytes | None:
    """Return a picture as PNG, JPEG or WebP, None where there is none; RejectedError ``texture-unsupported``, ``model-content-missing``."""
    if image.file is not None:
        return drawable(image.file, f"{where}/{image.name}")
    if image.pixels is not None:
        return _png(_rows(image, where))
    return drawable(read_file(image.name), f"{where}/{image.name}") if image.name else None


def _rows(image: OsgImage, where: str) -> npt.NDArray[np.uint8]:
    """Return the pixels (height, width, channels) from the top: OpenGL counts rows upwards."""
    order = _ORDERS.get(image.pixel_format)
    if order is None or image.data_type != _UNSIGNED_BYTE or not (0 < image.width <= 1 << 16 and 0 < image.height <= 1 << 16):
        raise _unread(image, where)
    row = image.width * len(order)
    stride = row + -row % max(image.packing, 1)
    if image.pixels is None or len(image.pixels) < stride * image.height:
        raise _unread(image, where)
    lines = np.frombuffer(image.pixels, np.uint8, stride * image.height).reshape(image.height, stride)[::-1, :row]
    pixels: npt.NDArray[np.uint8] = lines.reshape(image.height, image.width, len(order))[:, :, order]
    return pixels


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return a PNG without filters (ISO/IEC 15948)."""
    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    lines = np.zeros((height, 1 + width * channels), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def _unread(image: OsgImage, where: str) -> Exception:
    name = image.name or f"{image.width} x {image.height}"
    return rejected(
        "texture-unsupported",
        f"{where}: the texture {name} is compressed for a graphics card or broken: export it as JPEG or PNG.",
        f"{where}：纹理 {name} 为显卡压缩格式或已损坏，请改为 JPEG 或 PNG。",
    )
