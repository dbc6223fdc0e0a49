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
