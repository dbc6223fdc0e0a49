"""What is known of a job, and what the door needs of whoever keeps and runs jobs."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, get_args

from starlette.requests import HTTPConnection

from twin.errors import Text
from twin.model import SharingClass

State = Literal["accepted", "running", "successful", "failed", "dismissed"]
STATES: tuple[State, ...] = get_args(State)
ENDED = frozenset({"successful", "failed", "dismissed"})
Response = Literal["raw", "document"]
Transmission = Literal["value", "reference"]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a job: the holder of a token, or whoever is at a network address."""

    key: str
    """Stable, and tells nothing of the address."""
    by_token: bool


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job as it is asked for, its inputs checked."""

    process: str
    asker: Asker
    classes: frozenset[SharingClass]
    """What its asker may see, and so the job."""
    commit: int
    """The commit all of it is read at."""
    inputs: Mapping[str, object]
    response: Response
    transmission: Transmission


@dataclass(frozen=True, slots=True)
class JobResult:
    """The one file a job has made."""

    key: str
    """Where it lies in the store."""
    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a job failed: the members of a problem document."""

    status: int
    code: str
    detail: Text


@dataclass(frozen=True, slots=True)
class Job:
    """The state of a job."""

    id: uuid.UUID
    number: int
    """Later jobs have higher ones."""
    process: str
    asker: Asker
    classes: frozenset[SharingClass]
    commit: int
    inputs: Mapping[str, object]
    response: Response
    transmission: Transmission
    state: State
    progress: int
    """Percent."""
    message: Text
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    changed_at: dt.datetime
    expires_at: dt.datetime | None
    """When its result, and then the job, is forgotten; None while it has not ended."""
    result: JobResult | None
    problem: Problem | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing will be done for it any more."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which of an asker's jobs are listed, the newest first; what is empty or None does not restrict."""

    processes: Sequence[str] = field(default=())
    states: Sequence[State] = field(default=())
    created_from: dt.datetime | None = None
    created_to: dt.datetime | None = None
    least_duration_s: float | None = None
    most_duration_s: float | None = None
    before: int | None = None
    """Keyset: only jobs with a lower number."""
    limit: int = 100


class JobDesk(Protocol):
    """Keeps jobs and has them run in another process; every method blocks and belongs into a thread."""

    def asker_of(self, request: HTTPConnection) -> Asker:
        """Return who asks; UnauthorizedError for a token that is not in force."""

    def submit(self, wanted: NewJob) -> Job:
        """Keep a job and wake who runs it; TooManyRequestsError when its asker, or everybody, waits for too many already."""

    def one(self, job: uuid.UUID) -> Job | None:
        """Return a job, None when there is none of that id."""

    def listed(self, asker: Asker, wanted: JobFilter) -> tuple[Job, ...]:
        """Return jobs of the holder of a token, one more than the limit where there are more; none of an asker without one."""

    def dismiss(self, job: uuid.UUID) -> Job | None:
        """Stop a job, or forget its result when it has ended; return it as it is then, None when it was dismissed before."""

    def file(self, result: JobResult) -> Path:
        """Return a file of this machine with a result; NotFoundError when it has been forgotten."""
