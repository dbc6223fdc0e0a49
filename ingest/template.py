"""The template of readers: a process that has imported them all once, and forks a child for every file that is to be read.

It is started by `ingest.warm_template` and never touches a file, a request or an answer: it is handed descriptors, forks, and hands
them to the child, which reads its request, closes itself in and reads its file (`ingest.child`). It is told for which kinds of files
children had to import something, by number, and imports the same. Two children share nothing but
what was imported before either began: every descriptor that a library holds is opened anew for each. The template ends when its
parent is gone, when it is let go, or when nobody has needed it for a while.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import cast

from ingest.confinement.privileges import require_single_thread

HANDED = 4
"""Descriptors of one reader: its request, its answers, its last words, and the socket by which the template tells of it."""
FORK, IMPORT = b"\0", b"\1"
"""What is asked of a template: a reader, whose descriptors come along, or to import what the kind of files of the next byte needs."""
STATUS = struct.Struct("<i")
"""How a child ended: its exit code, or the negative number of the signal."""
_CONTROL = 0
_STANDARD = frozenset({0, 1, 2})
_DESCRIPTORS = Path("/proc/self/fd")
_NOT_IMPORTED: Mapping[str, ModuleType] = dict.fromkeys(["boto3"], cast("ModuleType", None))
"""What libraries import only if it is there: rasterio for buckets, which no reader reaches. None in `sys.modules` says that it is not."""
_IDLE_MS = 300_000
_QUIET_MS = 200
"""After so long without a question it is imported what the next may need: whoever reads one file only has mostly left by then."""
_FAILED = 70


def main() -> None:
    """Import every reader and fork for the process of the second argument until it is gone; standard input is where it asks."""
    parent = int(sys.argv[2])
    sys.modules |= _NOT_IMPORTED
    from ingest import child  # noqa: PLC0415  # this module alone is light: what it imports is what it keeps warm

    child.prepare()
    serve(parent, child.main, child.prepare_for)


def serve(parent: int, read: Callable[[], None], prepare: Callable[[int], None] = lambda _: None) -> None:
    """Fork a child that runs ``read`` for every request that comes in, until the process ``parent`` is gone or lets go.

    ``prepare`` does once what the children with one kind of files need done.
    """
    _be_still()
    with socket.socket(fileno=_CONTROL) as control, suppress(ProcessLookupError):
        gone = os.pidfd_open(parent)
        if os.getppid() == parent:
            _Template(control, gone, _held_by_libraries({_CONTROL, gone}), read, prepare).serve()


@dataclass
class _Template:
    control: socket.socket
    gone: int
    """Becomes readable when the parent ends."""
    libraries: Mapping[int, str]
    """Descriptors that libraries hold since they were imported, and the files behind them."""
    read: Callable[[], None]
    prepare: Callable[[int], None]
    wanted: set[int] = field(default_factory=set)
    """Kinds of files of which there have been some, and for which something is still to be imported."""
    children: dict[int, tuple[int, socket.socket]] = field(default_factory=dict)
    """By the descriptor that becomes readable when it ends: the child's number and where its end is told."""

    def serve(self) -> None:
        """Fork and tell of ends until there is nobody left to do it for; whoever is left then is killed."""
        try:
            self._serve()
        finally:
            for number, _ in self.children.values():
                os.kill(number, signal.SIGKILL)

    def _serve(self) -> None:
        waiting = select.poll()
        waiting.register(self.control, select.POLLIN)
        waiting.register(self.gone, select.POLLIN)
        is_open = True
        while is_open or self.children:
            ready = [fd for fd, _ in waiting.poll(_QUIET_MS if self.wanted and is_open else _IDLE_MS)]
            if self.gone in ready:
                break
            if not ready and self.wanted and is_open:
                is_open = self._imports(self.wanted.pop())
                if not is_open:
                    waiting.unregister(self.control)
                    self.control.close()  # what is asked still is answered by another, readers at work are told of to their end
            elif not (ready or self.children):
                break
            for ended in self.children.keys() & ready:
                waiting.unregister(ended)
                self._tell_end(ended)
            if self.control.fileno() in ready:
                forked = self._asked()
                if forked is None:
                    waiting.unregister(self.control)
                    is_open = False
                elif forked in self.children:
                    waiting.register(forked, select.POLLIN)

    def _asked(self) -> int | None:
        """Take what is asked; return what becomes readable at the end of a child, None when nothing is asked any more, else -1."""
        message, handed, _, _ = socket.recv_fds(self.control, 2, HANDED)
        if not message:
            return None
        if message.startswith(IMPORT):
            self.wanted.add(message[1])
            return -1
        return self._fork(handed)

    def _imports(self, kind: int) -> bool:
        """Import what a kind of files needs, and return whether more can be forked: not when that failed, or left something behind."""
        ours = {_CONTROL, self.gone, *self.children, *(told.fileno() for _, told in self.children.values())}
        try:
            self.prepare(kind)
            _be_still()
            self.libraries = _held_by_libraries(ours)
        except Exception:  # noqa: BLE001  # whatever a library raises: readers at work have no part in it
            with suppress(OSError):  # nobody may read it any more
                traceback.print_exc()
            return False
        return True

    def _fork(self, handed: list[int]) -> int:
        """Fork for one request; return what becomes readable at the child's end, -1 if it failed."""
        *pipes, told = handed
        number = -1
        with suppress(OSError):  # out of memory or processes: whoever asked sees that nothing came of it
            number = os.fork()
        if number == 0:
            self._become_reader(pipes)
        for descriptor in pipes:
            os.close(descriptor)
        if number < 0:
            os.close(told)
            return -1
        return self._watch(number, socket.socket(fileno=told))

    def _become_reader(self, pipes: list[int]) -> None:
        """Take the pipes for standard input, output and error, read, and never return."""
        try:
            os.setsid()
            for standard, descriptor in enumerate(pipes):
                os.dup2(descriptor, standard)
            _leave_only(self.libraries)
            self.read()
        finally:
            os._exit(_FAILED)

    def _watch(self, number: int, told: socket.socket) -> int:
        ended = os.pidfd_open(number)
        self.children[ended] = (number, told)
        with suppress(OSError):  # whoever asked has gone; the child finds its request cut off
            socket.send_fds(told, [b"\0"], [ended])
        return ended

    def _tell_end(self, ended: int) -> None:
        number, told = self.children.pop(ended)
        status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        os.close(ended)
        with told, suppress(OSError):
            told.send(STATUS.pack(status))


