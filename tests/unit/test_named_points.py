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
            assert named.meant(name) == (like[0] if spelled[loosely_spelled(name)] == 1 and loosely_spelled(name) else None)


def test_names_of_several_blocks_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_points, "_BLOCK", 7)
    names = [f"J{k}" for k in range(100)]
    named = NamedPoints(pa.array(names), np.ones(100, np.bool_))
    assert named.places(names[::-1]).tolist() == [*range(99, -1, -1)]
    assert named.meant("j-042") == "J42"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grow by the place of each point whose name is looked at by itself."""
    looked = list[int]()
    as_it_was = NamedPoints._name

    def counted(points: NamedPoints, place: int) -> str | None:
        looked.append(place)
        return as_it_was(points, place)

    monkeypatch.setattr(NamedPoints, "_name", counted)
    return looked


@pytest.mark.parametrize("end", ["/", "-", " * ", "WS-9"])
def test_ends_that_lead_nowhere_do_not_look_at_all_points(looks: list[int], end: str) -> None:
    """Points without a number, numbers that are separators, and one number many times over: each is how surveys are handed in."""
    names = [None, "", "/", "-", "WS9"] * 400
    named = NamedPoints(pa.array(names), np.arange(len(names)) % 2 == 0)
    for _ in range(300):
        assert named.places([end]).tolist() == [names.index(end) if end == "/" else -1 if end != "-" else 8]
        named.lists(end)
        assert named.meant(end) == ("WS9" if end == "WS-9" else None)
    assert len(looks) <= len(names)


def test_one_name_of_many_points_without_a_place_is_looked_up_at_once(looks: list[int]) -> None:
    named = NamedPoints(pa.array(["WS1"] * 2_000 + ["WS2"]), np.arange(2_001) == 2_000)
    assert named.places(["WS1", "WS2"] * 300).tolist() == [-1, 2_000] * 300
    assert named.lists("WS1")
    assert len(looks) == 1
