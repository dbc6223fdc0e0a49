"""GDAL's ogr2ogr writes the files of another program: Debian's, or the same function of the library that PostGIS brings along."""

from __future__ import annotations

import ctypes.util
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

_OF_THE_LIBRARY = """
    import ctypes, sys
    gdal = ctypes.CDLL(sys.argv[1])
    pointer, words = ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p)

    def function(name, result, *parameters):
        found = getattr(gdal, name)
        found.restype, found.argtypes = result, parameters
        return found

    def as_list(texts):
        return (ctypes.c_char_p * (len(texts) + 1))(*(text.encode() for text in texts), None)

    target, source, *options = sys.argv[2:]
    to_open = [options[i + 1] for i, word in enumerate(options) if word == "-oo"]
    others = [word for i, word in enumerate(options) if "-oo" not in (word, *options[max(i - 1, 0) : i])]
    function("GDALAllRegister", None)()
    opened = function("GDALOpenEx", pointer, ctypes.c_char_p, ctypes.c_uint, words, words, words)(
        source.encode(), 0x04 | 0x40, None, as_list(to_open), None
    )
    asked = function("GDALVectorTranslateOptionsNew", pointer, words, pointer)(as_list(others), None)
    count = ctypes.c_int
    translate = function(
        "GDALVectorTranslate", pointer, ctypes.c_char_p, pointer, count, ctypes.POINTER(pointer), pointer, ctypes.POINTER(count)
    )
    if not (opened and asked):
        sys.exit("not opened")
    written = translate(target.encode(), None, 1, (pointer * 1)(opened), asked, ctypes.byref(count()))
    if not written:
        sys.exit("not written")
    close = function("GDALClose", None, pointer)
    close(written)
    close(opened)
"""
"""What the program does with its arguments, for options and one source."""


def ogr2ogr(target: Path, source: Path, *options: str) -> Path:
    """Let the distribution's GDAL write ``source`` to ``target``, which is returned; CalledProcessError when it cannot."""
    program = shutil.which("ogr2ogr")
    library = ctypes.util.find_library("gdal")
    if program is not None:
        command = [program, *options, str(target), str(source)]
    elif library is not None:
        command = [sys.executable, "-c", textwrap.dedent(_OF_THE_LIBRARY), library, str(target), str(source), *options]
    else:
        pytest.skip("neither gdal-bin nor libgdal is installed")
    subprocess.run(command, check=True, capture_output=True)
    return target
