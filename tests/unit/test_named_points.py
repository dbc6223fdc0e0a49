"""Points are found by their names as a dictionary finds them, whatever hashes their names have."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.names import loosely_spelled
from ingest.readers import named_points
from ingest.readers.named_points import NamedPoints

_NAMES = st.one_of(st.none(), st.sampled_from(["", "WS1", "ws-1", "WS01", "WS2", "ＷＳ２", "点1", "1", "001"]), st.text("AB1", max_size=3))
_POINTS = st.lists(st.tuples(_NAMES, st.booleans()), max_size=40)


@pytest.mark.parametrize("few", [None, 3])
@given(points=_POINTS, called=st.lists(_NAMES, max_size=30))
def test_names_lead_where_a_dictionary_leads(few: int | None, points: list[tuple[str | None, bool]], called: list[str | None]) -> None:
    """With ``few`` there are no more hashes than that: nearly all names share theirs with others."""
    with pytest.MonkeyPatch.context() as patch:
        if few is not None:
            patch.setattr(named_points, "hash", lambda text: len(text) % few, raising=False)
        named = NamedPoints(pa.array([name for name, _ in points], pa.string()), np.array([there for _, there in points], np.bool_))
        first = {name: k for k, (name, there) in reversed([*enumerate(points)]) if name and there}
        assert named.places(called).tolist() == [first.get(name or "", -1) for name in called]
        listed = {name for name, _ in points}
        spelled = Counter(map(loosely_spelled, first))
        for name in filter(None, called):
            assert named.lists(name) == (name in listed)
            like = [other for other in first if loosely_spelled(other) == loosely_spelled(name)]
            assert named.meant(name) == (like[0] if spelled[loosely_spelled(name)] == 1 else None)


def test_names_of_several_blocks_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_points, "_BLOCK", 7)
    names = [f"J{k}" for k in range(100)]
    named = NamedPoints(pa.array(names), np.ones(100, np.bool_))
    assert named.places(names[::-1]).tolist() == [*range(99, -1, -1)]
    assert named.meant("j-042") == "J42"
