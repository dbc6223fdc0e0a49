"""Run readers on mutated copies of one file, each in a process of its own behind the walls: mutants.py HERE SEED COUNTS → outcomes as JSON.

The interpreter is warm and single-threaded and forks for each mutant, which costs a hundredth of a fresh child; the walls close as they
do there.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from ingest import gdal_policy
from ingest.access import with_tables
from ingest.child import _answer, close_in
from ingest.frames import decode_request
from ingest.protocol import ReadRequest
from ingest.readers.choice import import_for
from twin.errors import TwinError

READ, REFUSED, UNREADABLE, MEMORY = 10, 11, 12, 13
HANGS_AFTER_S = 60.0
BLOCKS_END_AFTER = (0, 125, 250, 251, -1)
"""Lines, that of a sequence's head left out, the last one too; line 251 is longer than a block and one by itself (tests.hostile.seeds)."""
_NEAR = 64
_STRANGE = (b"\n", b"\\", b'"', b"[", b"]]]", b"-", b"9" * 400, b"null,", b"\xff\xfe", b'"vertices":[[', b'"boundaries":[[[[', b" " * 5000)


def truncated(content: bytes, count: int) -> Iterator[bytes]:
    """Yield the file cut off at ``count`` places, evenly over its length."""
    return (content[: len(content) * i // count] for i in range(count))


def flipped(content: bytes, count: int) -> Iterator[bytes]:
    """Yield copies with one to sixteen bits turned over, a seed each."""
    for seed in range(count):
        chance = random.Random(seed)
        mutant = bytearray(content)
        for _ in range(chance.choice((1, 2, 4, 16))):
            place = chance.randrange(min(len(mutant), 4096) if chance.random() < 0.5 else len(mutant))  # heads matter most
            mutant[place] ^= 1 << chance.randrange(8)
        yield bytes(mutant)


def at_edges(content: bytes, count: int) -> Iterator[bytes]:
    """Yield copies changed about where a block of lines ends, a seed each: a bit turned over, bytes left out, others put in."""
    if not count:
        return
    ends = [k for k, byte in enumerate(content) if byte == ord("\n")]
    edges = [ends[line] for line in BLOCKS_END_AFTER if line < len(ends)]
    for seed in range(count):
        chance = random.Random(seed)
        place = min(max(0, chance.choice(edges) + chance.randint(-_NEAR, _NEAR)), len(content) - 1)
        match chance.randrange(3):
            case 0:
                yield content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
            case 1:
                yield content[:place] + content[place + chance.choice((1, 8, _NEAR)) :]
            case _:
                yield content[:place] + chance.choice(_STRANGE) + content[place:]


def outcome(request: ReadRequest) -> str:
    """Return how reading one file ended: ``read``, a refusal, or a signal that took the process."""
    try:
        with with_tables(request) as prepared:
            return _in_child(prepared)
    except TwinError as error:
        return error.code


def _in_child(request: ReadRequest) -> str:
    child = os.fork()
    if child == 0:
        _read(request)
    end = time.monotonic() + HANGS_AFTER_S
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            names = {READ: "read", REFUSED: "refused", UNREADABLE: "unreadable", MEMORY: "parser-memory"}
            return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else names.get(os.WEXITSTATUS(status), "broke")
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"


def _read(request: ReadRequest) -> None:
    """Be the child: close the doors, read everything, and end with how that went."""
    try:
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), 2)
        import_for(request.path)
        for _ in _answer(request, close_in(request, request.limits)):
            pass
        os._exit(READ)
    except TwinError:
        os._exit(REFUSED)
    except MemoryError:
        os._exit(MEMORY)
    except Exception:  # noqa: BLE001  # as in the child
        os._exit(UNREADABLE)


def main() -> None:
    """Read seed, counts and request from the arguments; print the outcomes in order and the greatest memory of a child."""
    seed, (count_truncated, count_flipped, count_at_edges) = Path(sys.argv[2]), map(int, sys.argv[3:6])
    request = decode_request(sys.stdin.buffer.read())
    gdal_policy.allow_only()
    with suppress(TwinError):
        import_for(seed)
    content = seed.read_bytes()
    outcomes: list[str] = []
    mutants = truncated(content, count_truncated), flipped(content, count_flipped), at_edges(content, count_at_edges)
    for mutant in itertools.chain([content], *mutants):
        request.path.write_bytes(mutant)
        outcomes.append(outcome(replace(request, tables=())))
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    sys.stdout.write(json.dumps({"outcomes": outcomes, "peak_mib": peak_mib}))


if __name__ == "__main__":
    main()
