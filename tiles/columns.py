"""What a tile build reads: the features of one dataset as columns, never as one Python object a feature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Bytes = NDArray[np.uint8]
type Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """UTF-8 texts laid end to end: text ``i`` is ``data[offsets[i]:offsets[i + 1]]``; ``valid[i]`` is False for NULL."""

    data: Bytes
    offsets: Offsets
    valid: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.valid)

    @staticmethod
    def from_texts(texts: Iterable[str | None]) -> TextColumn:
        """Return the column of ``texts``; None is NULL."""
        values = list(texts)
        encoded = [b"" if t is None else t.encode() for t in values]
        lengths = np.fromiter((len(b) for b in encoded), np.int64, len(encoded))
        return TextColumn(
            np.frombuffer(bytearray(b"".join(encoded)), np.uint8),
            offsets_of(lengths),
            np.fromiter((t is not None for t in values), np.bool_, len(values)),
        )

    def texts(self) -> list[str | None]:
        """Return the texts as Python values (for reports and tests, not for hot paths)."""
        raw = self.data.tobytes()
        bounds = self.offsets.tolist()
        return [raw[bounds[i] : bounds[i + 1]].decode() if valid else None for i, valid in enumerate(self.valid.tolist())]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """Numbers, booleans, dates (datetime64[D]) or times (datetime64[us]) with a validity mask."""

    values: NDArray[np.generic]
    valid: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.valid)

    @staticmethod
    def from_numbers(numbers: Iterable[float | None]) -> NumberColumn:
        """Return a float64 column; None is NULL."""
        values = [np.nan if n is None else float(n) for n in numbers]
        array = np.array(values, np.float64)
        return NumberColumn(array, ~np.isnan(array))


type Column = TextColumn | NumberColumn


@dataclass(frozen=True, slots=True)
class Representations:
    """The faces that features are drawn by, encoded in version 1 or 2 (twin.representation), one place a feature.

    Those of feature ``i`` are ``data[offsets[i]:offsets[i + 1]]``, nothing where it has none; ``lod`` (n,) uint8 in tenths: 22 is LoD 2.2.
    """

    data: Bytes
    offsets: Offsets
    lod: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.lod)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Return which features have one (n,)."""
        return self.offsets[1:] > self.offsets[:-1]

    @staticmethod
    def none(count: int) -> Representations:
        """Return those of ``count`` features that have none."""
        return Representations(np.zeros(0, np.uint8), np.zeros(count + 1, np.int64), np.zeros(count, np.uint8))


@dataclass(frozen=True, slots=True)
class FeatureColumns:
    """A run of features of one dataset in the storage CRS.

    ``fid`` (n,) uint32; ``wkb`` uint8 with ``wkb_offsets`` (n + 1,) int64: little-endian ISO or extended WKB; ``columns``: field name →
    column of length n. A field without a column counts as NULL everywhere. ``representations`` is None where no feature has any.
    """

    fid: NDArray[np.uint32]
    wkb: Bytes
    wkb_offsets: Offsets
    columns: Mapping[str, Column]
    representations: Representations | None = None

    def __len__(self) -> int:
        return len(self.fid)


def offsets_of(lengths: NDArray[np.int64]) -> Offsets:
    """Return the (n + 1,) running offsets of ``lengths``."""
    out = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=out[1:])
    return out


def concatenate(parts: list[FeatureColumns]) -> FeatureColumns:
    """Return ``parts`` as one run; all must carry the same columns."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        none = np.zeros(0, np.uint8)
        return FeatureColumns(np.zeros(0, np.uint32), none, np.zeros(1, np.int64), {})
    return FeatureColumns(
        np.concatenate([p.fid for p in parts]),
        np.concatenate([p.wkb for p in parts]),
        _joined_offsets([p.wkb_offsets for p in parts]),
        {name: _joined([p.columns[name] for p in parts]) for name in parts[0].columns},
        _joined_representations(parts),
    )


def _joined_representations(parts: list[FeatureColumns]) -> Representations | None:
    if all(p.representations is None for p in parts):
        return None
    each = [p.representations or Representations.none(len(p)) for p in parts]
    return Representations(
        np.concatenate([r.data for r in each]), _joined_offsets([r.offsets for r in each]), np.concatenate([r.lod for r in each])
    )


def _joined(columns: list[Column]) -> Column:
    valid = np.concatenate([c.valid for c in columns])
    texts = [c for c in columns if isinstance(c, TextColumn)]
    if len(texts) == len(columns):
        return TextColumn(np.concatenate([c.data for c in texts]), _joined_offsets([c.offsets for c in texts]), valid)
    numbers = [c.values for c in columns if isinstance(c, NumberColumn)]
    if len(numbers) != len(columns):
        raise TypeError("one column is text in one part and numbers in another")
    return NumberColumn(np.concatenate(numbers), valid)


def _joined_offsets(offsets: list[Offsets]) -> Offsets:
    return offsets_of(np.concatenate([np.diff(o) for o in offsets]))
