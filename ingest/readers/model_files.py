"""The files of a mesh in an archive, and those they name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

from ingest.readers.archive import Archive
from ingest.readers.tileset_document import resolved
from ingest.refusals import rejected
from twin.errors import TwinError

_OWN_DISK = re.compile(r"[A-Za-z]:/")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of triangles."""

    name: str
    unpack: Callable[[], bytes]
    beside: Callable[[str], bytes]
    """Gives a file it names; RejectedError ``model-content-missing`` or ``model-uri-outside``."""


def beside_in(archive: Archive, name: str) -> Callable[[str], bytes]:
    """Return what gives the files that the file ``name`` names, relative to it; names differ in case as Windows lets them.

    Of a path on the disk of whoever wrote the model (``D:/tex/a.png``) the last name counts.
    """
    names = {n.casefold(): n for n in archive.names}

    def read(uri: str) -> bytes:
        relative = uri.replace("\\", "/")
        if _OWN_DISK.match(relative):
            relative = posixpath.basename(relative)
        path = resolved(posixpath.dirname(name), relative, name)
        if path.casefold() not in names:
            raise _missing(path)
        return archive.read(names[path.casefold()])

    return read


def nothing_beside(uri: str) -> bytes:
    """Refuse: nothing lies beside a file alone."""
    raise _missing(uri)


def _missing(path: str) -> TwinError:
    shown = path[:200]
    return rejected(
        "model-content-missing",
        f"{shown} is referred to, but is not there: put the model and all its files into one ZIP.",
        f"缺少被引用的文件 {shown}：请将模型及其全部文件打包为一个 ZIP。",
    )
