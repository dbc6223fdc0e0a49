"""twin.kernel: compiled loops."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError

from twin.kernel import bare_kernel, copy_bytes, kernel, little_uint32, network_word64

_SOURCE = """
from twin.kernel import kernel

@kernel
def doubled(value: int) -> int:
    return 2 * value
"""


def test_a_kernel_whose_machine_code_cannot_be_kept_serves_all_the_same(tmp_path: Path) -> None:
    """A confined reader may not write beside our modules: the first load of a machine failed with 'permission denied'."""
    path = tmp_path / "doubling.py"
    path.write_text(_SOURCE)
    spec = importlib.util.spec_from_file_location("doubling", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cache = tmp_path / "__pycache__"
    shutil.rmtree(cache)
    cache.write_text("a file is in the way of the folder")
    assert module.doubled(21) == 42
    assert cache.is_file()


def test_a_kernel_needs_no_folder_for_its_machine_code(tmp_path: Path) -> None:
    """An installation and a home that may not be written to failed at import."""
    (tmp_path / "doubling.py").write_text(_SOURCE)
    (tmp_path / "__pycache__").write_text("in the way")
    (tmp_path / "home").write_text("in the way")
    ask = [sys.executable, "-c", "from doubling import doubled; print(doubled(21))"]
    root = str(Path(__file__).parents[2])
    environment = {"PYTHONPATH": f"{tmp_path}:{root}", "HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home")}
    assert subprocess.run(ask, env=environment, capture_output=True, text=True, check=True).stdout == "42\n"


def _answer(folder: Path) -> str:
    ask = [sys.executable, "-c", "from asking import asked; print(asked(10))"]
    environment = {"PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(ask, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_a_kernel_is_compiled_anew_when_another_that_it_reaches_has_changed(tmp_path: Path) -> None:
    """numba looks at the caller's file alone: after an upgrade, pages went on with the sums of the release before."""
    (tmp_path / "asking.py").write_text(
        "from between import passed\nfrom twin.kernel import kernel\n\n@kernel\ndef asked(value):\n    return passed(value)\n"
    )
    (tmp_path / "between.py").write_text(
        "from adding import added\nfrom numbers_given import MORE\nfrom twin.kernel import inlined_kernel\n\n"
        "@inlined_kernel\ndef passed(value):\n    return added(value) + MORE\n"
    )
    adding = "from twin.kernel import kernel\n\n@kernel\ndef added(value):\n    return value + {}\n"
    (tmp_path / "adding.py").write_text(adding.format(1))
    (tmp_path / "numbers_given.py").write_text("MORE = 100\n")
    assert _answer(tmp_path) == "111"
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "__pycache__").glob("asking.*.nbc")}
    assert kept
    assert _answer(tmp_path) == "111"
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "machine code that still holds is compiled again"
    (tmp_path / "adding.py").write_text(adding.format(2))
    assert _answer(tmp_path) == "112"
    (tmp_path / "numbers_given.py").write_text("MORE = 200\n")
    assert _answer(tmp_path) == "212"


@kernel
def _copied(to: Any, given: Any) -> None:
    copy_bytes(to, 2, given, 1, 3)


@kernel
def _little(given: Any) -> Any:
    return little_uint32(given, 0)


@kernel
def _network(given: Any) -> Any:
    return network_word64(given, 0)


def test_bytes_are_copied_from_place_to_place() -> None:
    to, given = np.zeros(8, np.uint8), np.arange(10, 18, dtype=np.uint8)
    _copied(to, given)
    assert to.tolist() == [0, 0, 11, 12, 13, 0, 0, 0]


@pytest.mark.parametrize("other", [np.arange(32, dtype=np.uint8)[::2], np.arange(16, dtype=np.int32), np.zeros((4, 4), np.uint8).T])
def test_what_is_no_contiguous_bytes_is_neither_copied_nor_read_by_address(other: np.ndarray) -> None:
    """Every second byte of an array was copied as if it were the first eight: wrong without a word."""
    flat = np.zeros(16, np.uint8)
    calls: list[tuple[Callable[..., object], tuple[object, ...]]] = [
        (_copied, (flat, other)),
        (_copied, (other, flat)),
        (_little, (other,)),
    ]
    for call, given in [*calls, (_network, (other,))]:
        with pytest.raises(TypingError):
            call(*given)


@bare_kernel
def _added(some: tuple[np.ndarray, np.ndarray], at: int) -> float:
    return float(some[0][at] + some[1][at])


@bare_kernel
def _sum_of_sums(some: tuple[np.ndarray, np.ndarray]) -> float:
    total = 0.0
    for at in range(len(some[0])):
        total += _added(some, at)
    return total


@bare_kernel
def _made(count: int) -> int:
    return len(np.empty(count))


def test_a_bare_kernel_leaves_references_as_they_were_and_is_refused_when_it_allocates() -> None:
    arrays = np.arange(5.0), np.arange(5.0)
    before = [sys.getrefcount(array) for array in arrays]
    assert _sum_of_sums(arrays) == 20.0
    assert [sys.getrefcount(array) for array in arrays] == before
    with pytest.raises(TypingError, match="empty"):
        _made(5)
