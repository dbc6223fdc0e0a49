"""The parent's side of the template (`ingest.template`): start it when it is first needed, and have it fork a reader per file."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from ingest import gdal_policy
from ingest.confinement.closing import unavailable
from ingest.template import STATUS

_PROJECT = Path(__file__).resolve().parents[1]
BOOT = "import os, sys; os.closerange(3, 1024); sys.path.insert(0, sys.argv[1]); from ingest.template import main; main()"
_START_S = 120.0
"""Nothing takes so long but a machine on which nothing works."""
_LEAVE_S = 5.0
_MOST_FORKS = 100
"""Children of one template have one layout of addresses: it is replaced after so many, and after any that a signal ended."""
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


@dataclass
class Forked:
    """A reader that has been started, at its pipes."""

    template: _Running
    request: int
    output: int
    errors: int
    process: int
    """Descriptor of the process (pidfd): it never names another one."""
    told: socket.socket
    status: int | None = field(default=None, init=False)

    def wait(self, timeout_s: float) -> int:
        """Return the exit code, or the negative number of the signal that ended it.

        Raises TimeoutError while it runs, UnavailableError ``sandbox-unavailable`` when the template is gone and nobody knows.
        """
        status = self.status
        if status is None:
            self.told.settimeout(timeout_s)
            told = self.told.recv(STATUS.size)
            if len(told) != STATUS.size:
                raise unavailable("the process that starts readers has ended")
            self.status = status = int(STATUS.unpack(told)[0])
            if status < 0:
                self.template.is_worn = True
        return status

    def end(self) -> None:
        """Kill it and wait until it is gone; its pipes stay."""
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self.process, signal.SIGKILL)
        ended = select.poll()
        ended.register(self.process, select.POLLIN)
        ended.poll()

    def close(self) -> None:
        """Close everything that is held of it but the request, which whoever wrote it has closed."""
        self.told.close()
        for descriptor in (self.output, self.errors, self.process):
            os.close(descriptor)


class Template:
    """Where readers come from: one template at a time, started at the first file, replaced when it is worn or gone.

    Safe for several threads. Use it as a context, or `close` it.
    """

    def __init__(self, boot: str = BOOT) -> None:
        """``boot`` is the program of the process, for tests of what becomes of one that fails."""
        self._boot = boot
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._leaving: list[_Running] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def fork(self) -> Forked:
        """Return a new reader that waits for its request; UnavailableError ``sandbox-unavailable`` when none can be had."""
        if not sys.platform.startswith("linux"):
            raise unavailable(f"{sys.platform} has neither Landlock nor seccomp")
        forked = self._at_hand().fork()  # it may have ended of idleness, or be killed, at any time
        if forked is None:
            forked = self._at_hand(fresh=True).fork()
        if forked is None:
            raise unavailable("the process that starts readers cannot be started")
        return forked

    def close(self) -> None:
        """Let the template go and wait until it is gone; readers that still run lose who would tell of their end."""
        with self._lock:
            self._replace(None)
            for running in self._leaving:
                running.wait()
            self._leaving.clear()

    def _at_hand(self, *, fresh: bool = False) -> _Running:
        with self._lock:
            if self._running is None or self._running.is_worn or fresh:
                self._replace(_Running(self._boot))
            if self._running is None:
                raise RuntimeError("no template was started")
            return self._running

    def _replace(self, running: _Running | None) -> None:
        if self._running is not None:
            self._running.let_go()
            self._leaving.append(self._running)
        self._leaving = [r for r in self._leaving if not r.has_ended]
        self._running = running


class _Running:
    """One template process."""

    def __init__(self, boot: str) -> None:
        self.is_worn = False
        self._forks = 0
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-X", "utf8", "-c", boot, str(_PROJECT), str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,  # what fails at its start is said on our own standard error
                env={**_ENVIRONMENT, **gdal_policy.ENVIRONMENT},
                cwd="/",
                close_fds=True,
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def let_go(self) -> None:
        """Ask for no more readers: it ends after the last that it has."""
        self._control.close()

    def wait(self) -> None:
        """Wait until the process is gone, not for long."""
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def fork(self) -> Forked | None:
        """Return a new reader, None when the template has ended."""
        self._forks += 1
        self.is_worn = self.is_worn or self._forks >= _MOST_FORKS
        with ExitStack() as theirs:
            request, output, errors = os.pipe(), os.pipe(), os.pipe()
            told, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours = (request[1], output[0], errors[0])
            handed = [request[0], output[1], errors[1], its_end.fileno()]
            theirs.callback(its_end.close)
            for descriptor in handed[:3]:
                theirs.callback(os.close, descriptor)
            with suppress(OSError):
                socket.send_fds(self._control, [b"\0"], handed)
        process = _process_of(told)
        if process is None:
            told.close()
            for descriptor in ours:
                os.close(descriptor)
            return None
        return Forked(self, *ours, process, told)


def _process_of(told: socket.socket) -> int | None:
    told.settimeout(_START_S)
    with suppress(OSError):
        _, descriptors, _, _ = socket.recv_fds(told, 1, 1)
        return descriptors[0] if descriptors else None
    return None
