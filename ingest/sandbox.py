"""The parent's side of the sandbox: start a child, ask it to read one file, take what it sends, and end it.

The child is a fresh interpreter with an empty environment; it closes itself in before it touches the file
(`ingest.confinement`). A child that dies, hangs or sends nonsense rejects its file, and nothing else happens.
"""

from __future__ import annotations

import fcntl
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest import gdal_policy
from ingest.access import with_tables
from ingest.confinement.closing import unavailable
from ingest.frames import (
    HEADER,
    MAX_FRAME_BYTES,
    Beside,
    BrokenFrameError,
    Kind,
    decode_batch,
    decode_block,
    decode_chunk,
    decode_json,
    decode_picture,
    decode_refusal,
    encode_request,
)
from ingest.protocol import FileInfo, Limits, Message, ReadRequest, batch_schema
from ingest.refusals import memory_refusal, rejected, timed_out
from twin.errors import TwinError

_PROJECT = Path(__file__).resolve().parents[1]
_BOOT = "import os, sys; os.closerange(3, 1024); sys.path.insert(0, sys.argv[1]); from ingest.child import main; main()"
_PIPE_BYTES = 1 << 20
_STDERR_KEPT = 8192
_FRAMES_AHEAD = 4
"""How many frames are kept for whoever takes them: the child goes on reading while a batch is copied into the database."""
_ENVIRONMENT: Mapping[str, str] = {
    "HOME": "/",  # there is none: libraries that look for their settings there find nothing
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    # no library may start a thread before the sandbox is closed: it would stay outside
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "RUST_BACKTRACE": "0",
}
_OUT_OF_MEMORY = (b"bad_alloc", b"MemoryError", b"memory allocation of")
"""Last words of C++, Python and Rust."""


def inspect_file(path: Path, limits: Limits | None = None, work: Path | None = None) -> FileInfo:
    """Return what ``path`` is by its content: format, layers, columns, CRS; read in the sandbox, with ``work`` as in `ReadRequest`.

    Raises UnsupportedMediaError, RejectedError or UnavailableError, as `read_file`.
    """
    request = ReadRequest(path.resolve(), (), storage_srid=0, limits=limits or Limits(), work=work)
    with _running_child(request) as child:
        for kind, payload in child.frames():
            if kind is Kind.INFO:
                info = decode_json(kind, payload)
                if isinstance(info, FileInfo):
                    return info
    raise child.reason_of_death()


def read_file(request: ReadRequest) -> Iterator[Message]:
    """Yield what the sandboxed child reads out of one file, part after part (see `ingest.protocol`).

    Raises UnsupportedMediaError (a kind that is not read), RejectedError (a blocking rule, or code ``parser-crash``,
    ``parser-timeout``, ``parser-memory``, ``parser-nonsense``) and UnavailableError ``sandbox-unavailable``. Closing the
    iterator ends the child.
    """
    schemas = {part.dataset: batch_schema(part.feature_type) for part in request.parts if part.feature_type.geometry_type != "coverage"}
    with _running_child(request) as child:
        beside = Beside()
        try:
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
                    case Kind.CHUNK:
                        yield decode_chunk(payload)
                    case _:
                        message = decode_json(kind, payload)
                        if not isinstance(message, FileInfo):
                            yield message
        except BrokenFrameError as error:
            raise rejected(
                "parser-nonsense", "The reader sent something that is not of the protocol.", "读取进程返回了不合协议的内容。"
            ) from error


_Fetched = tuple[Kind, bytes] | Exception | None
"""A frame, why there is no more, or None at the end."""