def _be_still() -> None:
    """Have nothing at hand that a fork would break or copy: threads, of which one only goes along, and garbage."""
    require_single_thread()
    gc.collect()
    gc.freeze()  # children write into the pages that they collect


def _held_by_libraries(ours: set[int]) -> dict[int, str]:
    """Return the files that are open since the imports; RuntimeError for anything else, which could not be opened anew."""
    found = {fd: path for fd, path in _open_descriptors().items() if fd not in ours and fd not in _STANDARD}
    for path in found.values():
        if not Path(path).is_file():
            raise RuntimeError(f"a library holds {path}")
    return found


def _leave_only(libraries: Mapping[int, str]) -> None:
    """Close all but the standard descriptors and those of libraries, and open these anew: a shared one has a shared position."""
    for descriptor in _open_descriptors().keys() - libraries.keys() - _STANDARD:
        os.close(descriptor)
    for descriptor, path in libraries.items():
        fresh = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(fresh, descriptor, inheritable=False)
        os.close(fresh)


def _open_descriptors() -> dict[int, str]:
    found: dict[int, str] = {}
    for entry in [*_DESCRIPTORS.iterdir()]:
        with suppress(FileNotFoundError):  # that of the listing itself
            found[int(entry.name)] = str(entry.readlink())
    return found
