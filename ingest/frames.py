"""The byte stream between the sandboxed child and its parent: kind, length, payload.

The child is not trusted: payloads are JSON checked against their dataclass, or Arrow IPC checked against the schema
the parent expects; nothing is unpickled, and no length is believed beyond `MAX_FRAME_BYTES`.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from ingest.ends_elsewhere import EndsWanted
from ingest.json_texts import are_texts_of_postgresql
from ingest.protocol import (
    DOCUMENTS,
    REPRESENTATIONS,
    CoverageBlock,
    CoverageHeader,
    FileChunk,
    FileInfo,
    ImageBlock,
    ImageHeader,
    Message,
    ModelFile,
    ModelHeader,
    PartBatch,
    PartEnd,
    PartHeader,
    PictureBlock,
    PointCloudHeader,
    ReadRequest,
    SourceRows,
)
from twin.errors import RejectedError, StorageFullError, TwinError, UnavailableError, UnsupportedMediaError
from twin.model import Finding
from twin.pictures import is_picture

Payload = bytes | bytearray
MAX_FRAME_BYTES = 1 << 29
HEADER = struct.Struct("<cQ")

_REFUSALS: Mapping[str, type[TwinError]] = {
    "rejected": RejectedError,
    "unsupported": UnsupportedMediaError,
    "unavailable": UnavailableError,
    "disk-full": StorageFullError,
}


class Kind(enum.StrEnum):
    """First byte of a frame."""

    IMPORTED = "Q"  # always the first: nothing has been read of the file, and the doors are open
    HEADER = "H"
    FINDINGS = "F"
    REPRESENTATIONS = "R"
    DOCUMENTS = "D"
    BATCH = "B"
    END = "E"
    COVERAGE = "C"
    BLOCK = "K"
    IMAGE = "G"
    PICTURE = "P"
    TEXTURE = "T"
    CLOUD = "L"
    CHUNK = "A"
    MODEL = "M"
    MODEL_FILE = "N"
    SOURCE_ROWS = "S"
    ENDS_WANTED = "W"
    INFO = "I"
    REFUSAL = "X"
    DONE = "Z"


Described = (
    PartHeader | PartEnd | CoverageHeader | ImageHeader | PointCloudHeader | ModelHeader | ModelFile | SourceRows | EndsWanted | FileInfo
)
"""What travels as JSON."""


_JSON_TYPES: Mapping[Kind, Any] = {
    Kind.HEADER: PartHeader,
    Kind.END: PartEnd,
    Kind.COVERAGE: CoverageHeader,
    Kind.IMAGE: ImageHeader,
    Kind.CLOUD: PointCloudHeader,
    Kind.MODEL: ModelHeader,
    Kind.MODEL_FILE: ModelFile,
    Kind.SOURCE_ROWS: SourceRows,
    Kind.ENDS_WANTED: EndsWanted,
    Kind.INFO: FileInfo,
}
_JSON_KINDS: Mapping[Any, Kind] = {cls: kind for kind, cls in _JSON_TYPES.items()}


class BrokenFrameError(ValueError):
    """The child sent something that is not of the protocol."""


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401  # a class or a generic alias; no one type says both
    return TypeAdapter(kind)


_FINDINGS: Any = tuple[str, tuple[Finding, ...]]
_BLOCK = struct.Struct("<III")
_PICTURE = struct.Struct("<IIIIB")
_TEXTURE = struct.Struct("<III")
_DEPTHS = {1: "<u1", 2: "<u2"}


def frame(kind: Kind, *payload: bytes | memoryview) -> list[bytes | memoryview]:
    """Return the buffers of one frame, in order."""
    return [HEADER.pack(kind.value.encode(), sum(len(p) for p in payload)), *payload]


def prepare_to_answer() -> None:
    """Build once what answers to a request are checked and written by: it takes longer than most files do."""
    for kind in (ReadRequest, _FINDINGS, dict[str, str], *_JSON_TYPES.values()):
        _adapter(kind)


def encode_request(request: ReadRequest) -> bytes:
    """Return a request as JSON."""
    return _adapter(ReadRequest).dump_json(request)


def decode_request(data: bytes) -> ReadRequest:
    """Return the `ReadRequest` of `encode_request`."""
    request: ReadRequest = _adapter(ReadRequest).validate_json(data)
    return request


def encode_message(message: Message | FileInfo) -> list[bytes | memoryview]:
    """Return the buffers of the frames that carry ``message``: for a batch findings, 3D and documents come before its rows."""
    match message:
        case PartBatch():
            findings = _adapter(_FINDINGS).dump_json((message.dataset, message.findings))
            before = ((Kind.REPRESENTATIONS, message.representations), (Kind.DOCUMENTS, message.documents))
            beside = [b for kind, table in before if table is not None for b in frame(kind, *_table(table))]
            return [*frame(Kind.FINDINGS, findings), *beside, *frame(Kind.BATCH, *_table(message.table))]
        case CoverageBlock():
            name = message.dataset.encode()
            rows, columns = message.values.shape
            values = np.ascontiguousarray(message.values, dtype="<f4")
            return frame(Kind.BLOCK, _BLOCK.pack(message.first_row, rows, columns), bytes([len(name)]), name, values.tobytes())
        case ImageBlock():
            name = message.dataset.encode()
            size = message.values.dtype.itemsize
            values = np.ascontiguousarray(message.values, dtype=_DEPTHS[size])
            head = _PICTURE.pack(message.first_row, *message.values.shape, size)
            return frame(Kind.PICTURE, head, bytes([len(name)]), name, values.tobytes())
        case PictureBlock():
            name = message.dataset.encode()
            pixels = np.ascontiguousarray(message.pixels, dtype=np.uint8)
            return frame(Kind.TEXTURE, _TEXTURE.pack(*pixels.shape), bytes([len(name)]), name, pixels.tobytes())
        case FileChunk():
            name = message.dataset.encode()
            return frame(Kind.CHUNK, bytes([len(name)]), name, message.content)
        case _:
            kind = _JSON_KINDS[type(message)]
            return frame(kind, _adapter(_JSON_TYPES[kind]).dump_json(message))


class _Pieces:
    """A file that only keeps what is written to it: the buffers of a batch stay where they are."""

    closed = False

    def __init__(self) -> None:
        self.written: list[memoryview] = []
        self._size = 0

    def write(self, piece: bytes | pa.Buffer) -> int:
        """Keep ``piece``."""
        self.written.append(memoryview(piece))
        self._size += len(self.written[-1])
        return len(self.written[-1])

    def tell(self) -> int:
        """Return how many bytes there are."""
        return self._size

    def flush(self) -> None:
        """Do nothing: nothing waits."""

    def close(self) -> None:
        """Do nothing: what is kept is taken afterwards."""


def _table(batch: pa.RecordBatch) -> list[memoryview]:
    """Return a batch as a stream of Arrow IPC, in pieces."""
    pieces = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(pieces, mode="w"), batch.schema) as writer:
        writer.write_batch(batch)
    return pieces.written


def encode_refusal(error: TwinError) -> list[bytes | memoryview]:
    """Return the frame that makes the parent raise the same error."""
    name = next((n for n, cls in _REFUSALS.items() if isinstance(error, cls)), "rejected")
    content = {"class": name, "code": error.code, "en": error.text.en, "zh": error.text.zh}
    return frame(Kind.REFUSAL, _adapter(dict[str, str]).dump_json(content))


def decode_json(kind: Kind, payload: Payload) -> Described:
    """Return the value of a JSON frame; `BrokenFrameError` when it is not one."""
    try:
        value: Described = _adapter(_JSON_TYPES[kind]).validate_json(payload)
    except (KeyError, ValidationError) as error:
        raise BrokenFrameError(f"frame {kind.value}") from error
    return value


def decode_refusal(payload: Payload) -> TwinError:
    """Return the error that a refusal frame stands for."""
    try:
        content: dict[str, str] = _adapter(dict[str, str]).validate_json(payload)
        cls = _REFUSALS[content["class"]]
        return cls(content["en"][:2000], zh=content["zh"][:2000]).with_code(content["code"][:60])
    except (KeyError, ValidationError) as error:
        raise BrokenFrameError("refusal") from error


@dataclass(frozen=True, slots=True)
class Beside:
    """Frames that come before the rows they belong to."""

    findings: Payload = b""
    representations: Payload | None = None
    documents: Payload | None = None

    def with_frame(self, kind: Kind, payload: Payload) -> Beside:
        """Return the same with one more frame."""
        return replace(self, **{_BESIDE[kind]: payload})


_BESIDE: Mapping[Kind, str] = {Kind.FINDINGS: "findings", Kind.REPRESENTATIONS: "representations", Kind.DOCUMENTS: "documents"}


def decode_batch(beside: Beside, table: Payload, schemas: Mapping[str, pa.Schema]) -> PartBatch:
    """Return the batch of its frames, checked in full against the schema its dataset must have."""
    try:
        dataset, found = _adapter(_FINDINGS).validate_json(beside.findings)
    except ValidationError as error:
        raise BrokenFrameError("batch") from error
    if dataset not in schemas:
        raise BrokenFrameError("schema of a batch")
    rows = _checked(table, schemas[dataset])
    if not are_texts_of_postgresql(rows.column("extra")):
        raise BrokenFrameError("text that cannot be kept")
    return PartBatch(
        dataset=dataset,
        table=rows,
        findings=found,
        representations=None if beside.representations is None else _checked(beside.representations, REPRESENTATIONS),
        documents=None if beside.documents is None else _checked(beside.documents, DOCUMENTS),
    )


def _checked(table: Payload, schema: pa.Schema) -> pa.RecordBatch:
    try:
        with pa.ipc.open_stream(table) as reader:
            if not reader.schema.equals(schema):
                raise BrokenFrameError("schema of a batch")
            batch = reader.read_next_batch()
        batch.validate(full=True)
    except (pa.ArrowException, StopIteration) as error:
        raise BrokenFrameError("batch") from error
    if any(batch.column(f.name).null_count for f in batch.schema if not f.nullable):
        raise BrokenFrameError("null where a value must be")
    return batch


def decode_block(payload: Payload) -> CoverageBlock:
    """Return the rows of a coverage; `BrokenFrameError` when the sizes do not agree."""
    if len(payload) <= _BLOCK.size:
        raise BrokenFrameError("block")
    first, rows, columns = _BLOCK.unpack_from(payload)
    start = _BLOCK.size + 1 + payload[_BLOCK.size]
    if len(payload) - start != 4 * rows * columns:
        raise BrokenFrameError("size of a block")
    name = payload[_BLOCK.size + 1 : start].decode("utf-8", "replace")
    return CoverageBlock(name, first, np.frombuffer(payload, dtype="<f4", offset=start).reshape(rows, columns))


def decode_picture(payload: Payload) -> ImageBlock:
    """Return the rows of an image; `BrokenFrameError` when the sizes do not agree."""
    if len(payload) <= _PICTURE.size:
        raise BrokenFrameError("picture")
    first, bands, rows, columns, size = _PICTURE.unpack_from(payload)
    start = _PICTURE.size + 1 + payload[_PICTURE.size]
    if size not in _DEPTHS or len(payload) - start != size * bands * rows * columns:
        raise BrokenFrameError("size of a picture")
    name = payload[_PICTURE.size + 1 : start].decode("utf-8", "replace")
    return ImageBlock(name, first, np.frombuffer(payload, dtype=_DEPTHS[size], offset=start).reshape(bands, rows, columns))


def decode_texture(payload: Payload) -> PictureBlock:
    """Return the pixels of a picture; `BrokenFrameError` when the sizes do not agree, or it is larger than any that is kept."""
    if len(payload) <= _TEXTURE.size:
        raise BrokenFrameError("texture")
    rows, columns, bands = _TEXTURE.unpack_from(payload)
    start = _TEXTURE.size + 1 + payload[_TEXTURE.size]
    if len(payload) - start != rows * columns * bands:
        raise BrokenFrameError("size of a texture")
    pixels = np.frombuffer(payload, dtype=np.uint8, offset=start).reshape(rows, columns, bands)
    if not is_picture(pixels):
        raise BrokenFrameError("size of a texture")
    return PictureBlock(payload[_TEXTURE.size + 1 : start].decode("utf-8", "replace"), pixels)


def decode_chunk(payload: Payload) -> FileChunk:
    """Return some bytes of a file; `BrokenFrameError` when there are none."""
    start = 1 + payload[0] if payload else 1
    if len(payload) <= start:
        raise BrokenFrameError("chunk")
    return FileChunk(payload[1:start].decode("utf-8", "replace"), bytes(payload[start:]))
