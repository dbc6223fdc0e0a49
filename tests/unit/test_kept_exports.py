"""Files of whole datasets are kept within bounds, and what is asked for stays longest."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from ogc.kept_exports import UNUSED_S, KeptExports
from ogc.kept_file import kept_file
from tests.event_loop import run_alone
from twin.errors import UnavailableError
from twin.store import FolderStore

NOW_NS = time.time_ns()


def _made(store: FolderStore, key: str, age_s: float, size: int = 100) -> None:
    store.put(key, b"x" * size, modified_ns=NOW_NS - int(age_s * 1e9))


def test_what_was_not_asked_for_longest_goes_when_there_is_too_much(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    kept = KeptExports(store, 250)
    for age_s, name in ((40, "a"), (30, "b"), (20, "c"), (10, "d")):
        _made(store, f"exports/pipes/7/{name}.csv", age_s)
    before = store.held("exports/pipes/7/a.csv")
    kept.asked_for("exports/pipes/7/a.csv")
    kept.asked_for("exports/pipes/7/b.csv")
    assert store.held("exports/pipes/7/a.csv") == before  # and so is its entity tag
    store.put("asked-exports/pipes/7/b.csv", b"", modified_ns=NOW_NS - int(25e9))
    kept.forget({"pipes": 7})
    assert sorted(store.keys("exports")) == ["exports/pipes/7/a.csv", "exports/pipes/7/d.csv"]
    assert sorted(store.keys("asked-exports")) == ["asked-exports/pipes/7/a.csv"]
    KeptExports(store, 50).forget({"pipes": 7}, spared="exports/pipes/7/d.csv")
    assert sorted(store.keys("exports")) == ["exports/pipes/7/d.csv"]


def test_files_of_earlier_revisions_that_nobody_asks_for_go(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    kept = KeptExports(store, 1 << 20)
    for key in ("exports/pipes/6/asked.csv", "exports/pipes/6/old.csv", "exports/pipes/7/old.csv", "exports/gone/7/old.csv"):
        _made(store, key, UNUSED_S + 60)
    _made(store, "exports/pipes/6/young.csv", UNUSED_S - 3600)
    kept.asked_for("exports/pipes/6/asked.csv")
    kept.forget({"pipes": 7})
    assert sorted(store.keys("exports")) == ["exports/pipes/6/asked.csv", "exports/pipes/6/young.csv", "exports/pipes/7/old.csv"]


def test_a_file_that_goes_before_it_is_sent_is_asked_for_again(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for find in (partial(store.file, "exports/pipes/7/a.csv"), lambda: tmp_path / "gone"):
        with pytest.raises(UnavailableError):
            run_alone(kept_file(find, "text/csv", {}))
