"""What the record of a submission and the lineage of a revision say of files that are hashed while they are read."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.described_files import described, described_meanwhile, sized
from ingest.load import check, load
from ingest.protocol import Message, ReadRequest
from tests.integration.surveys import Row, Surveys, square
from twin.errors import RejectedError, StorageFullError

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
    with pytest.raises(RejectedError, match="txt was changed or taken"), described_meanwhile(surveys.catalogue, submission, gone):
        pass
    assert files_of(surveys, submission) == []


@pytest.mark.parametrize("ended_by", [KeyboardInterrupt, RejectedError, MemoryError])
def test_what_ends_early_does_not_wait_for_its_hashes(surveys: Surveys, ended_by: type[BaseException]) -> None:
    endless = Path("/dev/zero")
    submission = surveys.catalogue.submissions.receive("surveyor", sized([endless]), {})
    ended = RejectedError("no", zh="否") if ended_by is RejectedError else ended_by()
    with pytest.raises(ended_by), described_meanwhile(surveys.catalogue, submission, [endless]):
        raise ended
    assert files_of(surveys, submission) == [{"name": "zero", "size": 0}]


def test_a_record_that_cannot_be_written_hides_no_refusal(surveys: Surveys, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    submission = surveys.catalogue.submissions.receive("surveyor", sized([path]), {})
    full = "CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$"
    with surveys.catalogue.pool.connection() as connection:
        connection.execute(full)
        connection.execute("CREATE TRIGGER full_disk BEFORE UPDATE ON catalog.submission FOR EACH ROW EXECUTE FUNCTION public.full_disk()")
    with pytest.raises(RejectedError, match="no file"), described_meanwhile(surveys.catalogue, submission, [path]):
        raise RejectedError("no file", zh="没有文件")
    with pytest.raises(StorageFullError), described_meanwhile(surveys.catalogue, submission, [path]):
        pass
    assert files_of(surveys, submission) == sized([path])


def _written_to(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b", and more")


def _replaced(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("change", [_written_to, _replaced, Path.unlink])
def test_a_file_that_changes_while_it_is_read_is_not_published(surveys: Surveys, change: Callable[[Path], None]) -> None:
    """What was hashed, and what is in the record for good, may not be what was read."""
    place = surveys.place(BUILDINGS)

    def changed(request: ReadRequest) -> Generator[Message]:
        yield from place.read(request)
        change(request.path)

    for step in (load, check):
        with pytest.raises(RejectedError, match="survey was changed or taken away") as refused:
            step(replace(place, read=changed), surveys.request(BUILDINGS))
        assert refused.value.code == "file-changed"
    with surveys.catalogue.pool.connection() as connection:
        assert connection.execute("SELECT count(*) FROM catalog.revision").fetchone() == (0,)
    assert surveys.staged_tables() == []
