"""Processes beside us: begun anew when they die, ended with us even when we are killed."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

_LOG = logging.getLogger("twin.serving")
_LOOK_S = 0.2
"""How often it is looked whether the process lives."""
_PAUSE_S = 1.0
"""Between a process's end and the next one's beginning, so that one that cannot begin does not take the machine."""
_COMMAND_LINE = (sys.executable, "-m", "twin.server.cli")
_STANDARD_INPUT = 0


@contextlib.contextmanager
def kept_processes(
    name: str, command: Sequence[str], environment: Mapping[str, str], *, grace_s: float, count: int = 1, descriptors: Sequence[int] = ()
) -> Iterator[None]:
    """Have ``count`` processes of one command of ``twin`` beside the block; a pipe to each closes with us, their word to end.

    ``descriptors`` are open in them under their numbers. At the end of the block all are told to stop and have ``grace_s`` to do so.
    """
    stopping = threading.Event()
    arguments = (name, (*_COMMAND_LINE, *command), dict(environment), grace_s, tuple(descriptors), stopping)
    keepers = [threading.Thread(target=_keep, args=arguments, name=f"{name} keeper") for _ in range(count)]
    for keeper in keepers:
        keeper.start()
    try:
        yield
    finally:
        stopping.set()
        for keeper in keepers:
            keeper.join()


def end_with_parent() -> None:
    """Stop this process when the one that started it is gone: its end of our standard input closes with it."""

    def watch() -> None:
        while os.read(_STANDARD_INPUT, 4096):  # below sys.stdin: its lock would be held when the interpreter ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _keep(
    name: str, command: Sequence[str], environment: dict[str, str], grace_s: float, descriptors: Sequence[int], stopping: threading.Event
) -> None:
    while not stopping.is_set():
        # a session of its own: Ctrl-C is for the one at the terminal, who then ends the others in order
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, pass_fds=descriptors
        )
        while not stopping.wait(_LOOK_S) and process.poll() is None:
            pass
        _end(process, grace_s)
        if not stopping.wait(_PAUSE_S):
            _LOG.warning("the %s ended with %s: begun anew", name, process.returncode)


def _end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()
