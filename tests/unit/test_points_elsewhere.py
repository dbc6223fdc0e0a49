"""Which ends of lines are asked for."""

from __future__ import annotations

import pytest

from ingest.readers.points_elsewhere import asked_for
from twin.errors import RejectedError


def test_more_ends_than_are_looked_up_are_refused_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.readers.points_elsewhere.MOST_NAMES", 3)
    assert asked_for(iter((["W1", "W2"], ["W2", "W3"]))) == ("W1", "W2", "W3")
    with pytest.raises(RejectedError, match="More than 3 ends of lines") as refused:
        asked_for(iter((["W1", "W2"], ["W3", "W4"])))
    assert refused.value.code == "no-points"
