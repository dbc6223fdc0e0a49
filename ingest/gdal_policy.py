"""Which formats GDAL may recognise in this process, for every copy of GDAL it has loaded (pyogrio's, rasterio's).

GDAL picks a driver by content, and some drivers open other files or the network (VRT, WMS, MRF; reliability.md §0.6), so
everything that is not named here is deregistered: GDAL_SKIP would be a list of the known bad ones only.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

ALLOWED_DRIVERS = frozenset(
    {"GPKG", "ESRI Shapefile", "FlatGeobuf", "OpenFileGDB", "MapInfo File", "GML", "OSM", "GTiff", "SRTMHGT", "MEM", "Memory"}
)

_FAILURE = 3
"""CE_Failure; warnings are less."""
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_int, ctypes.c_char_p)

ENVIRONMENT: Mapping[str, str] = {
    "CPL_CURL_ENABLE_VSIMEM": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .aux.xml, .ovr, .msk beside a file is looked for
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_CACHEMAX": "96",
    "GDAL_NUM_THREADS": "1",
    "GTIFF_USE_DEFECTIVE_LAYOUT": "NO",
    "GML_FIELDTYPES": "ALWAYS_STRING",  # guessed numbers would cost codes their leading zeros
    "OGR_SQLITE_LOAD_EXTENSIONS": "",
    "SQLITE_USE_OGR_VFS": "NO",
    "CPL_LOG": "/dev/null",
}


@cache
def loaded_gdals() -> tuple[ctypes.CDLL, ...]:
    """Return every libgdal mapped into this process when first asked: inside the sandbox ``/proc`` cannot be read."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    paths = {line.split(maxsplit=5)[5] for line in lines if "libgdal" in line}
    return tuple(_declared(ctypes.CDLL(path)) for path in sorted(paths))


def allow_only(drivers: frozenset[str] = ALLOWED_DRIVERS) -> None:
    """Deregister every driver but ``drivers`` from every loaded GDAL, for good; RuntimeError when one stays.

    rasterio registers all drivers whenever it opens its first file, so they are registered here and GDAL is told to skip the others.
    """
    for gdal in loaded_gdals():
        gdal.GDALAllRegister()
        others = sorted(_registered(gdal) - drivers)
        gdal.CPLSetConfigOption(b"GDAL_SKIP", ",".join(others).encode())
        gdal.GDALAllRegister()
        for index in range(gdal.GDALGetDriverCount() - 1, -1, -1):
            driver = gdal.GDALGetDriver(index)
            if gdal.GDALGetDriverShortName(driver).decode() not in drivers:
                gdal.GDALDeregisterDriver(driver)
        left = _registered(gdal)
        if not left <= drivers:
            raise RuntimeError(f"GDAL drivers that stay: {sorted(left - drivers)}")


def _registered(gdal: ctypes.CDLL) -> set[str]:
    return {gdal.GDALGetDriverShortName(gdal.GDALGetDriver(i)).decode() for i in range(gdal.GDALGetDriverCount())}


@contextmanager
def only(driver: str) -> Iterator[None]:
    """Let nothing but ``driver`` be asked when a file is opened in this block: GDAL offers a file to every driver it has, by content."""
    hidden: list[tuple[ctypes.CDLL, int]] = []
    for gdal in loaded_gdals():
        for index in range(gdal.GDALGetDriverCount() - 1, -1, -1):
            handle = gdal.GDALGetDriver(index)
            if gdal.GDALGetDriverShortName(handle).decode() != driver:
                gdal.GDALDeregisterDriver(handle)
                hidden.append((gdal, handle))
    try:
        yield
    finally:
        for gdal, handle in reversed(hidden):
            gdal.GDALRegisterDriver(handle)


def _declared(gdal: ctypes.CDLL) -> ctypes.CDLL:
    gdal.GDALGetDriver.restype = ctypes.c_void_p
    gdal.GDALGetDriverShortName.argtypes = [ctypes.c_void_p]
    gdal.GDALGetDriverShortName.restype = ctypes.c_char_p
    gdal.GDALDeregisterDriver.argtypes = [ctypes.c_void_p]
    gdal.CPLSetConfigOption.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    gdal.GDALRegisterDriver.argtypes = [ctypes.c_void_p]
    gdal.VSIFileFromMemBuffer.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int]
    gdal.VSIFileFromMemBuffer.restype = ctypes.c_void_p
    gdal.VSIFCloseL.argtypes = [ctypes.c_void_p]
    gdal.VSIUnlink.argtypes = [ctypes.c_char_p]
    gdal.CPLPushErrorHandler.argtypes = [_HANDLER]
    gdal.VSIInstallPluginHandler.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    gdal.VSIAllocFilesystemPluginCallbacksStruct.restype = ctypes.c_void_p
    return gdal


@contextmanager
def failures_told() -> Iterator[list[str]]:
    """Have what fails in any GDAL in this block, in this thread, be told in the list: some drivers end where their file does not."""
    told: list[str] = []

    def handle(grade: int, _number: int, message: bytes) -> None:
        if grade >= _FAILURE:
            told.append(message.decode("utf-8", "replace"))

    handler = _HANDLER(handle)
    for gdal in loaded_gdals():
        gdal.CPLPushErrorHandler(handler)
    try:
        yield told
    finally:
        for gdal in loaded_gdals():
            gdal.CPLPopErrorHandler()


class MemoryFile:
    """A file of GDAL's ``/vsimem/`` over bytes of ours, or over a file that is mapped, not copied; it lives as long as this object."""

    def __init__(self, name: str, content: bytes | memoryview) -> None:
        self.path = f"/vsimem/{name}"
        self._content = content
        self._bytes = np.frombuffer(content, np.uint8) if len(content) else np.zeros(1, np.uint8)
        for gdal in loaded_gdals():
            handle = gdal.VSIFileFromMemBuffer(self.path.encode(), self._bytes.ctypes.data, len(content), 0)
            if not handle:
                raise MemoryError(self.path)
            gdal.VSIFCloseL(handle)

    @property
    def mapping(self) -> mmap.mmap | None:
        """What to give pages back of: the file is the same when it is looked at again."""
        inner = self._content.obj if isinstance(self._content, memoryview) else None
        return inner if isinstance(inner, mmap.mmap) else None
