"""Copies of a published PLATEAU file in one document, beside each other and in China: CityGML of any size with real buildings."""

from __future__ import annotations

import re
from pathlib import Path

_SOURCE = "citygml-plateau-yokosuka/52397519_bldg_6697_op.gml"
_FIRST, _LAST = "<core:cityObjectMember>", "</core:cityObjectMember>"
_NAMES = re.compile(r'(gml:id="|xlink:href="#)([^"]+)"')
_POSITIONS = re.compile(r"(<gml:posList>|Corner>)([-\d. ]+)(?=</)")
_CRS = re.compile(r"EPSG/0/6697")
_MOVE_DEG, _PITCH_DEG, _IN_A_ROW = (-3.5, -19.0), 0.005, 32
"""North and east; of copies."""


def write_plateau(path: Path, copies: int, real_data: Path) -> int:
    """Write copies of all buildings under ids of their own, in CGCS2000 (EPSG:4490), latitude first; return how many."""
    text = _CRS.sub("EPSG/0/4490", (real_data / _SOURCE).read_text())
    begin, end = text.index(_FIRST), text.rindex(_LAST) + len(_LAST)
    with path.open("w") as file:
        file.write(_moved(text[:begin], *_MOVE_DEG))
        for copy in range(copies):
            row, column = divmod(copy, _IN_A_ROW)
            body = _moved(text[begin:end], _MOVE_DEG[0] + row * _PITCH_DEG, _MOVE_DEG[1] + column * _PITCH_DEG)
            file.write(_NAMES.sub(rf'\g<1>\g<2>_{copy}"', body))
        file.write(text[end:])
    return copies * text.count("<bldg:Building ")


def _moved(text: str, north_deg: float, east_deg: float) -> str:
    move = (north_deg, east_deg, 0.0)

    def moved(found: re.Match[str]) -> str:
        return found[1] + " ".join(f"{float(v) + move[k % 3]:.9f}" for k, v in enumerate(found[2].split()))

    return _POSITIONS.sub(moved, text)
