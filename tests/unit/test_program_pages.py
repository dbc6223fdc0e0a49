"""Pages of libraries that only the start needed are given back, and everything goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SCRIPT = """
import json, os, threading
import numpy as np, pyarrow as pa, pyogrio, shapely
from bench.process_memory import memory_kib
from ingest.freed_memory import give_back_program_pages

square = shapely.box(0, 0, 2, 2)
over, areas = threading.Event(), []

def work():
    while not over.is_set():
        areas.append(float(shapely.area(shapely.intersection(square, shapely.box(1, 1, 3, 3)))))

worker = threading.Thread(target=work)
worker.start()
before = memory_kib([os.getpid()])
for _ in range(20):
    give_back_program_pages()
after = memory_kib([os.getpid()])
over.set()
worker.join()
total = pa.array([1, 2, 3]).cast(pa.float64()).to_numpy().sum() + np.linalg.inv(np.eye(3)).sum()
print(json.dumps([before, after, len(areas), sorted(set(areas)), total, pyogrio.detect_write_driver("a.gpkg")]))
"""

_BESIDE_IMPORTS = """
import faulthandler, importlib, threading
from ingest.freed_memory import give_back_program_pages

faulthandler.dump_traceback_later(120, exit=True)
over, rounds = threading.Event(), [0]

def work():
    while not over.is_set():
        give_back_program_pages()
        rounds[0] += 1

worker = threading.Thread(target=work)
worker.start()
for name in ("shapely", "pyogrio", "pyproj", "psycopg", "pyarrow.dataset", "numba", "lxml.etree", "python_calamine"):
    importlib.import_module(name)
over.set()
worker.join()
import numpy, shapely
print(rounds[0], shapely.area(shapely.box(0, 0, 2, 2)), numpy.linalg.inv(numpy.eye(3)).sum())
"""


def test_pages_of_libraries_are_given_back_while_a_thread_uses_them() -> None:
    run = subprocess.run([sys.executable, "-c", _SCRIPT], cwd=_ROOT, capture_output=True, text=True, check=True)
    before, after, count, areas, total, driver = json.loads(run.stdout)
    assert before[2] > 40 << 10
    assert after[2] < before[2] / 2
    assert after[0] < before[0] + (8 << 10), "what is the process's own stays"
    assert after[0] > before[0] / 2
    assert count > 0
    assert areas == [1.0]
    assert (total, driver) == (9.0, "GPKG")


def test_pages_are_given_back_while_another_thread_imports() -> None:
    """No lock of the loader is held while Python is waited for: whoever imports has Python and waits for the loader."""
    run = subprocess.run([sys.executable, "-c", _BESIDE_IMPORTS], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    rounds, *results = run.stdout.split()
    assert int(rounds) > 0
    assert results == ["4.0", "3.0"]
