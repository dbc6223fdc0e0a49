"""Ends of lines that are not in the files: what the sandboxed reader of a table asks for by name, and the published points it is told."""

from __future__ import annotations

from dataclasses import dataclass

MOST_NAMES = 200_000
"""So many ends are asked for; a survey that lacks more points than that is handed in with them."""
LONGEST_NAME = 128
"""Characters; no point is called longer."""


@dataclass(frozen=True, slots=True)
class EndsWanted:
    """All that is answered instead of rows: names of points that lines end at and no table of the files has a place for."""

    dataset: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishedPoint:
    """A point by its name, in the storage CRS, with the ground there in the deployment's heights."""

    name: str
    x: float
    y: float
    ground_elevation_m: float | None
    doubtful: str = ""
    """The dataset it is of, where no published line of the dataset of the lines ends in that; empty where one does."""


@dataclass(frozen=True, slots=True)
class EndsElsewhere:
    """What the reader of a table of lines may ask, or was told."""

    may_ask: bool = False
    points: tuple[PublishedPoint, ...] | None = None
    """None where nothing was asked."""
    ambiguous: tuple[str, ...] = ()
    """Names of several published points in different places."""


NOT_ELSEWHERE = EndsElsewhere()
