"""What a surveyor asks of a submission, as the bodies of requests: how its files are to be understood, and that it be published."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


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


class CheckOrder(BaseModel):
    """How the files of a submission are to be understood."""

    model_config = ConfigDict(extra="forbid")
    parts: Annotated[list[PartOrder], Field(min_length=1, max_length=64)]
    crs: Annotated[str | None, Field(max_length=4000, description="EPSG:n, WKT, X-GCJ02 or X-BD09; goes before the file's own")] = None
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
