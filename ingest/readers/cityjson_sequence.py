"""A CityJSONSeq, many lines at a time: the arrays of numbers go through kernels, only what needs more is read one feature at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from ingest.body_arrays import BodyArrays, laid_out
from ingest.checks.solids.fault import Tolerances
from ingest.compiled_bodies import compiled
from ingest.documents import Packing
from ingest.extra import extra_of
from ingest.protocol import Limits, PartRequest
from ingest.readers.ahead import one_ahead
from ingest.readers.city_objects import CityObjectLayer, FeatureRow, batch_of, drawn_parts, has_too_deep_attributes, properties_of
from ingest.readers.cityjson import CityJson, features_of
from ingest.readers.cityjson_attributes import CutAttributes, assure_utf8, take_attributes
from ingest.readers.cityjson_bodies import bodies_of
from ingest.readers.cityjson_frame import Frame, Json, Vertices, invalid
from ingest.readers.cityjson_kernels import build
from ingest.readers.cityjson_makes import NOBODY, Make, Makes, Told, is_in_names_only, seen
from ingest.readers.cityjson_objects import CityFeature, Scope, features_in, line_scope, scope_of
from ingest.readers.cityjson_outlines import draw_outlines
from ingest.readers.cityjson_packing import packing_of
from ingest.readers.cityjson_plan import Plan, plan, planned_features
from ingest.readers.cityjson_textures import images_of
from ingest.readers.collector import without_collector
from ingest.readers.json_arrays import CutLines, Room, cut_lines
from ingest.readers.json_members import NAME
from ingest.readers.line_blocks import Lines, TextRoom, blocks
from ingest.readers.pictures import Pictures
from ingest.readers.source import Fault, SourceBatch, SourceLayer
from twin.errors import Text, TwinError
from twin.exact_json import json_value
from twin.model import GeometryType

_FIRST_LINES, _BATCH_LINES = 125, 600
_BATCH_BYTES = 6 << 20
_NOWHERE = Vertices(np.empty((0, 3)), ())
_TEXTURE = b"texture"
"""In every line that shows a picture: ``texture``, ``textures`` and ``vertices-texture`` are its names."""


class CityJsonSequence(CityJson):
    """A file like `CityJson`, and large enough that compiled kernels are worth their loading."""

    def sketched(self, lines: Sequence[bytes]) -> Sequence[Scope | Fault]:
        """Return the objects of some lines without what places them; of lines that differ in names and values only, those of the first."""
        with without_collector():
            room, texts = Room(2 * _BATCH_BYTES), TextRoom(2 * _BATCH_BYTES)
            return [
                sketch
                for some in blocks(lines, _FIRST_LINES, _FIRST_LINES, _BATCH_BYTES, texts)
                for sketch in _sketches(some, cut_lines(some, asks_spelling=False, cuts_attributes=True, into=room), self.frame)
            ]

    def layer(self, lines: Iterable[bytes], types: frozenset[str], source: SourceLayer, kind: GeometryType) -> CitySequenceLayer:
        """Return the layer of the objects of ``types`` in ``lines``."""
        return CitySequenceLayer(lines, types, self.frame, source, self.limits, kind, pictures=self._later)

    _later: Callable[[], Pictures | None] | None = None
    """Gives the pictures of the part that was opened last, once a line is met that could show one."""

    def _pictures(self, part: PartRequest) -> tuple[Pictures | None, tuple[Text, ...]]:
        """Return the pictures as `CityJson` does; where the first lines name none the file is not searched before there is a row."""
        self._later = None
        if self.format != "CityJSONSeq" or part.feature_type.recipe == "none" or self._names_images():
            return super()._pictures(part)
        if self._files is not None:
            pictures = Pictures(self._files, self._folder)
            self._later = lambda: pictures if self._shows_pictures() else None
        return None, ()

    def _names_images(self) -> bool:
        """Tell whether a picture is named in what is looked at."""
        return any(content is not None and images_of(content) for content in self._appearances())


def stands_ready() -> bool:
    """Tell whether the kernels have been loaded or compiled in this process."""
    return bool(getattr(build, "signatures", ()))


def stand_ready() -> None:
    """Load the kernels, or compile them into their cache: run each once on a block, before a sandbox closes that would not let it.

    No thread is started: one that has only just ended would keep the sandbox from closing.
    """
    city = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001] * 3, "translate": [0, 0, 0]},
        "CityObjects": {},
        "vertices": [],
    }
    reader = CityJsonSequence(b"%b\n%b\n" % (orjson.dumps(city), orjson.dumps(_BLOCK)), Limits())
    source = SourceLayer("", (), None)
    for batch in reader.layer([orjson.dumps(_BLOCK)], frozenset({"Building"}), source, "MultiPolygon").batches_here():
        bodies = laid_out(batch.representations)
        bodies.boxes()
        bodies.encoded()
        bodies.doubts(Tolerances())
        extra_of(batch.columns, tuple(batch.columns), {}, len(batch.rows))


_BLOCK = {
    "type": "CityJSONFeature",
    "id": "1",
    "CityObjects": {
        "1": {
            "type": "Building",
            "attributes": {"name": "1"},
            "geometry": [
                {
                    "type": "Solid",
                    "lod": "1",
                    "boundaries": [[[[0, 3, 2, 1]], [[4, 5, 6, 7]], [[0, 1, 5, 4]], [[1, 2, 6, 5]], [[2, 3, 7, 6]], [[3, 0, 4, 7]]]],
                    "semantics": {"surfaces": [{"type": "GroundSurface"}], "values": [[0, None, None, None, None, None]]},
                }
            ],
        }
    },
    "vertices": [[x, y, z] for z in (0, 3000) for x, y in ((0, 0), (4000, 0), (4000, 2000), (0, 2000))],
}


@dataclass
class CitySequenceLayer:
    """The lines of one part, on their way out; every row as `CityObjectLayer` would give it."""

    lines: Iterable[bytes]
    types: frozenset[str]
    frame: Frame
    source: SourceLayer
    limits: Limits
    kind: GeometryType
    pictures: Callable[[], Pictures | None] | None = field(default=None, kw_only=True)
    """Asked at the first line that could show one: its pictures, None where no face shows any. None: nobody draws them."""

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the features in source order, those of many lines at a time, read by a thread of their own."""
        return one_ahead(self.batches_here())

    def batches_here(self) -> Iterator[SourceBatch]:
        """Yield the same, read by the thread that asks."""
        first, state, following = 1, _State(self.pictures), iter(self.lines)
        for lines in blocks(following, _FIRST_LINES, min(_BATCH_LINES, self.limits.rows_per_batch), _BATCH_BYTES, state.texts):
            with without_collector():
                batch = self._batch(lines, first, state)
            if isinstance(batch, Pictures):
                yield from self._textured(itertools.chain(list(lines), following), batch).batches(first)
                return
            rows = len(batch.rows)
            if rows:
                yield batch
            del batch  # while the next one is read nobody holds it here
            first += rows

    def _textured(self, lines: Iterable[bytes], pictures: Pictures) -> CityObjectLayer:
        """Return the layer of lines of which some show pictures."""
        features = features_of((line_scope(line, self.frame) for line in lines), self.types)
        return CityObjectLayer(features, self.frame, self.source, self.limits, self.kind, pictures)

    def _batch(self, lines: Lines, first: int, state: _State) -> SourceBatch | Pictures:
        """Return the features of some lines, nothing of them in the state's room; the pictures instead if one is the first to need them."""
        cut = cut_lines(lines, cuts_surfaces=state.cuts_surfaces, cuts_attributes=True, into=state.room)
        if state.cuts_surfaces and not cut.cuts_surfaces:
            state.cuts_surfaces, state.makes = False, Makes()  # nobody sees to what stands in the place of surfaces any more
        told, others, says_texture = self._told(lines, cut, state)
        if says_texture and state.pictures is not None:
            pictures, state.pictures = state.pictures(), None
            if pictures is not None:
                return pictures
        state.makes.count(told)
        return self._alike(lines, first, told) or self._mixed(lines, first, told, others)

    def _told(self, lines: Lines, cut: CutLines, state: _State) -> tuple[Told, dict[int, _Planned], bool]:
        """Return which lines are of one make, and what is found by itself of others that hold one feature to be built from arrays.

        And whether one of them says anything of textures. Those of makes from before say what the first of them said.
        """
        others: dict[int, _Planned] = {}
        told, says_texture = state.makes.told(cut), False
        number = -1
        while (number := told.next_open(number + 1)) >= 0:
            if state.pictures is not None and not says_texture:
                skeleton = cut.skeleton(number)
                says_texture = _TEXTURE in (lines[number] if skeleton is None else skeleton)
            found = self._planned(lines[number], cut, number, state.makes) if self.kind == "MultiPolygon" else None
            if found is not None:
                others[number] = found
                if found.noted is not None and told.takes_more:
                    told.again([found.noted[0]], [found.noted[1]])
        told.leave_out_broken_texts()
        return told, others, says_texture

    def _alike(self, lines: Lines, first: int, told: Told) -> SourceBatch | None:
        """Return the features of lines that all are of known makes, without a look at each; None where that does not do."""
        attributes = CutAttributes.of_makes(told) if told.are_all else None
        columns = None if attributes is None else attributes.alike(told)
        if columns is None:
            return None
        bodies, unbuilt = bodies_of(told.features, told.cut, self.frame)
        if unbuilt or bodies is None:
            return None
        geometry = np.full(len(lines), None, dtype=object)
        areas = draw_outlines(bodies, geometry)
        rows = np.arange(first, first + len(lines), dtype=np.int64)
        packing = packing_of(told.cut)
        documents = _unpacked(packing, lines)
        return SourceBatch(rows, geometry, columns, representations=bodies, documents=documents, packing=packing, areas=areas)

    def _mixed(self, lines: Lines, first: int, told: Told, others: Mapping[int, _Planned]) -> SourceBatch:
        """Return the features of any lines."""
        cut, rows, planned, line_of_row = told.cut, list[FeatureRow](), list[tuple[int, int, Plan]](), list[int]()
        is_of_line = list[bool]()
        attributes, arrays = CutAttributes(cut), told.attributes
        for number, line in enumerate(lines):
            start = int(cut.array_start[number])
            if told.make[number] != NOBODY:
                make = told.makes[told.make[number]]
                read = [_row(make.properties_of(told.identifier_of(number)), line)]
                attributes.add(int(arrays[number]), read[0].properties)
                planned.append((len(rows), start, make.plan))
            elif number in others:
                read = [others[number].row]
                attributes.add(others[number].attributes, read[0].properties)
                planned.append((len(rows), start, others[number].plan))
            else:
                read = self._read_alone(line)
                for row in read:
                    attributes.add(-1, row.properties)
            rows.extend(read)
            line_of_row.extend([number] * len(read))
            is_of_line.extend([number in others or row.document is line for row in read])
        bodies, unbuilt = bodies_of(planned_features(planned), cut, self.frame)
        for at in unbuilt:
            line = lines[line_of_row[at]]
            (rows[at],) = self._read_alone(line)
            is_of_line[at] = rows[at].document is line
            attributes.leave_out(at)
        geometry = np.array([None, *(r.geometry for r in rows)], dtype=object)[1:]
        areas = None if bodies is None else draw_outlines(bodies, geometry)
        columns = attributes.columns(rows)
        packing = replace(
            packing_of(cut), line_of_row=np.where(np.array(is_of_line, dtype=np.bool_), np.array(line_of_row, dtype=np.int64), -1)
        )
        batch = replace(batch_of(rows, first, columns), geometry=geometry, areas=areas, representations=_merged(bodies, rows))
        return replace(batch, packing=packing, documents=_unpacked(packing, batch.documents))

    def _planned(self, line: bytes, cut: CutLines, number: int, makes: Makes) -> _Planned | None:
        """Return what is found of a line that holds one feature whose bodies can be built from arrays, without those and its attributes.

        None of another line.
        """
        skeleton, first = cut.skeleton(number), int(cut.array_start[number])
        if skeleton is None:
            return None
        line_seen, noted = seen(skeleton), None
        make = makes.of(line_seen)
        try:
            if make is not None and line_seen is not None:
                if make.attributes >= 0:
                    assure_utf8(cut, first + make.attributes)
                return _Planned(_row(make.properties_of(line_seen.identifier), line), make.plan, _place(first, make.attributes))
            content = json_value(skeleton)
            scope = _without_places(content, line)
            features = list(features_in(scope, self.types))
            if len(features) != 1 or len(features[0].members) != len(scope.objects) or has_too_deep_attributes(features[0]):
                return None
            taken = take_attributes(features[0], cut, first)
            found = plan(drawn_parts(features[0]), content.get("vertices"), taken.arrays, cut, number)
            properties = properties_of(features[0])
            parts_say_more = taken.parts or any(o.get("attributes") for _, o in features[0].members[1:])  # what is written anew may differ
            if found is not None and not parts_say_more:
                noted = makes.note(line_seen, content, found, taken.attributes, properties)
        except (TwinError, TypeError, ValueError, LookupError, OverflowError, AttributeError, RecursionError):
            return None
        if found is None:
            return None
        return _Planned(_row(properties, line), found, _place(first, taken.attributes), noted)

    def _read_alone(self, line: bytes) -> list[FeatureRow]:
        scope = line_scope(line, self.frame)
        found: Iterable[CityFeature | Fault] = [scope] if isinstance(scope, Fault) else features_in(scope, self.types)
        alone = CityObjectLayer(found, self.frame, self.source, self.limits, self.kind)
        return [alone.row(feature) for feature in found]


