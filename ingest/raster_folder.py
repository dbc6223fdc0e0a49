"""A folder in which a raster is written before it is kept: GDAL does not say why it could not write, the disk does."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from ingest.work_files import disk_is_full, full_disk_told
from twin.store import Store

_COPIES = 3
"""Where pixels that do not compress are written once more with overviews, these take a part of a third copy while they are made."""


@contextmanager
def raster_folder(store: Store, prefix: str, pixels_bytes: int) -> Iterator[Path]:
    """Make a folder for the time of the block, in which a raster of so many bytes is written.

    StorageFullError where the disk is full, or writing failed and there was too little room for it.
    """
    try:
        with full_disk_told(), tempfile.TemporaryDirectory(dir=store.scratch, prefix=prefix) as folder:
            yield Path(folder)
    except (RasterioError, CPLE_BaseError) as error:
        if shutil.disk_usage(store.scratch).free < _COPIES * pixels_bytes:
            raise disk_is_full() from error
        raise
