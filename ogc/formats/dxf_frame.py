"""What stands around the entities of a drawing of pipes: header, layers by the classes of CJJ 61 in their colours, the sign of a node."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ezdxf.colors import DXF_DEFAULT_COLORS, int2rgb
from ezdxf.filemanagement import new

from styles.derive import LegendEntry

APPLICATION = "CITYTWIN"
"""Owner of the extended data of every entity."""
NODE_SIGN = "PIPE_NODE"
_VERSION = "R2013"
"""Texts are UTF-8, and every CAD program of the last ten years reads it."""
_METRES = 6
_SIGN_RADIUS_M = 0.35
_FIRST_HANDLE = 0x1000
_LAST_HANDLE = 0x7FFF_FFFF_FFFF
_ENTITIES = "SECTION\n  2\nENTITIES\n"


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes before and after the entities of model space."""

    head: bytes
    tail: bytes
    owner: str
    """Handle of model space, which owns every entity."""
    first_handle: int = _FIRST_HANDLE


def frame(classes: Iterable[LegendEntry], suffix: str, crs_uri: str) -> Frame:
    """Return the frame of a drawing with a layer ``{code}{suffix}`` for every class, and one for features of none."""
    drawing = new(_VERSION)
    drawing.header["$INSUNITS"] = _METRES
    drawing.header.custom_vars.append("CRS", crs_uri)
    drawing.appids.add(APPLICATION)
    for entry in classes:
        red, green, blue = (int(entry.color[i : i + 2], 16) for i in (1, 3, 5))
        layer = drawing.layers.add(layer_name(entry.value, suffix), color=_nearest_index(red, green, blue))
        layer.rgb = (red, green, blue)
        layer.description = f"{entry.title.zh} {entry.title.en}"
    drawing.layers.add(layer_name(None, suffix))
    sign = drawing.blocks.new(NODE_SIGN)
    sign.add_circle((0, 0), _SIGN_RADIUS_M)
    owner = drawing.modelspace().block_record_handle
    drawing.entitydb.handles.reset(f"{_LAST_HANDLE:X}")  # what a program adds comes after all of ours
    text = io.StringIO()
    drawing.write(text)
    before, _, after = text.getvalue().partition(_ENTITIES)
    return Frame((before + _ENTITIES).encode(), after.encode(), owner)


def layer_name(code: str | None, suffix: str) -> str:
    """Return the name of the layer of a class, as surveys name them: ``JSLINE``, ``JSPOINT``; of no class ``LINE``, ``POINT``."""
    return f"{code or ''}{suffix}"


def _nearest_index(red: int, green: int, blue: int) -> int:
    """Return the AutoCAD Color Index nearest to a colour, for programs that know no others."""
    known = np.array([int2rgb(color) for color in DXF_DEFAULT_COLORS[1:256]], dtype=np.int64)
    return 1 + int(np.argmin(((known - (red, green, blue)) ** 2).sum(axis=1)))
