"""What is asked when files are to be loaded, and what loading is handed from outside."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ingest.derive import GroundOf
from ingest.extents import Extent
from ingest.names import normalised
from ingest.part_reading import AS_IT_SAYS, PartReading
from ingest.protocol import Message, PartRequest, ReadRequest
from ingest.staging import Mode
from ingest.waivers import Waiver
from twin.catalogue import Catalogue
from twin.errors import Text
from twin.model import SharingClass
from twin.store import Store


class Reader(Protocol):
    """Reads one file in the sandbox; see :func:`ingest.sandbox.read_file`."""

    def __call__(self, request: ReadRequest) -> Generator[Message]:
        """Yield, for every part asked for, its header, its batches and its end; closing it ends the reader."""


def is_meant(file: str | None, layer: str | None, in_file: str, in_layer: str) -> bool:
    """Return whether what a part says of where it is (None: nothing) goes for a layer; a file of one layer may be named for it."""
    names = {normalised(name) for name in (in_layer, in_file, Path(in_file).stem)}
    return file in (None, in_file) and (layer is None or normalised(layer) in names)


@dataclass(frozen=True, slots=True)
class PartSpec:
    """What to take out of the files: a layer or sheet (None: the only one), as what, into which dataset."""

    layer: str | None
    feature_type: str
    dataset: str
    file: str | None = None
    """Name of the file it is in; None: whichever has it."""
    reading: PartReading = AS_IT_SAYS


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What a surveyor asks for when loading."""

    files: tuple[Path, ...]
    parts: tuple[PartSpec, ...]
    mode: Mode = "replace"
    crs: str | None = None
    vertical: str | None = None
    area_wkb: bytes | None = None
    """EWKB polygon of the storage CRS inside which mode area replaces."""
    allow_deletes: bool = False
    max_rejected: float = 0.5
    actor: str = "operator"
    reason: str = ""
    name: str | None = None
    title: Text | None = None
    sharing: SharingClass = SharingClass.OPEN
    waivers: tuple[Waiver, ...] = ()
    """What a reviewer let pass."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What loading needs from outside, handed in by the composition root."""

    catalogue: Catalogue
    store: Store
    read: Reader
    make_request: Callable[[Path, tuple[PartRequest, ...], tuple[Path, ...], str | None, str | None], ReadRequest]
    """(file, parts, companion files, declared CRS, vertical) → the request, with what the deployment adds to it."""
    ground: GroundOf
    to_degrees: Callable[[Extent], Extent]
    progress: Callable[[str, int, int | None], None]
    """(what, done, of how many or None): told as rows come in."""
    work: Path | None = None
    """Folder for what does not stay in memory; None: where the machine has temporary files."""
    step: Callable[[Text], None] = lambda _: None
    """Told what begins now: reading, checking, comparing."""
