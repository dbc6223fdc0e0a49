"""Files of models and point clouds go when no row names them any more, and not before."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ingest import staging
from ingest.described_files import sized
from ingest.load import check_submission, withdraw
from tests.integration.test_models import EXTENT, ORIGIN, SRID, textured_obj
from tests.opened_city import load, opened_city, request
from twin.server.city import City
from twin.server.kept_files import sweep_kept
from twin.server.loading import workplace


def kept(city: City) -> set[str]:
    return {path.name for path in city.store.path("model").iterdir()}


def age(city: City) -> None:
    for path in city.store.path("model").rglob("*"):
        os.utime(path, (0, 0))


def test_a_withdrawn_model_is_swept_and_one_that_was_ever_shown_stays(database_url: str, open_folder: Path) -> None:
    path = open_folder / "屋顶.zip"
    with opened_city(database_url, open_folder / "data", SRID, EXTENT) as city:
        load(city, request(textured_obj(path), (None, "model_3d", "models")))
        load(city, request(textured_obj(path, origin=ORIGIN + np.array([5, 0, 0])), (None, "model_3d", "models")))
        shown = kept(city)  # the second is current, the first is history
        assert len(shown) == 2
        asked = request(textured_obj(path, origin=ORIGIN + np.array([9, 0, 0])), (None, "model_3d", "models"))
        files = sized(asked.files)
        submission = city.catalogue.submissions.receive("测绘一队", files, {})
        with staging.claimed(city.pool, submission):
            check_submission(workplace(city, lambda *_: None), asked, submission, lambda: files)
        assert len(kept(city)) == 3
        assert sweep_kept(city) == 0, "all are young"
        age(city)
        assert sweep_kept(city) == 0, "the third is staged"
        withdraw(city.catalogue, submission)
        assert sweep_kept(city) == 1
        assert kept(city) == shown
