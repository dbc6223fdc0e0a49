"""A program that reads a hostile file is inside the walls: as root and as a user it reads that file and does nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ingest.confinement.closing import SYSTEM_LIBRARIES
from ingest.confinement.program import Program
from ingest.programs import loaders, run_confined
from ingest.protocol import Limits
from twin.errors import RejectedError

REPOSITORY = Path(__file__).parents[2]

BECOME = """
    import os, sys
    sys.path.append(sys.argv[1])
    from ingest.confinement.program import main
    if os.geteuid() == 0 and sys.argv[3] == "user":  # after the imports: the interpreter may lie where only root may go
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    main()
"""


PERL = Path(shutil.which("perl") or "perl").resolve()
"""Of every Debian; the hostile file is its script."""


def run(who: str, file: Path, script: str) -> subprocess.CompletedProcess[bytes]:
    """Return what a program did inside the walls; fails when the walls themselves could not be had."""
    write(file, script)
    program = str(PERL)
    reads, writes = os.pipe()
    walls = Program(
        command=(program, str(file)),
        readable=tuple(map(str, (file, *SYSTEM_LIBRARIES))),
        executable=(program, *map(str, loaders())),
        memory_bytes=1 << 30,
        cpu_s=1,
        failures=writes,
    )
    words = [sys.executable, "-I", "-B", "-S", "-c", textwrap.dedent(BECOME), str(REPOSITORY), walls.encoded(), who]
    with os.fdopen(reads, "rb") as failed:
        done = subprocess.run(words, capture_output=True, env={}, cwd="/", timeout=60, check=False, pass_fds=(writes,))
        os.close(writes)
        assert failed.read() == b""
    return done


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("who", ["root", "user"])
def test_a_confined_program_reads_its_file_and_nothing_else(open_folder: Path, who: str) -> None:
    if who == "root" and os.geteuid() != 0:
        pytest.skip("only root can be root; the other case is every user's")
    file, secret = open_folder / "file.pl", write(open_folder / "secret.txt", "content")
    reading = f"open F, '<', '{file}' or die; print <F>"
    assert run(who, file, reading).stdout == reading.encode()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        tried = [
            f"open F, '<', '{secret}' or die; print <F>",
            "open F, '<', '/etc/passwd' or die; print <F>",
            f"opendir D, '{open_folder}' or die; print readdir D",
            f"open F, '>', '{file}' or die; print 'done'",
            "defined(fork) or die; print 'done'",
            "exec '/bin/echo', 'done' or die",
            f"exec '{loaders()[0]}', '/bin/echo', 'done' or die",
            f"socket(S, 2, 1, 0) or die; connect(S, pack('S n C4 x8', 2, {port}, 127, 0, 0, 1)) or die; print 'done'",
            "kill(0, getppid()) or die; print 'done'",
            "my $x = 'x' x (4 << 30); print 'done'",
            "syscall(101, 16, getppid(), 0, 0) == 0 or die; print 'done'",
            "while (1) {}",
        ]
        for script in tried:
            done = run(who, file, script)
            assert (done.returncode != 0, done.stdout) == (True, b""), script
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("while (1) { print 'x' x 1000 }", "too-much-output"),
        ("close STDOUT; while (1) {}", "parser-timeout"),
        ("exit 3", "unreadable"),
        ("unpack 'p', pack 'Q', 1", "parser-crash"),
    ],
)
def test_a_program_that_does_not_end_well_rejects_its_file(open_folder: Path, script: str, code: str) -> None:
    file = write(open_folder / "file.pl", script)
    with pytest.raises(RejectedError) as caught:
        list(run_confined(PERL, (str(file),), file, Limits(wall_s=10, cpu_s=1), 1 << 16))
    assert caught.value.code == code
