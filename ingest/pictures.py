"""Pictures on faces on their way in: pixels from the sandbox, encoded here, kept under the hash of these pixels."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ingest.work_files import full_disk_told
from twin.pictures import Pixels, encode, key_of, name_of
from twin.store import Store


def keep_picture(store: Store, pixels: Pixels) -> None:
    """Keep a picture durably, unless it is there already; StorageFullError where the disk is full.

    Its name is made from the pixels at hand, so nothing that a reader says of one picture makes it another.
    """
    key = key_of(name_of(pixels))
    if store.exists(key):
        return
    with full_disk_told(), tempfile.TemporaryDirectory(dir=store.scratch, prefix=".picture-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(encode(pixels))
        store.adopt(key, path)
