"""Layers as the readers give them, in this process: what a format's own tests look at."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ingest.part_reading import PartReading
from ingest.protocol import FileInfo, Limits, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.source import CoverageReader, Fault, SourceLayer
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()


class Layer:
    """All rows of one layer."""

    def __init__(self, path: Path, layer: str | None = None, feature_type: str = "building", **options: object) -> None:
        encoding = options.pop("encoding", None)
        part = PartRequest(layer, TYPES[feature_type], "d", PartReading(encoding=encoding))  # type: ignore[arg-type]
        reader = choose_reader(ReadRequest(path, (part,), storage_srid=4549, **options))  # type: ignore[arg-type]
        assert not isinstance(reader, CoverageReader)
        opened = reader.open(part)
        batches = [b.with_geometries() for b in opened.batches()]
        self.source: SourceLayer = opened.source
        self.rows = [int(r) for b in batches for r in b.rows]
        self.shapes = np.concatenate([b.geometry for b in batches]) if batches else np.empty(0, dtype=object)
        names = dict.fromkeys(n for b in batches for n in b.columns)
        self.columns = {n: [v for b in batches for v in b.columns[n].to_pylist()] for n in names}
        self.faults: Sequence[Fault] = [f for b in batches for f in b.faults]


def inspected(path: Path) -> FileInfo:
    """What a file is."""
    return choose_reader(ReadRequest(path, (), storage_srid=4549)).inspect()


def refusal(path: Path, layer: str | None = None, feature_type: str = "building", limits: Limits | None = None) -> str:
    """The code with which a file is refused."""
    with pytest.raises(TwinError) as caught:
        Layer(path, layer, feature_type, limits=limits or Limits())
    assert caught.value.text.zh != caught.value.text.en
    return caught.value.code


def copied(path: Path, folder: Path) -> Path:
    """A copy of a file of others: outside the sandbox GDAL writes what it found out about a GML file beside it."""
    return Path(shutil.copy(path, folder))
