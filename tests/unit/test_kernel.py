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
from numba.core.runtime import _nrt_python, rtsys

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


def _kept(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (folder / "__pycache__").glob("*.nb*")}


def test_a_kernel_is_compiled_anew_when_it_or_one_it_calls_is_wrapped_otherwise(tmp_path: Path) -> None:
    """Which flags it was compiled with is told by no file of its own: the code of the other way was loaded."""
    (tmp_path / "adding.py").write_text("def added(value):\n    return value + 1\n")
    (tmp_path / "wrapping.py").write_text("from adding import added\nfrom twin.kernel import kernel\n\nwrapped = kernel(added)\n")
    asking = "from wrapping import wrapped\nfrom twin.kernel import kernel\n\n@kernel\ndef asked(value):\n    return wrapped(value)\n"
    (tmp_path / "asking.py").write_text(asking)
    assert _answer(tmp_path) == "11"
    kept = _kept(tmp_path)
    assert _answer(tmp_path) == "11"
    assert _kept(tmp_path) == kept, "machine code that still holds is compiled again"
    (tmp_path / "wrapping.py").write_text("from adding import added\nfrom twin.kernel import bare_kernel\n\nwrapped = bare_kernel(added)\n")
    assert _answer(tmp_path) == "11"
    anew = {path for path, at in _kept(tmp_path).items() if kept.get(path) != at and path.suffix == ".nbc"}
    assert {path.name.split(".")[0] for path in anew} == {"adding", "asking"}


def test_a_function_wrapped_in_two_ways_keeps_the_code_of_both(tmp_path: Path) -> None:
    (tmp_path / "adding.py").write_text("def added(value):\n    return value + 1\n")
    wraps = (
        "from adding import added\nfrom twin.kernel import inlined_kernel, kernel\n\none, other = kernel(added), inlined_kernel(added)\n"
    )
    (tmp_path / "asking.py").write_text(f"{wraps}\ndef asked(value):\n    return one(value) + other(value)\n")
    assert _answer(tmp_path) == "22"
    kept = _kept(tmp_path)
    assert len([path for path in kept if path.suffix == ".nbc"]) == 2
    assert _answer(tmp_path) == "22"
    assert _kept(tmp_path) == kept


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


@kernel
def _sevens(count: int) -> np.ndarray:
    return np.full(count, 7.0)


@kernel
def _count_of_sevens(count: int) -> int:
    return len(np.full(count, 7.0))


@bare_kernel
def _seven(count: int) -> float:
    return float(_sevens(count)[0])


@bare_kernel
def _seven_and_one(count: int) -> int:
    return _count_of_sevens(count) + 1


@bare_kernel
def _given(array: np.ndarray) -> np.ndarray:
    return array


@bare_kernel
def _paired(array: np.ndarray) -> tuple[int, tuple[np.ndarray, float]]:
    return 1, (array, 2.0)


@kernel
def _given_on(count: int) -> float:
    return float(_given(_sevens(count))[0])


@bare_kernel
def _numbers(array: np.ndarray, at: int) -> tuple[int, tuple[float, bool], None]:
    return at, (float(array[at]), at > 1), None


@pytest.mark.parametrize(
    ("call", "given", "why"),
    [
        (_seven, 5, "is given array.* by _sevens"),
        (_given, np.arange(5.0), "returns array"),
        (_paired, np.arange(5.0), "returns Tuple"),
        (_given_on, 5, "_given returns array"),
    ],
)
def test_a_bare_kernel_is_refused_that_is_given_or_returns_what_is_counted(
    call: Callable[[object], object], given: object, why: str
) -> None:
    """What the other allocated was never freed; a caller's array that was returned was freed twice, and the process ended."""
    with pytest.raises(TypingError, match=why):
        call(given)


def test_a_bare_kernel_returns_numbers_and_tuples_of_them() -> None:
    assert _numbers(np.arange(5.0), 2) == (2, (2.0, True), None)


def test_what_a_kernel_allocates_that_a_bare_one_calls_is_let_go() -> None:
    """It is the called one that counts: only what it returned would stay."""
    assert _seven_and_one(5) == 6
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        _seven_and_one(5)
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc == after.free - before.free == 1
