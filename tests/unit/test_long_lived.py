"""What is there when a process is ready is passed over by later collections, and what comes after it is not."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc, weakref
from twin.server.long_lived import keep_for_good

class Thing: pass

def ring():
    thing = Thing()
    thing.itself = thing
    return weakref.ref(thing)

loaded = [[i] for i in range(100_000)]
before = ring()
keep_for_good()
assert before() is None
assert len(gc.get_objects()) < 100, len(gc.get_objects())
later = ring()
assert later() is not None
gc.collect()
assert later() is None
"""


def test_only_what_comes_later_is_walked_over() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


_JOBS = """
import gc
from twin.server.long_lived import KeptOnceIdle

kept, none = KeptOnceIdle(), gc.get_freeze_count()
with kept.job():
    with kept.job():
        kept.keep()
        assert gc.get_freeze_count() == none
    assert gc.get_freeze_count() == none, "one still runs"
assert gc.get_freeze_count() > none, "the last one has ended"
gc.unfreeze()
none = gc.get_freeze_count()
with kept.job():
    pass
assert gc.get_freeze_count() == none, "once only"
kept.keep()
assert gc.get_freeze_count() > none, "none runs"

gc.unfreeze()
none = gc.get_freeze_count()
try:
    with kept.job():
        kept.keep()
        raise LookupError
except LookupError:
    pass
assert gc.get_freeze_count() == none, "what its error holds would be kept"
with kept.job():
    pass
assert gc.get_freeze_count() > none, "the next has ended"
"""


def test_nothing_is_kept_for_good_amid_a_job() -> None:
    done = subprocess.run([sys.executable, "-c", _JOBS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


_WORKER = """
import asyncio, gc, os, signal
import procrastinate
from procrastinate.testing import InMemoryConnector
from twin.server.jobs import BUILDS, _work
from twin.server.long_lived import KeptOnceIdle

queue, kept, none, seen = procrastinate.App(connector=InMemoryConnector()), KeptOnceIdle(), gc.get_freeze_count(), []

@queue.task(queue=BUILDS)
def build():
    kept.keep()
    seen.append(gc.get_freeze_count())
    os.kill(os.getpid(), signal.SIGTERM)

async def run():
    async with queue.open_async():
        await build.defer_async()
    await _work(queue, kept)

asyncio.run(run())
assert seen == [none], seen
assert gc.get_freeze_count() > none
"""


def test_a_worker_keeps_nothing_for_good_amid_its_jobs() -> None:
    done = subprocess.run([sys.executable, "-c", _WORKER], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
