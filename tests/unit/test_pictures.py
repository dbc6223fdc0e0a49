"""Pictures that are asked for faster than they can be drawn."""

from __future__ import annotations

from typing import cast

import pytest

from tests.event_loop import run_alone
from twin.errors import UnavailableError
from twin.map_tile import mercator_tile
from twin.server import pictures
from twin.server.city import City


def test_more_pictures_than_may_wait_are_asked_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_WAITING", 0)
    nobody = cast("City", None)  # who is refused needs no city
    with pytest.raises(UnavailableError) as refused:
        run_alone(pictures.Pictures(nobody).drawn(["a"], mercator_tile(10, 1, 1), "webp"))
    assert refused.value.code == "overloaded"
