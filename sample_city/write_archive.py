"""ZIP archives whose bytes depend on their contents alone."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

_EPOCH = (2026, 1, 1, 0, 0, 0)
_REGULAR_FILE_MODE = 0o100644 << 16


def write_archive(path: Path, members: list[tuple[str, Path]]) -> None:
    """Write files into a deflated archive under the names given, in the order given, all dated 2026-01-01."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, source in members:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = _REGULAR_FILE_MODE
            with source.open("rb") as reading, archive.open(info, "w", force_zip64=False) as writing:
                shutil.copyfileobj(reading, writing, 1 << 20)
