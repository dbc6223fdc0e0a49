"""Published points as a table of lines takes its ends from them: their places and heights brought back into the CRS of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely

from ingest.declared import request_for
from ingest.ends_elsewhere import LONGEST_NAME, MOST_NAMES
from ingest.georeference import georeference
from ingest.protocol import PartRequest, ReadRequest
from ingest.refusals import rejected
from twin.crs import FloatArray


@dataclass(frozen=True)
class PointsElsewhere:
    """Points that no table of the files has."""

    names: pa.Array
    places: FloatArray
    """(n, 2) eastings and northings in the CRS of the lines."""
    ground: FloatArray
    """(n,) in the heights of the lines; NaN where that is not known."""
    ambiguous: frozenset[str] = frozenset()
    """Names of several points in different places."""
    doubtful: tuple[str, ...] = ()
    """Per point the dataset it is of, where no published line of the dataset of the lines ends in that, else empty; () where all do."""


def points_elsewhere(request: ReadRequest, part: PartRequest, layer: str, file_crs: str | None) -> PointsElsewhere | None:
    """Return the published points that a request tells of, None where it tells of none.

    Raises what `georeference` does where nobody says in which CRS the lines are.
    """
    told = request.ends
    if told.points is None:
        return None
    placing = georeference(request_for(request, part), layer, file_crs, assumed=False)
    stored = np.array([(p.x, p.y) for p in told.points]).reshape(-1, 2)
    places = stored if placing.is_unchanged else np.column_stack(placing.transform.inverse(stored[:, 0], stored[:, 1]))
    ground = np.array([np.nan if p.ground_elevation_m is None else p.ground_elevation_m for p in told.points], np.float64)
    lifted = (ground - placing.lift_m(shapely.points(places))) / placing.transform.height_unit_m
    doubtful = tuple(p.doubtful for p in told.points) if any(p.doubtful for p in told.points) else ()
    return PointsElsewhere(pa.array([p.name for p in told.points], pa.string()), places, lifted, frozenset(told.ambiguous), doubtful)


def asked_for(unknown: Iterator[Sequence[str]]) -> tuple[str, ...]:
    """Return the names that nothing of the files places, each once; RejectedError ``no-points`` for more than may be asked for."""
    names: dict[str, None] = {}
    for some in unknown:
        names.update((name, None) for name in some if len(name) <= LONGEST_NAME)
        if len(names) > MOST_NAMES:
            raise rejected(
                "no-points",
                f"More than {MOST_NAMES} ends of lines are not in the files, and so many published points are not looked up."
                " Hand in the table of points beside the lines, or the lines in several files.",
                f"超过 {MOST_NAMES} 个管线端点不在提交的文件中，无法逐一查找已发布的点；请同时提交点表，或将管线分成几个文件提交。",
            )
    return tuple(names)
