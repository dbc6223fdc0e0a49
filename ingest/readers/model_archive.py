"""What a ZIP of a finished or textured model may hold: far more than another, for its tiles and pictures are read one by one."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from itertools import islice

from ingest.protocol import Limits, ReadRequest
from ingest.readers.archive import UNREADABLE
from ingest.readers.osgb_stream import MAGIC, is_osgb
from ingest.readers.tiles3d import has_root
from twin.errors import TwinError

_LOOKED_AT = 100
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


def limits_of(request: ReadRequest) -> Limits:
    """Return the limits of a ZIP by its content: a tileset, or a tree of OSGB tiles that shows among its first files, may be large.

    What is mostly pictures may have as many files: those on the walls of a city model.
    """
    limits = request.limits
    try:
        with zipfile.ZipFile(request.path) as file:
            is_large = has_root(file) or _has_osgb(file)
            if _is_mostly_pictures(file):
                limits = replace(limits, archive_entries=limits.model_entries)
    except (*UNREADABLE, ValueError, TwinError):
        return request.limits  # the archive is refused where it is opened
    return replace(limits, archive_entries=limits.model_entries, unpacked_bytes=limits.model_bytes) if is_large else limits


def _has_osgb(file: zipfile.ZipFile) -> bool:
    for info in islice((i for i in file.infolist() if not i.is_dir()), _LOOKED_AT):
        with file.open(info) as stream:
            if is_osgb(stream.read(len(MAGIC))):
                return True
    return False


def _is_mostly_pictures(file: zipfile.ZipFile) -> bool:
    names = file.namelist()
    return 2 * sum(name.casefold().endswith(_PICTURES) for name in names) > len(names)
