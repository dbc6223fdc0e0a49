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
from ingest.freed_memory import give_back_program_pages
from ingest.template import FORK, IMPORT, STATUS

_PROJECT = Path(__file__).resolve().parents[1]
BOOT = "import os, sys; os.closerange(3, 1024); sys.path.insert(0, sys.argv[1]); from ingest.template import main; main()"
_START_S = 120.0
"""Nothing takes so long but a machine on which nothing works."""
_LEAVE_S = 5.0
_TRIES = 2
_MOST_FORKS = 100
"""Children of one template have one layout of addresses: it is replaced after so many, and after any that left no proper answer."""
_ENVIRONMENT: Mapping[str, str] = {
    "HOME": "/",  # there is none: libraries that look for their settings there find nothing
    "LANG": "C.UTF-8",
    # one allocator for all: what Arrow and numpy free serves the next batch of either; huge pages are zeroed whole for arrays half filled
    "MALLOC_ARENA_MAX": "2",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "NUMPY_MADVISE_HUGEPAGE": "0",
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
        return status

    def distrust(self) -> None:
        """Make it the last of its template: it may have been fed to find out where things lie in memory."""
        self.template.is_worn = True

    def have_imported(self, kind: int) -> None:
        """Have its template import what it had to import for a kind of files (`ingest.readers.choice.FILES`), for the next."""
        self.template.have_imported(kind)

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
        failed: _Running | None = None
        for _ in range(_TRIES):
            with self._lock:  # nobody replaces it between the choice and the question
                running = self._at_hand(failed)
                asked = running.ask()
            forked = asked.answer()
            if forked is not None:
                return forked
            failed = running  # it may have ended of idleness, or be killed, at any time
        raise unavailable("the process that starts readers cannot be started")

    def close(self) -> None:
        """Let the template go and wait until it is gone; readers that still run lose who would tell of their end."""
        with self._lock:
            self._replace(None)
            for running in self._leaving:
                running.wait()
            self._leaving.clear()

    def _at_hand(self, failed: _Running | None) -> _Running:
        """Return the template to ask, a new one where there is none that is of use; ``failed`` is known not to be."""
        running = self._running
        if running is None or running.is_worn or running is failed:
            running = _Running(self._boot)
            self._replace(running)
        return running

    def _replace(self, running: _Running | None) -> None:
        if self._running is not None:
            self._running.let_go()
            self._leaving.append(self._running)
        self._leaving = [r for r in self._leaving if not r.has_ended]
        self._running = running


class _Running:
    """One template process."""

    def __init__(self, boot: str) -> None:
        give_back_program_pages()  # here, too, most of what there is of libraries has only been needed for the start
        self.is_worn = False
        self._forks = 0
        self._sending = threading.Lock()
        """A descriptor that is closed while something is sent may be another file's by then."""
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
        # whenever it ends, it is taken from the table of processes: nobody may need another for days
        threading.Thread(target=self._process.wait, name="template-end", daemon=True).start()

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def let_go(self) -> None:
        """Ask for no more readers: it ends after the last that it has."""
        with self._sending:
            self._control.close()

    def wait(self) -> None:
        """Wait until the process is gone, not for long."""
        if sys.is_finalizing():
            return  # the thread that waits for it runs no more, and holds the lock of waiting
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def have_imported(self, kind: int) -> None:
        """Ask for what a kind of files needs to be imported, without waiting for it; what a template does not know it lets be.

        One from which no more readers come is not asked.
        """
        with self._sending, suppress(OSError):
            if not self.is_worn:
                self._control.send(IMPORT + bytes([kind]), socket.MSG_DONTWAIT)

    def ask(self) -> _Asked:
        """Ask for a new reader, without waiting for it; of a template that has ended none comes."""
        self._forks += 1
        self.is_worn = self.is_worn or self._forks >= _MOST_FORKS
        with ExitStack() as theirs:
            request, output, errors = os.pipe(), os.pipe(), os.pipe()
            told, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            handed = [request[0], output[1], errors[1], its_end.fileno()]
            theirs.callback(its_end.close)
            for descriptor in handed[:3]:
                theirs.callback(os.close, descriptor)
            with self._sending, suppress(OSError):
                socket.send_fds(self._control, [FORK], handed)
        return _Asked(self, (request[1], output[0], errors[0]), told)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A reader that a template was asked for."""

    template: _Running
    pipes: tuple[int, int, int]
    told: socket.socket

    def answer(self) -> Forked | None:
        """Return the reader once it runs, None when the template has ended."""
        process = _process_of(self.told)
        if process is None:
            self.told.close()
            for descriptor in self.pipes:
                os.close(descriptor)
            return None
        return Forked(self.template, *self.pipes, process, self.told)


def _process_of(told: socket.socket) -> int | None:
    told.settimeout(_START_S)
    with suppress(OSError):
        _, descriptors, _, _ = socket.recv_fds(told, 1, 1)
        return descriptors[0] if descriptors else None
    return None
