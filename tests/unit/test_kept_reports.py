"""Reports are made by two at once, the next is told to come again, and what was made is answered as long as it is true."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.register import Submission
from twin.errors import TooManyRequestsError
from twin.model import SubmissionState
from twin.server.kept_reports import PREFIX, REPORTS_AT_ONCE, KeptReports

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def submission() -> Submission:
    return Submission(
        id=uuid.uuid4(),
        state=SubmissionState.ACCEPTED,
        actor="张测量",
        received_at=NOW,
        changed_at=NOW,
        files=(),
        stored=True,
        proposals=(),
        options={},
        request={"parts": []},
        check_wanted=False,
        attempt=1,
        progress=None,
        result={"read": 1},
        problem=None,
        commit=None,
    )


def made(path: Path) -> bool:
    path.write_text("made")
    return True


def unwanted(_: Path) -> bool:
    raise AssertionError("it is kept")


def test_who_comes_while_others_are_made_is_sent_away_at_once_but_gets_what_is_kept(tmp_path: Path) -> None:
    reports, kept, go = KeptReports(tmp_path / "work"), submission(), threading.Event()
    begun = threading.Barrier(REPORTS_AT_ONCE + 1)

    def slowly(path: Path) -> bool:
        begun.wait(30)
        go.wait(30)
        return made(path)

    first = reports.file_of(kept, "json", "zh", made)
    with ThreadPoolExecutor(REPORTS_AT_ONCE) as makers:
        making = [makers.submit(reports.file_of, submission(), "json", "zh", slowly) for _ in range(REPORTS_AT_ONCE)]
        begun.wait(30)
        try:
            with pytest.raises(TooManyRequestsError):
                reports.file_of(submission(), "json", "zh", unwanted)
            assert reports.file_of(kept, "json", "en", unwanted) == first, "it says everything in both languages"
        finally:
            go.set()
    assert [job.result().read_text() for job in making] == ["made"] * REPORTS_AT_ONCE


def test_a_report_is_made_anew_when_the_submission_is_another_and_of_a_failure_nothing_stays(tmp_path: Path) -> None:
    reports, checked = KeptReports(tmp_path), submission()

    def fail(path: Path) -> bool:
        path.write_text("half")
        raise OSError("no space left")

    found = {reports.file_of(checked, "pdf", language, made) for language in ("zh", "en", "zh")}
    found.add(reports.file_of(replace(checked, changed_at=NOW + dt.timedelta(seconds=1)), "pdf", "zh", made))
    found.add(reports.file_of(replace(checked, state=SubmissionState.PUBLISHED, commit=1), "pdf", "zh", made))
    found.add(reports.file_of(replace(checked, files=({"name": "a.gpkg", "size": 3},)), "pdf", "zh", made))
    found.add(reports.file_of(replace(checked, files=({"name": "a.gpkg", "size": 3, "sha256": "ab"},)), "pdf", "zh", made))
    assert len(found) == 6
    with pytest.raises(OSError, match="no space"):
        reports.file_of(submission(), "pdf", "zh", fail)
    assert set(tmp_path.iterdir()) == found


def test_a_report_that_is_not_whole_is_made_anew_for_the_next(tmp_path: Path) -> None:
    reports, checked = KeptReports(tmp_path), submission()

    def partly(path: Path) -> bool:
        path.write_text("without the rows of a file")
        return False

    assert reports.file_of(checked, "json", "zh", partly).read_text() == "without the rows of a file"
    whole = reports.file_of(checked, "json", "zh", made)
    assert whole.read_text() == "made"
    assert reports.file_of(checked, "json", "zh", unwanted) == whole
    assert all(file.name.startswith(PREFIX) for file in tmp_path.iterdir()), "what nobody asks for is swept with the others"
