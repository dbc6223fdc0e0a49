"""A mapped text with another beginning is that beginning and the rest of the text, and takes no memory for the rest."""

from __future__ import annotations

import mmap
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.process_memory import memory_kib
from ingest.gdal_policy import MemoryFile
from ingest.readers.mapped_text import mapped
from ingest.readers.replaced_head import with_head
from ingest.readers.unpacked import Scratch

_PAGE = mmap.PAGESIZE
_NEAR_PAGES = st.integers(0, 3).flatmap(lambda pages: st.integers(max(0, pages * _PAGE - 2), pages * _PAGE + 2))
_CONTENT = random.Random(5).randbytes(3 * _PAGE + 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@given(length=_NEAR_PAGES, before=_NEAR_PAGES, head=_NEAR_PAGES, behind=_NEAR_PAGES)
def test_it_is_the_head_and_what_follows(folder: Path, length: int, before: int, head: int, behind: int) -> None:
    """Also of a text that stands behind another one in its file, and when pages of it are given back."""
    with Scratch(folder) as scratch:
        lengths = [scratch.append([b"x" * before]), scratch.append([_CONTENT[:length]])]
        _, text = scratch.mapped(lengths)
    wanted = b"h" * head + _CONTENT[behind:length]
    made = with_head(b"h" * head, text, min(behind, length))
    assert bytes(made) == wanted
    mapping = MemoryFile("replaced_head", memoryview(made)).mapping
    if mapping is not None:
        mapping.madvise(mmap.MADV_DONTNEED)
        mapping.madvise(mmap.MADV_DONTNEED, 0, _PAGE)
    assert bytes(made) == wanted
    assert bytes(text) == _CONTENT[:length]


def test_what_is_not_mapped_is_copied_and_a_head_may_be_replaced_again(tmp_path: Path) -> None:
    assert with_head(b"ab", b"0123456789", 4) == b"ab456789"
    path = tmp_path / "a"
    path.write_bytes(_CONTENT)
    once = with_head(b"ab", memoryview(mapped(path)), 4)
    assert bytes(with_head(b"cde", once, 3)) == b"cde" + _CONTENT[5:]


def test_what_follows_takes_no_memory_of_its_own(tmp_path: Path) -> None:
    path, size = tmp_path / "a", 64 << 20
    with path.open("wb") as file:
        file.truncate(size)
    before = memory_kib([os.getpid()])[0]
    text = with_head(b"ab", memoryview(mapped(path)), 4)
    assert sum(bytes(text[-_PAGE:])) == 0
    assert len(text) == size - 2
    assert memory_kib([os.getpid()])[0] - before < size >> 12
