"""Pictures on faces as they are kept: pixels under the hash of these pixels, encoded as WebP.

The name says nothing of how they were encoded, so a picture that is delivered again has the name it had, whatever encoder wrote it then.
"""

from __future__ import annotations

import hashlib
import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image, WebPImagePlugin

from twin.face_textures import LARGEST_SIDE

Pixels = npt.NDArray[np.uint8]
"""(height, width, 3 or 4): red, green, blue, opacity."""

_QUALITY = 90
_METHOD = 2
"""Of libwebp, 0 to 6: four times as fast as 6 for files a twentieth larger."""
_FORMAT = WebPImagePlugin.WebPImageFile.format


def name_of(pixels: Pixels) -> bytes:
    """Return the name of a picture: the SHA-256 of its size and pixels."""
    head = struct.pack("<3I", *pixels.shape)
    return hashlib.sha256(head + np.ascontiguousarray(pixels).tobytes()).digest()


def key_of(name: bytes) -> str:
    """Return under which key of the store a picture lies."""
    return f"texture/{name.hex()}.webp"


def is_picture(pixels: Pixels) -> bool:
    """Tell whether pixels are of a size and depth that is kept."""
    return pixels.ndim == 3 and pixels.shape[2] in (3, 4) and min(pixels.shape[:2]) > 0 and max(pixels.shape[:2]) <= LARGEST_SIDE


def encode(pixels: Pixels, quality: int = _QUALITY) -> bytes:
    """Return a picture as WebP; its opacity is kept exactly."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, _FORMAT, quality=quality, method=_METHOD)
    return out.getvalue()


def decode(content: bytes) -> Pixels:
    """Return the pixels of `encode`, never of what others wrote: the decoder runs outside all walls here."""
    with Image.open(io.BytesIO(content), formats=(_FORMAT,)) as image:
        return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"), np.uint8)
