"""Keys of rejected rows come back each once and in order, wherever they lie."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import rejected_keys
from ingest.rejected_keys import RejectedKeys

KEYS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from(["B1", "B2", "管\n1", '"', ""]), max_size=40
)


@given(KEYS, KEYS, st.integers(1, 9))
def test_each_key_comes_once_and_in_order_however_often_it_is_asked(keys: list[str], more: list[str], run: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rejected_keys, "RUN", run)
        held = RejectedKeys()
        for key in keys:
            held.add(key)
        assert list(held) == list(held) == sorted(set(keys))
        before = held.taken
        for key in more:
            held.add(key)
        assert list(held) == sorted({*keys, *more})
        assert held.taken > before or set(more) <= set(keys)


def test_long_runs_are_read_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_keys, "RUN", 5_000)
    held = RejectedKeys(tmp_path / "work")
    for number in range(12_000):
        held.add(f"管段-{number * 7919 % 12_000:06}")
    assert list(held) == [f"管段-{number:06}" for number in range(12_000)]
    assert list(tmp_path.joinpath("work").iterdir()) == []


def test_the_file_goes_with_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_keys, "RUN", 1)
    gc.collect()
    before = len([*Path("/proc/self/fd").iterdir()])
    held = RejectedKeys(tmp_path)
    held.add("B1")
    assert len([*Path("/proc/self/fd").iterdir()]) == before + 1
    del held
    gc.collect()
    assert len([*Path("/proc/self/fd").iterdir()]) == before