class _Planned(NamedTuple):
    """What is found of one line."""

    row: FeatureRow
    """Without bodies and attributes."""
    plan: Plan
    """How to build them."""
    attributes: int
    """The array that is those, -1 for none."""
    noted: tuple[bytes, Make] | None = None
    """The make that it is the first line of."""


@dataclass
class _State:
    """What one way through a layer keeps from block to block."""

    pictures: Callable[[], Pictures | None] | None
    """Until they are asked for."""
    texts: TextRoom = field(default_factory=lambda: TextRoom(2 * _BATCH_BYTES))
    room: Room = field(default_factory=lambda: Room(2 * _BATCH_BYTES))
    makes: Makes = field(default_factory=Makes)
    cuts_surfaces: bool = True
    """Until a number in them was seen that is not spelled as it would be written again."""


def _row(properties: Mapping[str, object], line: bytes) -> FeatureRow:
    return FeatureRow(properties, None, (), line, None)


def _place(first: int, array: int) -> int:
    return first + array if array >= 0 else -1


def _sketches(lines: Lines, cut: CutLines, frame: Frame) -> Iterator[Scope | Fault]:
    """Yield the objects of each line that has others than those before, but for their names, values and places."""
    known: set[tuple[bytes, bytes]] = set()  # names of attributes are numbered block by block
    for number, line in enumerate(lines):
        skeleton = cut.skeleton(number)
        if skeleton is None:
            yield line_scope(line, frame)
            continue
        line_seen, first, end = seen(skeleton), cut.array_start[number], cut.array_start[number + 1]
        members = cut.members.members[cut.member_start[first] : cut.member_start[end], NAME]
        key = (skeleton if line_seen is None else line_seen.key, members.tobytes())
        if key in known:
            continue
        try:
            content = json_value(skeleton)
            yield _without_places(_with_attributes(content, cut, int(first)), line)
        except (TwinError, ValueError, LookupError, AttributeError, TypeError):
            yield line_scope(line, frame)
            continue
        # how many pictures are named is counted; a type can have the identifier in it
        if b"appearance" not in skeleton and (line_seen is None or is_in_names_only(line_seen, content)):
            known.add(key)


