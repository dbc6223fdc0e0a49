"""The parent's side of the sandbox: ask a confined child to read one file, and take what it sends.

The child has been forked from a template (`ingest.template`) and closes itself in before it touches the file
(`ingest.confinement`). A child that dies, hangs or sends nonsense rejects its file, and nothing else happens.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from ingest.access import with_tables
from ingest.frames import (
    Beside,
    BrokenFrameError,
    Kind,
    decode_batch,
    decode_block,
    decode_chunk,
    decode_json,
    decode_picture,
    decode_texture,
)
from ingest.protocol import FileInfo, Limits, Message, ReadRequest, batch_schema
from ingest.refusals import rejected
from ingest.running_reader import RunningReader
from ingest.warm_template import Template


def inspect_file(path: Path, limits: Limits | None = None, work: Path | None = None, template: Template | None = None) -> FileInfo:
    """Return what ``path`` is by its content: format, layers, columns, CRS; read in the sandbox, with ``work`` as in `ReadRequest`.

    Raises UnsupportedMediaError, RejectedError or UnavailableError, as `read_file`; ``no-features`` for a file without layers.
    """
    request = ReadRequest(path.resolve(), (), storage_srid=0, limits=limits or Limits(), work=work)
    with _running_reader(request, template) as child:
        for kind, payload in child.frames():
            if kind is Kind.INFO:
                info = decode_json(kind, payload)
                if isinstance(info, FileInfo):
                    return _with_layers(info)
    raise child.reason_of_death()


def read_file(request: ReadRequest, template: Template | None = None, is_stopped: Callable[[], bool] = lambda: False) -> Generator[Message]:
    """Yield what the sandboxed child reads out of one file, part after part (see `ingest.protocol`).

    Raises UnsupportedMediaError (a kind that is not read), RejectedError (a blocking rule, or code ``parser-crash``,
    ``parser-timeout``, ``parser-memory``, ``parser-nonsense``) and UnavailableError ``sandbox-unavailable``. Closing the
    iterator ends the child. Without a ``template`` one is started for this file alone. Once ``is_stopped`` says so, within half a second,
    the child is ended and ConflictError ``withdrawn`` raised.
    """
    schemas = {part.dataset: batch_schema(part.feature_type) for part in request.parts if part.feature_type.geometry_type != "coverage"}
    with _running_reader(request, template, is_stopped) as child:
        beside = Beside()
        for kind, payload in child.frames_ahead():
            match kind:
                case Kind.FINDINGS | Kind.REPRESENTATIONS | Kind.DOCUMENTS:
                    beside = beside.with_frame(kind, payload)
                case Kind.BATCH:
                    yield decode_batch(beside, payload, schemas)
                    beside = Beside()
                case Kind.BLOCK:
                    yield decode_block(payload)
                case Kind.PICTURE:
                    yield decode_picture(payload)
                case Kind.TEXTURE:
                    yield decode_texture(payload)
                case Kind.CHUNK:
                    yield decode_chunk(payload)
                case _:
                    message = decode_json(kind, payload)
                    if not isinstance(message, FileInfo):
                        yield message


def _with_layers(info: FileInfo) -> FileInfo:
    if not info.layers:
        raise rejected("no-features", f"The {info.format} file holds no layer that is read.", f"{info.format} 文件中没有可以读取的图层。")
    return info


@contextmanager
def _running_reader(
    request: ReadRequest, template: Template | None, is_stopped: Callable[[], bool] = lambda: False
) -> Generator[RunningReader]:
    if template is None:
        with Template() as own, _running_reader(request, own, is_stopped) as child:
            yield child
        return
    with with_tables(request) as prepared:
        child = RunningReader(template.fork(), prepared, is_stopped)
        try:
            yield child
        except GeneratorExit:  # whoever takes what it sends wants no more of it: it may be nonsense in proper frames
            child.distrust()
            raise
        except BrokenFrameError as error:
            child.distrust()
            raise rejected(
                "parser-nonsense", "The reader sent something that is not of the protocol.", "读取进程返回了不合协议的内容。"
            ) from error
        finally:
            child.end()
