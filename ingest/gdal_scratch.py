"""Where GDAL's OSM driver puts the places of nodes when they are too many for its memory: a file without a name that we hold open.

A reader can open no file for writing. GDAL asks a file system of ours instead (``VSIInstallPluginHandler``, GDAL's cpl_vsi.h), which
has one file, beside what was unpacked; it is read and written by its number, so no page of it is mapped.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import CFUNCTYPE, Structure, c_char, c_char_p, c_int, c_size_t, c_uint64, c_void_p

from ingest.gdal_policy import loaded_gdals
from ingest.readers.unpacked import Scratch

_PREFIX, _FOLDER = b"/vsinodes/", b"/vsinodes"
_ONLY = b"osm_tmp_nodes"
"""What is in the name of the file that GDAL may have here; its other one is SQLite's, which opens files itself."""
_HANDLE = 1

_OPEN, _TELL = CFUNCTYPE(c_void_p, c_void_p, c_char_p, c_char_p), CFUNCTYPE(c_uint64, c_void_p)
_SEEK, _MOVE = CFUNCTYPE(c_int, c_void_p, c_uint64, c_int), CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_size_t, c_size_t)
_ASK, _CUT = CFUNCTYPE(c_int, c_void_p), CFUNCTYPE(c_int, c_void_p, c_uint64)


class _Callbacks(Structure):
    """The first members of VSIFilesystemPluginCallbacksStruct; those behind them stay as GDAL allocates them: none."""

    _fields_ = [
        ("user", c_void_p), ("stat", c_void_p), ("unlink", c_void_p), ("rename", c_void_p), ("mkdir", c_void_p), ("rmdir", c_void_p),
        ("read_dir", c_void_p), ("open", _OPEN), ("tell", _TELL), ("seek", _SEEK), ("read", _MOVE), ("read_multi_range", c_void_p),
        ("get_range_status", c_void_p), ("eof", _ASK), ("write", _MOVE), ("flush", _ASK), ("truncate", _CUT), ("close", _ASK),
    ]  # fmt: skip


class NodesFile:
    """The one file of that file system; a file that is made anew replaces it."""

    def __init__(self, scratch: Scratch) -> None:
        """Have every GDAL of this process put the file there, as long as this object and ``scratch`` live."""
        self._file = scratch.beside()
        self._at = self._length = 0
        self.fault: OSError | None = None
        """Why something was not written or read; GDAL goes on where it could not read, with places that are none."""
        self._callbacks = _Callbacks(
            open=_OPEN(self._open), tell=_TELL(lambda _: self._at), seek=_SEEK(self._seek), read=_MOVE(self._read),
            eof=_ASK(lambda _: int(self._at >= self._length)), write=_MOVE(self._write), flush=_ASK(lambda _: 0),
            truncate=_CUT(self._cut), close=_ASK(lambda _: 0),
        )  # fmt: skip
        for gdal in loaded_gdals():
            given = gdal.VSIAllocFilesystemPluginCallbacksStruct()
            ctypes.memmove(given, ctypes.byref(self._callbacks), ctypes.sizeof(self._callbacks))
            gdal.VSIInstallPluginHandler(_PREFIX, given)
            gdal.CPLSetConfigOption(b"CPL_TMPDIR", _FOLDER)

    def _open(self, _user: int, name: bytes, mode: bytes) -> int | None:
        if _ONLY not in name:
            return None
        if mode.startswith(b"w"):
            self._length, self.fault = 0, None
        self._at = 0
        return _HANDLE

    def _seek(self, _handle: int, offset: int, whence: int) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        return 0

    def _read(self, _handle: int, to: int, size: int, count: int) -> int:
        wanted = min(size * count, max(0, self._length - self._at))
        if not wanted:
            return 0
        try:
            os.lseek(self._file, self._at, os.SEEK_SET)  # Python's preadv is preadv2(2), which a reader may not call
            done = os.readv(self._file, [(c_char * wanted).from_address(to)])
        except OSError as error:
            self.fault = error
            return 0
        self._at += done
        return done // size

    def _write(self, _handle: int, what: int, size: int, count: int) -> int:
        rest = memoryview((c_char * (size * count)).from_address(what))
        try:
            os.lseek(self._file, self._at, os.SEEK_SET)
            while rest:
                done = os.write(self._file, rest)
                rest = rest[done:]
                self._at += done
        except OSError as error:
            self.fault = error
            return 0
        self._length = max(self._length, self._at)
        return count

    def _cut(self, _handle: int, length: int) -> int:
        self._length = length
        return 0
