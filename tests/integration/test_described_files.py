"""What the record of a submission and the lineage of a revision say of files that are hashed while they are read."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.described_files import described, described_meanwhile, sized
from ingest.load import load
from tests.integration.surveys import Row, Surveys, square
from twin.errors import RejectedError

BUILDINGS = {"houses": ("building", [Row(square(0, 0), {"building_id": "1", "height_m": 3.0, "base_height_m": 0.0})])}
SHA256 = hashlib.sha256(b"written by a test").hexdigest()


def files_of(surveys: Surveys, submission: uuid.UUID | None = None) -> list[dict[str, object]]:
    with surveys.catalogue.pool.connection() as connection:
        query = "SELECT files FROM catalog.submission WHERE id = coalesce(%s, id) ORDER BY received_at DESC LIMIT 1"
        row = connection.execute(query, (submission,)).fetchone()
    assert row is not None
    return list(row[0])


def test_a_load_says_what_its_files_hash_to(surveys: Surveys) -> None:
    result = surveys.load(BUILDINGS)
    assert files_of(surveys, result.submission) == [{"name": "survey", "size": 17, "sha256": SHA256}]
    with surveys.catalogue.pool.connection() as connection:
        row = connection.execute(
            "SELECT lineage -> 'files' -> 0 ->> 'sha256' FROM catalog.revision ORDER BY commit DESC LIMIT 1"
        ).fetchone()
    assert row == (SHA256,)


def test_a_load_that_is_refused_says_it_too(surveys: Surveys) -> None:
    def refused(*_: object) -> None:
        raise RejectedError("no", zh="否")

    with pytest.raises(RejectedError, match="no"):
        load(replace(surveys.place(BUILDINGS), read=refused), surveys.request(BUILDINGS))
    assert files_of(surveys) == [{"name": "survey", "size": 17, "sha256": SHA256}]


def test_what_is_told_within_the_block_is_recorded_after_it(surveys: Surveys, tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_text(path.name)
    submission = surveys.catalogue.submissions.receive("surveyor", sized(paths), {})
    with described_meanwhile(surveys.catalogue, submission, paths) as told:
        assert told() == described(paths)
        assert files_of(surveys, submission) == sized(paths)
    assert files_of(surveys, submission) == described(paths)


def test_of_a_file_that_is_gone_the_block_says_why(surveys: Surveys, tmp_path: Path) -> None:
    gone = [tmp_path / "gone.txt"]
    submission = surveys.catalogue.submissions.receive("surveyor", [], {})
    with pytest.raises(RejectedError, match="no file"), described_meanwhile(surveys.catalogue, submission, gone):
        raise RejectedError("no file", zh="没有文件")
    with pytest.raises(FileNotFoundError), described_meanwhile(surveys.catalogue, submission, gone):
        pass
    assert files_of(surveys, submission) == []
