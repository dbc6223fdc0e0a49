"""The frame an export is written in: reference system, transform, and the way of stored coordinates into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.readers.cityjson_frame import read_frame
from twin.crs import OutputCrs, SourceTransform, StorageCrs, parse_crs, to_storage
from twin.errors import TwinError
from twin.exact_json import json_value
from twin.heights import VerticalModel
from twin.server.cityjson.upgrade import with_lod_as_text

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Document = Mapping[str, Any]
_SCALE_M = 0.001
_ELLIPSOIDAL_3D = 4979
_NEAR_DEG = 1e-8
"""A step of a degree grid: about a millimetre."""
_MEMBERS_OF_METADATA = frozenset({"identifier", "pointOfContact", "referenceDate", "title", "geographicalExtent", "referenceSystem"})
_DEFINITIONS = "https://www.opengis.net/def/crs/"


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """Around the documents of one source."""

    hash: str
    crs: str
    header: Document
    scale: Floats
    translate: Floats

    @staticmethod
    def of(row: Sequence[Any]) -> SourceFrame:
        """Return the frame of a row of :func:`twin.query.representations.source_headers_statement`."""
        digest, crs, text, _ = row
        header = json_value(text.encode())
        frame = read_frame({"type": "CityJSON", **header})
        return SourceFrame(digest, crs, header, frame.scale, frame.translate)


@dataclass(frozen=True)
class Target:
    """What is written: the header of the file, and how coordinates become its integers."""

    header: Document
    crs: str
    scale: Floats
    translate: Floats
    from_storage: SourceTransform | None
    """Applied backwards; None where positions are those of the storage CRS."""
    storage: StorageCrs
    vertical: VerticalModel

    def takes(self, source: SourceFrame) -> bool:
        """Tell whether documents of ``source`` can be written with their own numbers, at most shifted or rounded to this scale."""
        return source.crs == self.crs

    def from_source(self, source: SourceFrame, vertices: Integers) -> Integers:
        """Return integer vertices of a source in this transform; the very same where the transforms are."""
        if np.array_equal(source.scale, self.scale) and np.array_equal(source.translate, self.translate):
            return vertices
        offset = (source.translate - self.translate) / self.scale
        return np.rint(vertices * (source.scale / self.scale) + offset).astype(np.int64)

    def from_stored(self, vertices: Floats) -> Integers:
        """Return vertices (n, 3) of the storage CRS with H as integers of this transform."""
        moved = vertices
        if self.from_storage is not None:
            x, y = self.from_storage.operation.inverse(vertices[:, 0], vertices[:, 1])
            z = vertices[:, 2]
            if self.from_storage.height_kind == "ellipsoidal" and self.vertical.known:
                z = z + self.vertical.separation_m(*self.storage.to_crs84().transform(vertices[:, 0], vertices[:, 1]))
            moved = np.column_stack([x, y, z / self.from_storage.height_unit_m])
        return np.rint((moved - self.translate) / self.scale).astype(np.int64)


def target_of(frames: Sequence[SourceFrame], storage: StorageCrs, vertical: VerticalModel, corner: Floats, title: str) -> Target:
    """Return the frame of the source that most features came from, else one of the storage CRS with its origin near ``corner``."""
    for frame in frames:
        try:
            parsed = parse_crs(frame.crs)
            same = (parsed.sub_crs_list[0] if parsed.is_compound else parsed).to_epsg() == storage.srid
            way = None if same else to_storage(frame.crs, storage)
        except TwinError:
            if len(frames) > 1:
                continue
            way = None  # a name of no known system: good for its own documents
        return Target(_header(frame), frame.crs, frame.scale, frame.translate, way, storage, vertical)
    return _anew(
        f"EPSG:{storage.srid}", f"{_DEFINITIONS}EPSG/0/{storage.srid}", np.full(3, _SCALE_M), corner, None, storage, vertical, title
    )


def target_in(crs: OutputCrs, storage: StorageCrs, vertical: VerticalModel, corner: Floats, title: str) -> Target:
    """Return the frame of one of the CRSs that a door offers, which has heights; steps are a millimetre, of degrees about one."""
    url = crs.uri.replace("http:", "https:")
    if crs.srid == storage.srid:
        return _anew(f"EPSG:{crs.srid}", url, np.full(3, _SCALE_M), corner, None, storage, vertical, title)
    is_ellipsoidal = crs.height == "ellipsoidal"
    name = f"EPSG:{_ELLIPSOIDAL_3D if is_ellipsoidal else crs.srid}"
    step = _NEAR_DEG if is_ellipsoidal else _SCALE_M
    scale, way = np.array([step, step, _SCALE_M]), to_storage(name, storage)
    x, y = way.operation.inverse(corner[:1], corner[1:2])
    return _anew(name, url, scale, np.array([x[0], y[0], corner[2]]), way, storage, vertical, title)


def _anew(
    crs: str, url: str, scale: Floats, near: Floats, way: SourceTransform | None, storage: StorageCrs, vertical: VerticalModel, title: str
) -> Target:
    """Return a frame that no source had, with its origin near a position."""
    translate = np.floor(near)
    header = {
        "version": "2.0",
        "transform": {"scale": scale.tolist(), "translate": translate.tolist()},
        "metadata": {"title": title, "referenceSystem": url},
    }
    return Target(header, crs, scale, translate, way, storage, vertical)


def _header(frame: SourceFrame) -> Document:
    """Return a source's header as version 2.0 has it: what that version does not know of older metadata is left out."""
    known = frame.header.get("metadata") or {}
    metadata = {k: v for k, v in known.items() if k in _MEMBERS_OF_METADATA or k.startswith("+")}
    url = _reference_url(str(metadata.get("referenceSystem") or ""), frame.crs)
    metadata |= {"referenceSystem": url} if url else {}
    if not url:
        metadata.pop("referenceSystem", None)
    header = {**frame.header, "version": "2.0", "metadata": metadata}
    if (templates := header.get("geometry-templates")) is not None:
        header["geometry-templates"] = {**templates, "templates": [with_lod_as_text(t) for t in templates["templates"]]}
    return header


def _reference_url(said: str, crs: str) -> str | None:
    if said.startswith((_DEFINITIONS, _DEFINITIONS.replace("https", "http"))):
        return said
    authority, _, code = crs.partition(":")
    return f"{_DEFINITIONS}{authority}/0/{code}" if authority.isalpha() and code.isdigit() else None
