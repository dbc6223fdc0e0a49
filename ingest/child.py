"""The sandboxed child: close the doors, then read one file and send what is in it.

Everything native is imported before `confine`, in the template it is forked from (`ingest.template`) or, where only files of one kind
need it, first of all: what the file can reach afterwards is code that is already there.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyproj.datadir

from ingest import gdal_policy, sure_rows
from ingest.confinement.closing import confine
from ingest.confinement.privileges import mapped_bytes
from ingest.frames import Kind, decode_request, encode_message, encode_refusal, frame, prepare_to_answer
from ingest.freed_memory import give_back_program_pages
from ingest.protocol import FileInfo, LayerInfo, Limits, Message, ReadRequest
from ingest.readers.archive import is_archive
from ingest.readers.choice import choose_reader, import_for, import_kind, sidecars
from ingest.readers.content import HEAD_BYTES
from ingest.readers.osm import OsmPbf, is_osm_pbf
from ingest.readers.source import CoverageReader
from ingest.readers.survey import Survey, ends_wanted
from ingest.readers.unpacked import Scratch
from ingest.reading import read_parts
from ingest.refusals import memory_refusal
from ingest.sampling import with_samples
from ingest.source_rows import source_rows
from ingest.understanding.defined import told_by_file
from twin.errors import RejectedError, TwinError
from twin.rules.loader import load_rules

_INPUT, _OUTPUT = 0, 1
_MOST_AT_ONCE = 1024
"""Buffers that the system takes in one call (IOV_MAX)."""
_TURN_S = 0.0002
"""So long a thread that runs Python lets another wait: with Python's 5 ms, a kernel that has ended waits longer than it took."""


def prepare() -> None:
    """Do once what every child needs done."""
    gdal_policy.allow_only()
    prepare_to_answer()
    load_rules()
    sure_rows.ready()
    give_back_program_pages()
    _prepared_bytes()


def prepare_for(number: int) -> None:
    """Do once what every child with a file of one kind needs done (`ingest.readers.choice.FILES`)."""
    if import_kind(number):
        give_back_program_pages()


def main() -> None:
    """Read a request from standard input, answer on standard output, and exit."""
    with os.fdopen(_INPUT, "rb", closefd=False) as given:
        request = decode_request(given.read())
    try:
        for directory in request.proj_data_dirs:
            pyproj.datadir.append_data_dir(str(directory))
        imported = import_for(request.path)
        _send(frame(Kind.IMPORTED, b"" if imported is None else bytes([imported])))  # always: nobody can say it in its place later
        sys.setswitchinterval(_TURN_S)
        scratch = close_in(request, _beside_imports(request.limits))
        for message in _answer(request, scratch):
            _send(encode_message(message))
            del message  # while the next one is made nobody holds it here
        _send(frame(Kind.DONE))
    except TwinError as error:
        _send(encode_refusal(error))
    except MemoryError:
        _send(encode_refusal(memory_refusal()))
    except Exception as error:  # noqa: BLE001  # whatever a library raises about a hostile file: the file's fault, never ours to die of
        _send(encode_refusal(_unreadable(error)))
    os._exit(0)  # no destructor of a native library has a say any more


def close_in(request: ReadRequest, limits: Limits) -> Scratch | None:
    """Leave this process only reading the files of ``request``, for good; return where to unpack an archive or keep nodes, or None."""
    with request.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    scratch = Scratch(request.work) if is_archive(head) or is_osm_pbf(head) else None
    readable = _readable(request)
    if scratch is None:
        confine(readable, limits)
    else:
        confine([*readable, scratch.path], limits, limits.unpacked_bytes)
    return scratch


@functools.cache
def _prepared_bytes() -> int:
    """Return how much was mapped when this was first asked, at the end of `prepare`."""
    return mapped_bytes()


def _beside_imports(limits: Limits) -> Limits:
    """Return the limits with room for what has been imported since `prepare`: a file has the same, whichever were read before it."""
    return replace(limits, memory_bytes=limits.memory_bytes + max(0, mapped_bytes() - _prepared_bytes()))


def _readable(request: ReadRequest) -> list[Path]:
    files = [request.path, *request.companions]
    declared = [Path(request.crs)] if request.crs and request.crs.startswith("/") else []
    return [*files, *(s for f in files for s in sidecars(f)), *declared, *request.proj_data_dirs, *(t.path for t in request.tables)]


def _answer(request: ReadRequest, scratch: Scratch | None) -> Iterator[Message | FileInfo]:
    reader = choose_reader(request, scratch)
    if isinstance(reader, OsmPbf) and scratch is not None:
        reader.keep_nodes_in(scratch)
    if not request.parts:
        info = reader.inspect()
        if not isinstance(reader, CoverageReader):
            info = with_samples(reader, info)
        yield replace(info, layers=tuple(_with_named_crs(layer) for layer in info.layers))
        return
    if any(part.only_rows is not None for part in request.parts):
        for part in request.parts:
            yield from source_rows(reader, part)
        return
    wanted = ends_wanted(reader, request) if request.ends.may_ask and isinstance(reader, Survey) else None
    if wanted is not None:
        yield wanted
    else:
        yield from read_parts(reader, request)


def _with_named_crs(layer: LayerInfo) -> LayerInfo:
    if layer.crs is None:
        return layer
    label, defined = told_by_file(layer.crs, layer.sample)
    return replace(layer, crs=label, defined=defined)


def _unreadable(error: Exception) -> TwinError:
    reason = f"{type(error).__name__}: {error}"[:500]
    zh = f"文件损坏、不完整，或内容与格式不符，无法读取；请重新导出后再提交（{reason}）"
    en = f"The file cannot be read, it is damaged, incomplete or not what it says it is: export it anew ({reason})"
    return RejectedError(en, zh=zh).with_code("unreadable")


def _send(buffers: Iterable[bytes | memoryview]) -> None:
    """Write buffers one after the other, many at a time: a batch is a hundred, most of them short, and each call wakes who reads."""
    left = [view for view in (memoryview(buffer) for buffer in buffers) if view.nbytes]
    while left:
        written = os.writev(_OUTPUT, left[:_MOST_AT_ONCE])
        whole = 0
        while whole < len(left) and written >= left[whole].nbytes:
            written -= left[whole].nbytes
            whole += 1
        del left[:whole]
        if written:
            left[0] = left[0].cast("B")[written:]
