"""A process closes itself in and becomes a program: what reads a hostile file is confined as our own readers are.

Runs in an interpreter of its own and imports nothing but the walls. What failed before the program began is written to a pipe that
closes with a successful exec, so that nothing the program prints can be taken for it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.confinement import landlock, privileges, seccomp

ENVIRONMENT = {"LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Program:
    """What to become, and within which walls."""

    command: tuple[str, ...]
    """The file of the program, then its arguments."""
    readable: tuple[str, ...]
    executable: tuple[str, ...]
    """The program and what loads it (ld.so)."""
    memory_bytes: int
    cpu_s: int
    failures: int
    """Descriptor for what went wrong before the program began."""

    def encoded(self) -> str:
        """Return the argument for `main`."""
        return json.dumps(asdict(self))


def main() -> None:
    """Become the program of the second argument; never return."""
    program = Program(**json.loads(sys.argv[2]))
    os.set_inheritable(program.failures, False)  # noqa: FBT003  # its own name for it
    try:
        privileges.require_single_thread()
        seccomp.deny_new_privileges()
        privileges.drop_root(over_exec=True)
        landlock.restrict_to_reading(map(Path, program.readable), map(Path, program.executable))
        privileges.limit_resources(program.memory_bytes, program.cpu_s)
        seccomp.install(executes=True)
        os.execve(program.command[0], program.command, ENVIRONMENT)  # noqa: S606  # no shell is the point
    except OSError as error:
        os.write(program.failures, str(error).encode())
        os._exit(1)
