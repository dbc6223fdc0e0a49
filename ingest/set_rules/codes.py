"""Texts as numbers: the few words of a column, and the many numbers of points."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.compiled_hashes import hashed
from ingest.mapped_columns import MappedColumns, taken

Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

NONE = -1
"""Code of a value that is not there."""


@dataclass(slots=True)
class Vocabulary:
    """Few words as numbers, in the order in which they first came."""

    words: list[str] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)

    def encoded(self, column: pa.ChunkedArray) -> Iterator[Codes]:
        """Yield the codes of a column of dictionaries piece by piece, `NONE` for null."""
        for chunk in column.chunks:
            codes = [self.learn(word) for word in chunk.dictionary.to_pylist()]
            yield np.array([*codes, NONE], np.int32)[chunk.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)]

    def learn(self, word: str) -> int:
        """Return the code of a word, a new one if it has none."""
        code = self._codes.setdefault(word, len(self.words))
        if code == len(self.words):
            self.words.append(word)
        return code

    def among(self, codes: Codes, words: Iterable[str]) -> Mask:
        """Return which codes are those of ``words``."""
        return np.isin(codes, [self._codes[word] for word in words if word in self._codes])

    def at(self, code: int) -> str:
        """Return the word of a code that is not `NONE`."""
        return self.words[code]


class Names:
    """The numbers of points, each once: points and ends of lines are compared by their codes here.

    Names are told apart share by share, so that memory holds what one share needs for it, however many there are.
    """

    def __init__(self, files: MappedColumns | None = None, shares: int = 1, let_go: Callable[[], None] = lambda: None) -> None:
        """``let_go`` gives back the memory in which texts were looked at; it is called after each share."""
        self._files = files or MappedColumns()
        self._let_go = let_go
        self._known: list[pa.ChunkedArray] = [pa.chunked_array([], pa.string()) for _ in range(shares)]
        """The names of each share; the code of a name is its place there × shares + the share."""
        self._seed, self._factor = np.uint64(secrets.randbits(64)), np.uint64(secrets.randbits(64) | 1)
        """Secret, so that nobody makes a file whose names are all in one share."""

    @property
    def end(self) -> int:
        """A number beyond all codes."""
        return max(map(len, self._known)) * len(self._known)

    def at(self, code: int) -> str:
        """Return the name of a code that is not `NONE`."""
        place, share = divmod(int(code), len(self._known))
        return str(self._known[share][place])

    def texts(self, codes: Codes) -> pa.Array:
        """Return the names of a few codes, null for `NONE`."""
        place, share = np.divmod(codes, len(self._known))
        first = np.cumsum([0, *map(len, self._known)])[:-1]
        known = pa.chunked_array([chunk for names in self._known for chunk in names.chunks], pa.string())
        given = codes != NONE
        return taken(known, (first[share] + place)[given]).take(pa.array(np.cumsum(given) - 1, mask=~given))

    def encode(self, columns: Sequence[pa.ChunkedArray]) -> list[Codes]:
        """Return the codes of the values of columns, `NONE` for null and for a text without a character; new names are added."""
        codes = [self._files.array((np.full(len(c), NONE, np.int32) for c in column.chunks), np.int32) for column in columns]
        pieces: list[tuple[pa.Array, npt.NDArray[np.uint8] | None, Codes]] = []
        for column, of_column in zip(columns, codes, strict=True):
            for chunk, target in zip(column.chunks, _cut(of_column, column), strict=True):
                pieces.append((chunk, self._shares(chunk), target))
                self._let_go()
        for share in range(len(self._known)):
            self._let_go()
            self._encode_share(share, pieces)
        self._let_go()
        return codes

    def _encode_share(self, share: int, pieces: Sequence[tuple[pa.Array, npt.NDArray[np.uint8] | None, Codes]]) -> None:
        chosen = [None if shares is None else shares == share for _, shares, _ in pieces]
        texts = []
        for (chunk, _, _), mine in zip(pieces, chosen, strict=True):
            texts.append(chunk if mine is None else chunk.filter(pa.array(mine)))
            self._let_go()
        encoded = pa.concat_arrays([*self._known[share].chunks, *texts, pa.array([], pa.string())]).dictionary_encode()
        before = len(self._known[share])
        self._known[share] = self._files.texts([encoded.dictionary])
        found = encoded.indices[before:].fill_null(NONE).to_numpy(zero_copy_only=False)
        blank = encoded.dictionary.index("").as_py()
        found = np.where((found == NONE) | (found == blank), NONE, found * len(self._known) + share)
        start = 0
        for (_, _, target), mine, of_piece in zip(pieces, chosen, texts, strict=True):
            target[slice(None) if mine is None else mine] = found[start : start + len(of_piece)]
            start += len(of_piece)

    def _shares(self, chunk: pa.StringArray) -> npt.NDArray[np.uint8] | None:
        """Return to which share each text belongs, told by its hash; None where there is but one."""
        if len(self._known) == 1:
            return None
        return (hashed(chunk, self._seed, self._factor) % np.uint64(len(self._known))).astype(np.uint8)


def _cut(codes: Codes, column: pa.ChunkedArray) -> list[Codes]:
    """Return the pieces of the codes of a column that are those of its chunks."""
    return np.split(codes, np.cumsum([len(chunk) for chunk in column.chunks])[:-1]) if column.num_chunks else []
