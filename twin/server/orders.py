"""What a surveyor asks of a submission, as the bodies of requests: how its files are to be understood, and that it be published."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ReportForm = Literal["json", "geojson", "xlsx", "pdf"]


class PartOrder(BaseModel):
    """What to take out of the files: a layer or sheet, as what, into which dataset."""

    model_config = ConfigDict(extra="forbid")
    feature_type: Annotated[str, Field(max_length=60)]
    dataset: Annotated[str, Field(max_length=41, description="Dataset (collection id) the rows go into; made when there is none")]
    file: Annotated[str | None, Field(max_length=200, description="Name of the file; may be left out when there is one")] = None
    layer: Annotated[str | None, Field(max_length=200, description="Layer or sheet; null: the one called like the type")] = None
    mapping: Annotated[
        dict[str, str], Field(default_factory=dict, description="Source column → field, where names do not tell; empty: leave out")
    ]
    units: Annotated[
        dict[str, Literal["mm", "cm", "dm", "m", "km", "in", "ft"] | Annotated[str, Field(pattern="^[a-z][a-z0-9]*(_[a-z0-9]+)+$")]],
        Field(
            default_factory=dict,
            description="Source column → unit its numbers are in, where the column's name does not tell; "
            "of a column of codes the id of the code list or crosswalk they are of",
        ),
    ]
    crs: Annotated[str | None, Field(max_length=4000, description="Of this part alone, as the check's own")] = None
    axes: Annotated[Literal["xy", "yx"] | None, Field(description="xy: easting first; yx: northing first; null: as found")] = None
    vertical: Literal["ellipsoidal"] | None = None
    up: Annotated[Literal["y", "z"] | None, Field(description="Axis of an OBJ that points upwards; null: as found")] = None
    height_offset_m: Annotated[float, Field(ge=-100, le=100, description="Added to heights to have them in the city's datum")] = 0.0
    priority: Annotated[
        int | None,
        Field(ge=-1000, le=1000, description="Of an elevation model: the higher goes first where several have a height; null: 0"),
    ] = None
    encoding: Annotated[str | None, Field(max_length=40, description="Of the texts, where the format leaves it open")] = None


class CheckOrder(BaseModel):
    """How the files of a submission are to be understood."""

    model_config = ConfigDict(extra="forbid")
    parts: Annotated[list[PartOrder], Field(min_length=1, max_length=64)]
    crs: Annotated[
        str | None, Field(max_length=4000, description="EPSG:n, WKT, X-GCJ02, X-BD09 or X-LOCAL:name; goes before the file's own")
    ] = None
    vertical: Literal["ellipsoidal"] | None = None
    mode: Literal["replace", "delta"] = "replace"
    allow_deletes: bool = False
    max_rejected: Annotated[float, Field(ge=0, le=1)] = 0.5
    reason: Annotated[str, Field(max_length=1000)] = ""
    name: Annotated[str | None, Field(max_length=200)] = None


class PublishOrder(BaseModel):
    """Who reads the commit is told this of it."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(max_length=1000)] = ""
    name: Annotated[str | None, Field(max_length=200, description="Name of the commit, e.g. 2026Q3普查成果")] = None
    allow_deletes: Annotated[bool, Field(description="Publish though more than a fifth of a dataset goes")] = False


class FeatureOrder(BaseModel):
    """A feature of a submission, by its key or by where its row is; nothing given: every feature."""

    model_config = ConfigDict(extra="forbid")
    dataset: Annotated[str | None, Field(max_length=41)] = None
    key: Annotated[str | None, Field(max_length=1000)] = None
    file: Annotated[str | None, Field(max_length=200)] = None
    layer: Annotated[str | None, Field(max_length=200)] = None
    row: Annotated[int | None, Field(ge=0, lt=2**63)] = None

    @model_validator(mode="after")
    def _one_way(self) -> FeatureOrder:
        if self.key is not None and self.row is not None:
            raise ValueError("a feature is named by its key or by its row, not by both")
        if self.row is None and (self.file is not None or self.layer is not None):
            raise ValueError("a file or layer is said of a row")
        return self


class WaiveOrder(BaseModel):
    """Findings of one rule that a reviewer lets pass, and why."""

    model_config = ConfigDict(extra="forbid")
    rule: Annotated[str, Field(max_length=60)]
    reason: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]
    features: Annotated[list[FeatureOrder], Field(max_length=1000, default_factory=list, description="Empty: the whole rule")]
