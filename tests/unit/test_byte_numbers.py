"""Numbers out of bytes: wherever they lie, as Python reads them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core.errors import TypingError

from twin.byte_numbers import network_int32, network_int64, network_uint64, uint32, uint64


@given(st.binary(min_size=8, max_size=24), st.data())
def test_numbers_are_those_that_python_reads(given_bytes: bytes, draw: st.DataObject) -> None:
    data, at = np.frombuffer(given_bytes, np.uint8), draw.draw(st.integers(0, len(given_bytes) - 8))
    four, eight = given_bytes[at : at + 4], given_bytes[at : at + 8]
    assert uint32(data, at) == int.from_bytes(four, "little")
    assert uint64(data, at) == int.from_bytes(eight, "little")
    assert network_int32(data, at) == int.from_bytes(four, "big", signed=True)
    assert network_int64(data, at) == int.from_bytes(eight, "big", signed=True)
    assert network_uint64(data, at) == int.from_bytes(eight, "big")


def test_bytes_that_do_not_lie_side_by_side_are_refused() -> None:
    with pytest.raises(TypingError):
        uint32(np.zeros(32, np.uint8)[::2], 0)
