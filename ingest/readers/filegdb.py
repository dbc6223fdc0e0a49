"""Esri file geodatabases: a ``.gdb`` folder is many files, so it comes in a ZIP, alone or with others beside it."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath

from ingest.gdal_policy import MemoryFile
from ingest.protocol import Limits
from ingest.readers.archive import Archive
from ingest.readers.ogr import OgrFile, OgrSource
from ingest.readers.unpacked import Unpacked
from ingest.refusals import rejected

FORMAT, _DRIVER = "FileGDB", "OpenFileGDB"
_CATALOGUE = "a00000001.gdbtable"
"""The table of tables, in every geodatabase."""
_LENGTH_AT = 24
"""Where a table's header holds the length of the file (github.com/rouault/dump_gdbtable/wiki/FGDB-Spec)."""
_MADE_UP = frozenset({"SHAPE_Length", "SHAPE_Area", "Shape_Length", "Shape_Area"})
"""What ArcGIS computes from the geometry and keeps beside it."""


def is_archived(archive: Archive) -> bool:
    """Return whether a ZIP holds a geodatabase."""
    return bool(_folders(archive))


def members_of(archive: Archive) -> list[str]:
    """Return the files of the geodatabases."""
    return [name for names in _folders(archive).values() for name in names]


def open_archived(archive: Archive, limits: Limits) -> OgrFile:
    """Return the feature classes of every geodatabase in a ZIP; tables without geometry are passed over."""
    sources = [_source(archive, index, folder, files) for index, (folder, files) in enumerate(_folders(archive).items())]
    return OgrFile(FORMAT, sources, limits)


def _folders(archive: Archive) -> Mapping[PurePosixPath, list[str]]:
    """Return the files of each folder in which a geodatabase lies."""
    places: dict[PurePosixPath, list[str]] = defaultdict(list)
    for name in archive.names:
        places[PurePosixPath(name.replace("\\", "/")).parent].append(name)
    return {folder: names for folder, names in places.items() if any(_file(n) == _CATALOGUE for n in names)}


def _source(archive: Archive, index: int, folder: PurePosixPath, files: list[str]) -> OgrSource:
    contents = {_file(name): content for name, content in archive.mapped(files).items()}
    for name, content in contents.items():
        if name.endswith(".gdbtable"):
            _check_length(name, content)
    memory = tuple(MemoryFile(f"geodatabase{index}.gdb/{name}", content) for name, content in contents.items())
    path = memory[0].path.rpartition("/")[0]
    return OgrSource(_DRIVER, path, memory, folder.stem or FORMAT, without=_MADE_UP, is_counted=True)


def _check_length(name: str, table: Unpacked) -> None:
    """Refuse a table that is shorter than its header says: GDAL would read what is left of it without a word."""
    stated = struct.unpack_from("<Q", table, _LENGTH_AT)[0] if len(table) >= _LENGTH_AT + 8 else _LENGTH_AT + 8
    if len(table) < stated:
        raise rejected(
            "unreadable", f"{name} is cut off: {len(table)} of {stated} bytes.", f"{name} 不完整：{len(table)} / {stated} 字节。"
        )


def _file(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name.casefold()
