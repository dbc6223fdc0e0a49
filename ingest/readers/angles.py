"""Degrees, minutes and seconds as surveyors write them: 31°48′39.56″, 119度58分26.4秒, 31 48 39.56, N31:48:39.56, 31°48.66′."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_ANGLE = re.compile(
    r"([NSEW北南东西])?[纬经]?\s*(\d{1,3})\s*(?:[°º˚度dD:]|\s)\s*(\d{1,2}(?:\.\d+)?)\s*(?:['′’‘`分mM:]|\s|$)"
    r"\s*(?:(\d{1,2}(?:\.\d+)?)\s*(?:[\"″”“秒sS]|''|′′|’’)?)?\s*([NSEW])?"
)
_NEGATIVE = frozenset("SW南西")
_SEXAGESIMAL = 60.0
_MOST_CHARACTERS = 60
_MOST_DEG = 180.0


def degrees(text: str) -> float | None:
    """Return an angle in degrees; None when the text is not one of degrees and minutes, with or without seconds."""
    if len(text) > _MOST_CHARACTERS:
        return None  # what is taken apart in many ways is not tried on what no surveyor writes
    plain = unicodedata.normalize("NFKC", text.replace("º", "°").replace("˚", "°").replace("″", '"').replace("′", "'")).strip()
    found = _ANGLE.fullmatch(plain.replace("＇", "'"))
    if found is None:
        return None
    before, whole, minutes, seconds, after = found.groups()
    if float(minutes) >= _SEXAGESIMAL or float(seconds or 0) >= _SEXAGESIMAL:
        return None
    angle = float(whole) + float(minutes) / _SEXAGESIMAL + float(seconds or 0) / _SEXAGESIMAL**2
    if angle > _MOST_DEG:
        return None
    return -angle if before in _NEGATIVE or after in _NEGATIVE else angle


def with_angles(cells: pa.Array, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return ``numbers``, in which the cells of text that are angles stand in degrees."""
    if not pa.types.is_string(cells.type):
        return numbers
    result = numbers.copy()
    for index in np.flatnonzero(np.isnan(numbers)).tolist():
        angle = degrees(text) if (text := cells[index].as_py()) else None
        if angle is not None:
            result[index] = angle
    return result
