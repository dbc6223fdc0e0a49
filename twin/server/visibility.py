"""Who may see a submission: its findings, changes and reports show values of the datasets it names."""

from __future__ import annotations

import uuid

from ingest.register import Register, Submission
from twin.catalogue import Catalogue
from twin.errors import NotFoundError
from twin.model import Principal, SharingClass


def visible(catalogue: Catalogue, register: Register, principal: Principal, submission: uuid.UUID) -> Submission:
    """Return a submission; NotFoundError when there is none that the caller may see."""
    found = register.one(submission)
    if not may_see(catalogue, principal, found):
        raise NotFoundError(f"there is no submission {submission}", zh=f"没有提交 {submission}")
    return found


def may_see(catalogue: Catalogue, principal: Principal, submission: Submission) -> bool:
    """Return whether the caller may see every dataset a submission names."""
    asked = {str(part["dataset"]) for part in (submission.request or {}).get("parts", ())}
    done = set((submission.result or {}).get("datasets", ()))
    loaded = set(submission.options.get("datasets", ()))
    classes = set(catalogue.sharing_of(sorted(asked | done | loaded)).values())
    if "sharing" in submission.options:  # of datasets that are not, or are not any more
        classes.add(SharingClass(submission.options["sharing"]))
    return classes <= principal.classes
