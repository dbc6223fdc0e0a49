"""Boxes in CRS84 or CRS84h that a request gives, and what meets them, for what has an extent and no geometry in a table; pure."""

from __future__ import annotations

from twin.errors import BadRequestError
from twin.query.written import written_numbers

Box = tuple[float, ...]
"""West, south, (low,) east, north(, high): degrees and metres; west east of east where it spans the antimeridian."""


def degree_box(text: str | None) -> Box | None:
    """Return the box that ``bbox`` gives, None without; BadRequestError ``bad-bbox`` for what is none on Earth."""
    if text is None:
        return None
    box = written_numbers(text)
    if len(box) not in (4, 6):
        raise _bad_box()
    half = len(box) // 2
    low, high = box[:half], box[half:]
    on_earth = all(abs(x) <= 180 for x in (low[0], high[0])) and -90 <= low[1] <= high[1] <= 90
    if not on_earth or (half == 3 and low[2] > high[2]):
        raise _bad_box()
    return box


def boxes_meet(one: Box, other: Box) -> bool:
    """Return whether two boxes have a place on Earth in common; heights count where both have them.

    180° and −180° are one meridian, and at a pole all are one place.
    """
    (west, south, east, north), (other_west, other_south, other_east, other_north) = _plane(one), _plane(other)
    if south > other_north or north < other_south:
        return False
    if len(one) == len(other) == 6 and (one[2] > other[5] or one[5] < other[2]):
        return False
    if (north == other_north == 90) or (south == other_south == -90):
        return True
    return any(a <= d and b >= c for a, b in _spans(west, east) for c, d in _spans(other_west, other_east))


def _plane(box: Box) -> tuple[float, float, float, float]:
    half = len(box) // 2
    return box[0], box[1], box[half], box[half + 1]


def _spans(west: float, east: float) -> list[tuple[float, float]]:
    """Return the ranges of longitude of a box, with the antimeridian by its other name, too, where one of them ends there."""
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    ends = {end for span in spans for end in span}
    return [*spans, *((-end, -end) for end in (-180.0, 180.0) if end in ends)]


def _bad_box() -> BadRequestError:
    en, zh = "bbox takes west, south, east, north in degrees, with heights 6 numbers", "bbox 应为西、南、东、北（度），含高程时为 6 个数值"
    return BadRequestError(en, zh=zh).with_code("bad-bbox")
