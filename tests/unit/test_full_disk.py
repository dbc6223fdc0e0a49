"""What is made in the store's folder before it is kept, on a disk that is full."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import rasterio

from ingest.pictures import keep_picture
from ingest.raster_folder import raster_folder
from twin.errors import StorageFullError
from twin.store import FolderStore

RED = np.full((2, 2, 3), (255, 0, 0), np.uint8)


def test_a_picture_for_which_there_is_no_room_is_said_to_be_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "picture").symlink_to("/dev/full")
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryDirectory", lambda **_: nullcontext(str(tmp_path)))
        with pytest.raises(StorageFullError):
            keep_picture(FolderStore(tmp_path / "store"), RED)
    keep_picture(FolderStore(tmp_path / "store"), RED)
    assert [path.parent.name for path in (tmp_path / "store").rglob("*") if path.is_file()] == ["texture"], "nothing else is left"


@pytest.mark.parametrize(("pixels_bytes", "told"), [(1 << 62, StorageFullError), (1, rasterio.errors.RasterioIOError)])
def test_a_raster_that_cannot_be_written_tells_of_a_full_disk_only_where_there_is_no_room(
    tmp_path: Path, pixels_bytes: int, told: type[Exception]
) -> None:
    with pytest.raises(told), raster_folder(FolderStore(tmp_path / "store"), ".coverage-", pixels_bytes) as folder:
        rasterio.open(folder / "no folder" / "rows.tif", "w", driver="GTiff", width=1, height=1, count=1, dtype="uint8")
    assert list((tmp_path / "store").iterdir()) == []
