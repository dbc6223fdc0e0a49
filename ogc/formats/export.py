"""What is exported, and what a format is: a name, a media type, and a function that writes a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from twin.db import Connection
from twin.errors import Text
from twin.model import Principal
from twin.query.collection import Collection
from twin.query.feature_query import FeatureQuery


@dataclass(frozen=True, slots=True)
class Export:
    """Features on their way into a file."""

    connection: Connection
    """Read with one statement, so one snapshot; for several, the caller opens the transaction that makes them one."""
    query: FeatureQuery
    principal: Principal
    scratch: Path
    """Folder for what a writer has to put aside."""
    crs_is_asked: bool = True
    """False when nobody asked for the CRS of the query, so that a format may choose another."""
    limit: int | None = None
    """At most so many features; None for all."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the format itself, as they were given and found good by :attr:`Format.options`."""

    def with_east_first(self) -> Export:
        """Return the same with coordinates east or longitude first, as formats have them that know no other order."""
        return dataclasses.replace(self, query=dataclasses.replace(self.query, crs=dataclasses.replace(self.query.crs, xy=True)))

    @property
    def geometry_type(self) -> str:
        """The type of the geometries as GDAL and GeoParquet write it: ``MultiPolygon Z``."""
        kind = self.query.collection.feature_type
        flat = "MultiPolygon" if kind.geometry_type == "coverage" else kind.geometry_type
        return f"{flat} Z" if self.query.crs.has_z and kind.has_z else flat


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write features."""

    name: str
    """Value of ``f``."""
    media_type: str
    suffix: str
    """What its files end in."""
    title: Text
    write: Callable[[Export, Path], None]
    """Writes a file that is not there yet; what can be refused is refused with a BadRequestError before its first byte."""
    grows: bool
    """True when bytes once written stay as they are, so that the file can be sent while it is being written."""
    prefers_grid: bool = False
    """True when it is written in the storage CRS, or in one of its own choice, where no CRS is asked for."""
    is_text: bool = False
    """True when it pays to compress it on its way."""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Query parameters of its own → the values that they take, the first the default."""
    fits: Callable[[Collection], bool] = lambda _: True
    """Tells whether the features of a collection can be written so."""