class _Child:
    """A running reader and the clock of how long we have waited for it."""

    def __init__(self, request: ReadRequest) -> None:
        self._limits = request.limits
        self._waited_s = 0.0
        self._stderr = b""
        self._timed_out = False
        self._ended = threading.Event()
        self._fetcher: threading.Thread | None = None
        environment = {**_ENVIRONMENT, **gdal_policy.ENVIRONMENT}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", _BOOT, str(_PROJECT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd="/",
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        threading.Thread(target=self._keep_stderr, daemon=True).start()
        with suppress(OSError):
            fcntl.fcntl(self._stdout_fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._send(encode_request(request))

    @property
    def _stdout_fd(self) -> int:
        if self._process.stdout is None:
            raise RuntimeError("the child has no output")
        return self._process.stdout.fileno()

    def _send(self, request: bytes) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the child has no input")
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            view = memoryview(request)
            while view:
                view = view[pipe.write(view) or 0 :]

    def _keep_stderr(self) -> None:
        if self._process.stderr is None:
            return
        with self._process.stderr as pipe:
            while chunk := pipe.read(4096):
                self._stderr = (self._stderr + chunk)[-_STDERR_KEPT:]

    def frames(self) -> Iterator[tuple[Kind, bytes]]:
        """Yield frames until the child says it is done; raise what it refuses with, or why it ended."""
        while True:
            head = self._read(HEADER.size)
            code, length = HEADER.unpack(head)
            try:
                kind = Kind(code.decode("ascii", "replace"))
            except ValueError as error:
                raise BrokenFrameError("unknown kind") from error
            if length > MAX_FRAME_BYTES:
                raise BrokenFrameError("frame too long")
            payload = self._read(length)
            if kind is Kind.DONE:
                return
            if kind is Kind.REFUSAL:
                raise decode_refusal(payload)
            yield kind, payload

    def frames_ahead(self) -> Iterator[tuple[Kind, bytes]]:
        """Yield what `frames` does, a few frames ahead of whoever takes them."""
        fetched: queue.Queue[_Fetched] = queue.Queue(_FRAMES_AHEAD)
        self._fetcher = threading.Thread(target=self._fetch, args=(fetched,), daemon=True)
        self._fetcher.start()
        while (item := fetched.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    def _fetch(self, fetched: queue.Queue[_Fetched]) -> None:
        try:
            for item in self.frames():
                self._hand_on(fetched, item)
            self._hand_on(fetched, None)
        except Exception as error:  # noqa: BLE001  # raised again where the frames are taken
            self._hand_on(fetched, error)

    def _hand_on(self, fetched: queue.Queue[_Fetched], item: _Fetched) -> None:
        while not self._ended.is_set():
            with suppress(queue.Full):
                fetched.put(item, timeout=0.1)
                return

    def _read(self, length: int) -> bytes:
        """Return exactly ``length`` bytes within the time that is left."""
        parts: list[bytes] = []
        missing = length
        while missing:
            started = time.monotonic()
            ready = select.select([self._stdout_fd], [], [], max(0.0, self._limits.wall_s - self._waited_s))[0]
            chunk = os.read(self._stdout_fd, min(missing, _PIPE_BYTES)) if ready else b""
            self._waited_s += time.monotonic() - started
            if not chunk:
                self._timed_out = not ready
                raise self.reason_of_death()
            parts.append(chunk)
            missing -= len(chunk)
        return b"".join(parts)

    def reason_of_death(self) -> TwinError:
        """Return why the child ended without an answer."""
        if self._timed_out:
            return timed_out()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        status = self._process.returncode
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return timed_out()
        if any(words in self._stderr for words in _OUT_OF_MEMORY):
            return memory_refusal()
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            return rejected("parser-crash", f"The reader crashed on this file ({name}).", f"读取该文件时解析程序崩溃({name})。")
        return rejected("parser-crash", "The reader ended without an answer.", "读取进程未给出结果即已退出。")

    def end(self) -> None:
        """Kill the child's whole session and wait for it."""
        self._ended.set()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._fetcher is not None:
            self._fetcher.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def _running_child(request: ReadRequest) -> Generator[_Child]:
    if not sys.platform.startswith("linux"):
        raise unavailable(f"{sys.platform} has neither Landlock nor seccomp")
    with with_tables(request) as prepared:
        child = _Child(prepared)
        try:
            yield child
        finally:
            child.end()
