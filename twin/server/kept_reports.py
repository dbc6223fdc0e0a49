"""Reports that were made once and are kept for a while: whoever asks again gets the same file, and nothing is read anew."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import orjson

from ingest.register import Submission
from twin.errors import TooManyRequestsError
from twin.server.orders import ReportForm

REPORTS_AT_ONCE = 2
"""Each reads files in the sandbox and holds their faulty rows; more are asked to come back (429)."""
_WORDED = ("xlsx", "pdf")
"""Forms in one language; the others say everything in both."""
PREFIX = "report-"
"""Of the names of the files: what is a day old is swept (`twin.server.checks.sweep_work`)."""


class KeptReports:
    """The reports of one city's submissions, as files of a folder; threads may ask at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turns = threading.BoundedSemaphore(REPORTS_AT_ONCE)

    def file_of(self, submission: Submission, form: ReportForm, language: str, write: Callable[[Path], bool]) -> Path:
        """Return the file of a report, made by ``write`` where there is none of the submission as it is.

        One that ``write`` says (False) to be less than whole is made anew for whoever asks next.
        TooManyRequestsError, at once, when it is to be made and others are being made.
        """
        path = self._folder / f"{PREFIX}{_digest(submission, language if form in _WORDED else '')}.{form}"
        if path.exists():
            return path
        if not self._turns.acquire(blocking=False):
            raise TooManyRequestsError("others are making reports; try again soon", zh="正在生成其他报告，请稍后重试")
        try:
            return self._made(path, write)
        finally:
            self._turns.release()

    def _made(self, path: Path, write: Callable[[Path], bool]) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=PREFIX, suffix=path.suffix, delete=False) as file:
            half = Path(file.name)
        try:
            if not write(half):
                return half  # under a name that nobody asks for; swept like the others
            return half.replace(path)
        except BaseException:
            half.unlink(missing_ok=True)
            raise


def _digest(s: Submission, language: str) -> str:
    """Return a name for what a report says: a check, a publish, a withdrawal, hashes of files that become known, each makes another."""
    said = [s.id, s.state.value, s.changed_at, s.commit, s.files, s.request, s.result, s.problem, language]
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
