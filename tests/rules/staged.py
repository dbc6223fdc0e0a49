"""Rows staged for one question: what a rule over all rows finds among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from integration.surveys import Parts, Surveys
from numpy.typing import NDArray

from ingest import staging as staged
from ingest.derive import derive_from_city
from ingest.load import withdraw
from ingest.receiving import read_all, start
from ingest.set_rules.context import SetContext, checks_of
from ingest.set_rules.registry import DERIVED_RULES, SET_RULES
from ingest.set_rules.survey import Survey
from twin.db import translated
from twin.model import FeatureType, Finding

GROUND_M = 5.0


class FlatGround:
    """Terrain at the height of the ground of the cases."""

    def height_m(self, easting_m: NDArray[np.float64], northing_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return GROUND_M everywhere."""
        return np.full(len(easting_m), GROUND_M)


@dataclass(frozen=True)
class Staged:
    """Rows of a submission, {dataset: (FeatureType, rows)}, and what is published before it comes in."""

    parts: Parts
    published: Parts | None = None
    asked: str | None = None
    """The dataset that is asked about; None: each."""


@dataclass
class City:
    """A city that stays as it is between two questions, but for what a question publishes."""

    surveys: Surveys

    def ask(self, rule: str, given: Staged | Parts) -> list[Finding]:
        """Return what ``rule`` finds among staged rows, by the parameters of their FeatureTypes."""
        asked = given if isinstance(given, Staged) else Staged(given)
        if asked.published is not None:
            self.surveys.load(asked.published)
        catalogue, request = self.surveys.catalogue, self.surveys.request(asked.parts)
        submission = catalogue.submissions.receive("surveyor", [], {})
        with staged.claimed(catalogue.pool, submission):
            tallies = start(self.surveys.place(asked.parts), submission, request)
            read_all(self.surveys.place(asked.parts), request, tallies)
            with translated(), catalogue.pool.connection() as connection:
                stagings = [t.staging for t in tallies.values()]
                find = {**SET_RULES, **DERIVED_RULES}[rule]
                if rule in DERIVED_RULES:
                    for staging in stagings:
                        derive_from_city(connection, staging, lambda _: FlatGround(), catalogue, stagings)
                survey = Survey({t.staging.part: t.survey for t in tallies.values()})
                found = [
                    finding
                    for t in tallies.values()
                    if asked.asked in (None, t.staging.dataset.slug)
                    for check in checks_of(t.staging.feature_type, rule)
                    for finding in find(SetContext(connection, t.staging, stagings, {}, catalogue, survey), check)
                ]
            withdraw(catalogue, submission)
        return found

    def feature_type(self, name: str) -> FeatureType:
        """Return a FeatureType."""
        return self.surveys.catalogue.feature_type(name)
