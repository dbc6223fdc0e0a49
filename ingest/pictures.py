"""Pictures on faces on their way in: pixels from the sandbox, encoded here, kept under the hash of these pixels."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twin.pictures import Pixels, encode, key_of, name_of
from twin.store import Store


def keep_picture(store: Store, pixels: Pixels) -> None:
    """Keep a picture durably, unless it is there already.

    Its name is made from the pixels at hand, so nothing that a reader says of one picture makes it another.
    """
    key = key_of(name_of(pixels))
    if store.exists(key):
        return
    with tempfile.NamedTemporaryFile(dir=store.scratch, prefix=".picture-", delete=False) as file:
        file.write(encode(pixels))
    try:
        store.adopt(key, Path(file.name))
    finally:
        Path(file.name).unlink(missing_ok=True)
