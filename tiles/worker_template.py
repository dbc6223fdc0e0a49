"""The process that workers are forked from (`tiles.worker_processes`).

It has loaded the engine with its compiled kernels: a worker is there at once, and what was loaded is in memory once for all of them. It
runs nothing else, no threads and not the program of the process that started it.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection

from tiles.warm import warm
from tiles.workers import Task, WorkerError


def main(descriptor: int) -> None:
    """Fork a worker for each connection that comes through the socket ``descriptor``, until nobody holds its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the whole terminal's processes, the one that gives the work decides
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers: who gave them work notices
    warm()
    gc.freeze()
    with socket.socket(fileno=descriptor) as control:
        while descriptors := socket.recv_fds(control, 1, 1)[1]:
            if os.fork() == 0:
                control.close()
                try:
                    _serve(Connection(descriptors[0]))
                finally:
                    os._exit(0)
            os.close(descriptors[0])


def _serve(way: Connection) -> None:
    """Say that it is there, then do what comes, the first of it to make ready, until nobody is left to ask."""
    with suppress(EOFError, ConnectionError):
        way.send_bytes(b"")
        ready = way.recv()
        if ready is not None:
            ready()
        while True:
            way.send_bytes(_answered(way.recv()))


def _answered(task: Task[object]) -> bytes:
    """Return the answer to ``task``: its result and None, or None and an error with where it was raised."""
    answer: tuple[object, Exception | None]
    try:
        answer = task.run(), None
    except Exception as error:  # noqa: BLE001 - whatever it is, the one who asked is told
        error.add_note("".join(traceback.format_exception(error)))
        answer = None, error
    try:
        return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # noqa: BLE001 - an error that does not pickle, as its text
        return pickle.dumps((None, WorkerError(f"{type(answer[1]).__name__}: {answer[1]} ({error})")))
