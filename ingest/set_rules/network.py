"""Points and lines of a network, and the ends of lines where they meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ingest.set_rules.codes import NONE, Codes, Mask
from ingest.set_rules.survey import Lines, Numbers, Points, Survey

ENDS_AT_A_TIME = 1 << 18
"""Ends of lines that are looked at together, about."""
ENDS_KEPT = 1 << 19
"""Up to so many all are looked at together, and kept for the next rule."""
_ANY = TypeVar("_ANY", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Network:
    """Points and lines, both in the order of parts and rows, what is published last."""

    survey: Survey
    points: Points
    lines: Lines
    stands: Mask
    """Shape (points,): whether a point stands for its number, of which it is the first; at others no line ends."""
    at: Codes
    """Shape (lines, 2): the point at start and end of each line, `NONE` where it is not known."""
    system: Codes
    """Of each line: sewers belong to that of their kind (storm water and sewage are apart), all other pipes to their class."""
    _all: list[Ends] = field(default_factory=list)
    """All ends, once they were made, where they are not many."""
    _bounds: list[tuple[slice, tuple[int, int]]] = field(default_factory=list)

    def ends(self) -> Iterator[Ends]:
        """Yield all ends of lines that are at points, point after point so many at a time that memory does not grow with the network."""
        known = sum(int(np.count_nonzero(self.at[block] != NONE)) for block in self.survey.blocks(len(self.at)))
        if known > ENDS_KEPT:
            points = max(1, len(self.points) * ENDS_AT_A_TIME // known)
            for first in range(0, len(self.points), points):
                yield self._ends_at(first, min(first + points, len(self.points)))
                self.survey.let_go()
            return
        if not self._all:
            self._all.append(self._ends_at(0, len(self.points)))
        yield self._all[0]

    def _at_points(self) -> Sequence[tuple[slice, tuple[int, int]]]:
        """Return blocks of all ends, and the lowest and the highest of their points: mostly a survey has its rows as it went along."""
        if not self._bounds:
            at = self.at.reshape(-1)
            self._bounds.extend((block, (int(at[block].min()), int(at[block].max()))) for block in self.survey.blocks(len(at)))
        return self._bounds

    def flow(self, lines: Numbers) -> Numbers:
        """Return 1 where water flows from start to end of some lines, −1 the other way, 0 where nothing is known."""
        words, given = self.survey.words, self.lines.flow_direction[lines]
        return words.among(given, "+").astype(np.int64) - words.among(given, "-")

    def _ends_at(self, first: int, after: int) -> Ends:
        at = self.at.reshape(-1)
        blocks = (block for block, (lowest, highest) in self._at_points() if lowest < after and highest >= first)
        found = [np.flatnonzero((at[block] >= first) & (at[block] < after)) + block.start for block in blocks]
        end = np.concatenate([np.empty(0, np.int64), *found])
        line, point = end // 2, at[end].astype(np.int64)
        joint = np.unique(point * (len(self.survey.words.words) + 1) + self.system[line] + 1, return_inverse=True)[1]
        return Ends(self, first, after, line, point, end % 2 == 1, joint)


@dataclass(frozen=True, slots=True)
class Ends:
    """All ends of lines that are at some neighbouring points, by lines, starts first."""

    network: Network
    first_point: int
    after_point: int
    """The point after the last of them."""
    line: Numbers
    point: Numbers
    is_end: Mask
    """Whether it is the line's end."""
    joint: Numbers
    """Ends of one system that meet at a point have the same number, from 0."""

    def of(self, start: npt.NDArray[_ANY], end: npt.NDArray[_ANY]) -> npt.NDArray[_ANY]:
        """Return for each end what its line has there, of what all lines have at start and end."""
        return np.where(self.is_end, end[self.line], start[self.line])

    def height_m(self) -> npt.NDArray[np.float64]:
        """Return the elevation of each end, else its height."""
        lines = self.network.lines
        return np.where(self.is_end, lines.end_m(self.line), lines.start_m(self.line))

    def flow(self) -> Numbers:
        """Return 1 where water flows into the point, −1 where it flows out of it, 0 where nothing is known."""
        flow = self.network.flow(self.line)
        return np.where(self.is_end, flow, -flow)

    def counts(self) -> Numbers:
        """Return how many ends there are at each point."""
        return np.bincount(self.point - self.first_point, minlength=self.after_point - self.first_point)

    def of_part(self, part: int) -> Mask:
        """Return which ends are of lines of a part."""
        return self.network.lines.part[self.line] == part

    def place(self, end: int) -> tuple[float, float]:
        """Return where an end lies."""
        line, lines = self.line[end], self.network.lines
        return (float(lines.end_x[line]), float(lines.end_y[line])) if self.is_end[end] else lines.place(line)

    def number(self, end: int) -> str:
        """Return the number of the point at an end."""
        network = self.network
        return network.survey.names.at(network.points.node[self.point[end]])


@dataclass(slots=True)
class NetworkOnce:
    """Where the network of a submission is kept from the first rule that asks for it on."""

    made: Network | None = None