def _with_attributes(content: Json, cut: CutLines, first: int) -> Json:
    """Return what is left of a line with the attributes that were cut out of it."""
    for city_object in content["CityObjects"].values():
        if type(number := city_object.get("attributes")) is int:
            city_object["attributes"] = orjson.loads(cut.text_of(first + number))
    return content


def _without_places(content: Json, line: bytes) -> Scope:
    if content.get("type") != "CityJSONFeature":
        raise invalid(f'"type" is {content.get("type")!r}', f"“type”为 {content.get('type')!r}")
    return scope_of(content, _NO_VERTICES, _NOWHERE, line)


_NO_VERTICES: npt.NDArray[np.int64] = np.empty((0, 3), dtype=np.int64)


def _unpacked(packing: Packing, documents: Sequence[bytes | None]) -> tuple[bytes | None, ...]:
    """Return those documents of rows that are not packed, None for the others."""
    kept: list[bytes | None] = [None] * len(documents)
    for row in np.flatnonzero(~packing.are_packed()).tolist():
        kept[row] = documents[row]
    return tuple(kept)


def _merged(bodies: BodyArrays | None, rows: Sequence[FeatureRow]) -> BodyArrays:
    """Return the bodies built from arrays and those read alone, by their rows."""
    alone = [replace(p, index=i) for i, row in enumerate(rows) for p in row.representations]
    if bodies is not None and not alone:
        return bodies
    return compiled(laid_out(sorted(itertools.chain(bodies or (), alone), key=lambda r: r.index)))
