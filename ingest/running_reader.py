"""One confined reader at work: its request goes in, its frames come out, and the clock of how long we have waited for it."""

from __future__ import annotations

import fcntl
import os
import queue
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from ingest.frames import HEADER, MAX_FRAME_BYTES, BrokenFrameError, Kind, Payload, decode_refusal, encode_request
from ingest.protocol import ReadRequest
from ingest.refusals import memory_refusal, rejected, timed_out
from ingest.stopping import stopped
from ingest.warm_template import Forked
from twin.errors import TwinError

_PIPE_BYTES = 1 << 20
_STDERR_KEPT = 8192
_LAST_WORDS_S = 5.0
_ASK_S = 0.5
"""After which a reader that says nothing is asked whether it is still wanted."""
_FRAMES_AHEAD = 2
"""How many frames are kept for whoever takes them: the child goes on reading while a batch is copied into the database."""
_OUT_OF_MEMORY = (b"bad_alloc", b"MemoryError", b"memory allocation of")
"""Last words of C++, Python and Rust."""

_Fetched = tuple[Kind, Payload] | Exception | None
"""A frame, why there is no more, or None at the end."""


class RunningReader:
    """A reader that was forked for ``request``; `end` it when it is done with."""

    def __init__(self, process: Forked, request: ReadRequest, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._process = process
        self._is_stopped = is_stopped
        self._limits = request.limits
        self._waited_s = 0.0
        self._stderr = b""
        self._timed_out = False
        self.imported: int | None = None
        """The kind of files that something had to be imported for (`ingest.readers.choice.FILES`)."""
        self._ended = threading.Event()
        self._fetcher: threading.Thread | None = None
        self._readable = select.poll()
        self._readable.register(process.output, select.POLLIN)
        self._listener = threading.Thread(target=self._keep_stderr, daemon=True)
        self._listener.start()
        with suppress(OSError):
            fcntl.fcntl(process.output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._send(encode_request(request))

    def _send(self, request: bytes) -> None:
        with suppress(BrokenPipeError), os.fdopen(self._process.request, "wb", buffering=0) as pipe:
            view = memoryview(request)
            while view:
                view = view[pipe.write(view) or 0 :]

    def _keep_stderr(self) -> None:
        while chunk := os.read(self._process.errors, 4096):
            self._stderr = (self._stderr + chunk)[-_STDERR_KEPT:]

    def frames(self) -> Iterator[tuple[Kind, Payload]]:
        """Yield frames until the child says it is done; raise what it refuses with, or why it ended.

        What it has imported it says first of all, before it closes itself in: said later it is the file that speaks, and not believed.
        """
        kind, payload = self._frame()
        if kind is Kind.IMPORTED:
            self.imported = _number(payload)
            kind, payload = self._frame()
        while kind is not Kind.DONE:
            if kind is Kind.REFUSAL:
                raise decode_refusal(payload)
            if kind is Kind.IMPORTED:
                raise BrokenFrameError("imported behind closed doors")
            yield kind, payload
            kind, payload = self._frame()

    def _frame(self) -> tuple[Kind, bytearray]:
        code, length = HEADER.unpack(self._read(HEADER.size))
        try:
            kind = Kind(code.decode("ascii", "replace"))
        except ValueError as error:
            raise BrokenFrameError("unknown kind") from error
        if length > MAX_FRAME_BYTES:
            raise BrokenFrameError("frame too long")
        return kind, self._read(length)

    def frames_ahead(self) -> Iterator[tuple[Kind, Payload]]:
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

    def _read(self, length: int) -> bytearray:
        """Return exactly ``length`` bytes within the time that is left, read where they stay: pieces would leave memory in pieces."""
        content = bytearray(length)
        missing = memoryview(content)
        while missing:
            started = time.monotonic()
            left_s = max(0.0, self._limits.wall_s - self._waited_s)
            ready = self._readable.poll(1000 * min(_ASK_S, left_s))
            if self._is_stopped():
                raise stopped()
            count = os.readv(self._process.output, [missing]) if ready else 0
            self._waited_s += time.monotonic() - started
            if not ready and left_s > _ASK_S:
                continue
            if not count:
                self._timed_out = not ready
                raise self.reason_of_death()
            missing = missing[count:]
        return content

    def distrust(self) -> None:
        """Have no more readers forked from where this one comes from."""
        self._process.distrust()

    def reason_of_death(self) -> TwinError:
        """Return why the child ended without an answer, or has none in time, and `distrust` it."""
        self._process.distrust()
        if self._timed_out:
            return timed_out()
        try:
            status = self._process.wait(_LAST_WORDS_S)
        except TimeoutError:
            return _unanswered()
        except TwinError as error:
            return error
        if status in (-signal.SIGXCPU, -signal.SIGKILL):
            return timed_out()
        if any(words in self._stderr for words in _OUT_OF_MEMORY):
            return memory_refusal()
        if status < 0:
            name = signal.Signals(-status).name
            return rejected("parser-crash", f"The reader crashed on this file ({name}).", f"读取该文件时解析程序崩溃（{name}）。")
        return _unanswered()

    def end(self) -> None:
        """Kill the child and wait for it."""
        self._ended.set()
        self._process.end()
        if self.imported is not None:
            self._process.have_imported(self.imported)
        for thread in filter(None, (self._listener, self._fetcher)):
            if not sys.is_finalizing():  # then threads run no more: one that was not done would be waited for without end
                thread.join()
        self._process.close()


def _number(payload: bytearray) -> int | None:
    if len(payload) > 1:
        raise BrokenFrameError("more than one kind imported")
    return payload[0] if payload else None


def _unanswered() -> TwinError:
    return rejected("parser-crash", "The reader ended without an answer.", "读取进程未给出结果即已退出。")
