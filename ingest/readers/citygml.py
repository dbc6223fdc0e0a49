"""CityGML 1.0, 2.0 and 3.0, alone or many in a ZIP (PLATEAU): its members become city objects in the form of CityJSON, one by one."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from ingest.georeference import declared_crs
from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo, Limits, PartRequest, ReadRequest
from ingest.readers.archive import Archive
from ingest.readers.city_objects import LOOKED_AT, CityObjectLayer, columns_in, layers_in, wanted_types
from ingest.readers.citygml_attributes import AttributeReader
from ingest.readers.citygml_codes import CodeLists
from ingest.readers.citygml_contents import NO_FEATURES, OBJECT_ROLES, Contents, Opened, read_contents
from ingest.readers.citygml_faults import told
from ingest.readers.citygml_frame import Axes, axes_of, crs_of, frame_of
from ingest.readers.citygml_objects import ObjectReader, type_of
from ingest.readers.citygml_root import city_models
from ingest.readers.citygml_stream import Element, Head, gml_id, local_name, members
from ingest.readers.cityjson_frame import Frame
from ingest.readers.cityjson_objects import CityFeature, Scope, features_in
from ingest.readers.pictures import ArchivedPictures, PictureFiles, Pictures, not_beside
from ingest.readers.source import Fault, SourceLayer
from ingest.refusals import rejected, unsupported
from twin.errors import Text, TwinError


def open_citygml(name: str, source: Path | bytes, request: ReadRequest, files: PictureFiles) -> CityGml:
    """Return the reader of one document, by path or unpacked, its pictures among ``files``."""
    return CityGml([Document(name, partial(_opened, source))], CodeLists(), request, files)


def open_archived(archive: Archive, request: ReadRequest) -> CityGml:
    """Return the reader of the city model in a ZIP, with the code lists beside its documents."""
    documents = [Document(PurePosixPath(name).stem, partial(archive.stream, name), _folder(name)) for name in city_models(archive)]
    return CityGml(documents, CodeLists(archive), request, ArchivedPictures.of(archive))


def _folder(name: str) -> str:
    return str(PurePosixPath(name.replace("\\", "/")).parent)


def _opened(source: Path | bytes) -> IO[bytes]:
    return source.open("rb") if isinstance(source, Path) else io.BytesIO(source)


@dataclass(frozen=True)
class Document:
    """One file of a city model."""

    name: str
    """Without folders and extension."""
    opened: Opened
    folder: str = ""
    """In which it lies, and from where it names its pictures."""

    @cached_property
    def contents(self) -> Contents:
        """What a first pass tells."""
        return read_contents(self.opened)

    @property
    def systems(self) -> list[str]:
        """The reference systems that are named in it."""
        return sorted({crs for name in self.contents.srs_names if (crs := crs_of(name)) is not None})


class CityGml:
    """Documents of a city model; those of one archive are one model."""

    format = "CityGML"

    def __init__(self, documents: Sequence[Document], codes: CodeLists, request: ReadRequest, files: PictureFiles) -> None:
        self._documents = documents
        self._codes = codes
        self._request = request
        self._files = files

    def inspect(self) -> FileInfo:
        """Return one layer for each type of object of the model; of each file alone where the files differ in reference system."""
        if self._request.crs or len({*map(tuple, (d.systems for d in self._documents))}) == 1:
            return FileInfo(self.format, tuple(self._layers("", self._documents)))
        return FileInfo(self.format, tuple(layer for d in self._documents for layer in self._layers(f"{d.name}/", [d])))

    def open(self, part: PartRequest, /) -> CityObjectLayer:
        """Return the objects that ``part`` asks for: a layer is a type, or ``file/type``. RejectedError when unclear."""
        documents, layer = self._documents_of(part.layer)
        wanted = replace(part, layer=layer)
        counts = _counts(documents)
        types = wanted_types(wanted, list(counts), self._model(documents, part).all_types() if layer is not None else ())
        if types == {"TINRelief"}:
            raise _no_relief()
        holding = [d for d in documents if not types <= counts.keys() or types & d.contents.counts.keys()]
        model = self._model(holding or documents, part)
        pictures, notes = self._pictures(model, part)
        source = self._source(model, types, counts, notes)
        kind = part.feature_type.geometry_type
        return CityObjectLayer(model.features(types), model.frame, source, self._request.limits, kind, pictures)

    def _pictures(self, model: _Model, part: PartRequest) -> tuple[Pictures | None, tuple[Text, ...]]:
        """Return the pictures for what is drawn, and a note where faces show some and none of these is at hand."""
        named = [(d.folder, uri) for d in model.documents for uri in d.contents.appearances.images]
        if part.feature_type.recipe == "none" or not named:
            return None, ()
        pictures = Pictures(self._files)
        return (pictures, ()) if pictures.has_any(named) else (None, (not_beside(len(named)),))

    def _documents_of(self, layer: str | None) -> tuple[Sequence[Document], str | None]:
        file, _, kind = (layer or "").partition("/")
        named = [d for d in self._documents if normalised(d.name) == normalised(file)]
        return (named, kind or None) if named else (self._documents, layer)

    def _model(self, documents: Sequence[Document], part: PartRequest | None = None) -> _Model:
        declared = (part.reading.crs if part else None) or self._request.crs
        crs = declared_crs(declared) if declared else _agreed(documents)
        return _Model(documents, crs, part.reading.axes if part else None, self._codes, self._request.limits)

    def _layers(self, prefix: str, documents: Sequence[Document]) -> Iterator[LayerInfo]:
        model = self._model(documents)
        looked_at = {layer.name: layer for layer in layers_in(itertools.islice(model.scopes(), LOOKED_AT), None, counted=False)}
        systems = documents[0].systems
        crs = systems[0] if len(systems) == 1 else model.crs
        for kind, count in _counts(documents).items():
            seen = looked_at.get(kind)
            yield LayerInfo(prefix + kind, seen.geometry_type if seen else None, seen.columns if seen else (), crs, count)

    def _source(self, model: _Model, types: frozenset[str], counts: Mapping[str, int], more: Sequence[Text]) -> SourceLayer:
        others = ", ".join(f"{n} {kind}" for kind, n in counts.items() if kind not in types)[:500]
        notes = [*model.notes, *(note for d in model.documents for note in d.contents.notes), *more]
        if others:
            notes.append(Text(zh=f"文件中另有对象，本次未取：{others}", en=f"other objects of the file, not taken here: {others}"))
        return SourceLayer(
            "、".join(sorted(types)),
            columns_in(model.features(types, shapes=False), self._request.limits),
            model.crs,
            encoding="UTF-8",
            rows=sum(counts[kind] for kind in types & counts.keys()) if types & counts.keys() else None,
            notes=tuple(dict.fromkeys(notes)),
            document_header=model.frame.header.decode(),
            axes_in_order=True,
        )


@dataclass(frozen=True)
class _Model:
    """Documents that are read alike, in one frame."""

    documents: Sequence[Document]
    crs: str | None
    """As declared, else as the documents say."""
    order: Literal["xy", "yx"] | None
    """Of axes, as declared."""
    codes: CodeLists
    limits: Limits

    @cached_property
    def frame(self) -> Frame:
        """The frame of the first document, for all of them: their objects have documents of one header."""
        first = self.documents[0]
        return frame_of(self.crs, self._axes(first), first.contents.corner, None)

    @property
    def notes(self) -> list[Text]:
        """What was found out about the order of axes."""
        return [note for d in self.documents for note in self._axes(d).notes]

    def scopes(self, types: frozenset[str] | None = None, *, shapes: bool = True) -> Iterator[Scope | Fault]:
        """Yield every member as objects, of ``types`` only where the models have these at the top; ``shapes`` False: attributes only."""
        for document in self.documents:
            only = types if types is not None and types & document.contents.counts.keys() else None
            yield from self._scopes_of(document, only, shapes)

    def features(self, types: frozenset[str], *, shapes: bool = True) -> Iterator[CityFeature | Fault]:
        """Yield the objects of ``types`` with what belongs to them."""
        for scope in self.scopes(types, shapes=shapes):
            if isinstance(scope, Fault):
                yield scope
            else:
                yield from features_in(scope, types)

    def all_types(self) -> Iterator[str]:
        """Yield the types of all objects among the first members."""
        looked_at = itertools.islice(self.scopes(shapes=False), LOOKED_AT)
        return (str(o.get("type")) for s in looked_at if isinstance(s, Scope) for o in s.objects.values())

    def _scopes_of(self, document: Document, types: frozenset[str] | None, shapes: bool) -> Iterator[Scope | Fault]:
        contents = document.contents
        reader = ObjectReader(
            self.frame,
            self._axes(document),
            AttributeReader(self.codes),
            contents.shared,
            self.limits.vertices_per_feature,
            contents.network,
            contents.appearances,
            document.folder,
            shapes,
        )
        prefix, number = f"{document.name}_" if len(self.documents) > 1 else "", 0
        with document.opened() as stream:
            for member in members(stream):
                if isinstance(member, Head) or member.role not in OBJECT_ROLES or local_name(member.element) in NO_FEATURES:
                    continue
                number += 1
                kind = type_of(member.element)
                if kind == "TINRelief" or (types is not None and kind not in types) or gml_id(member.element) in contents.superseded:
                    continue
                yield _scope(reader, member.element, f"{prefix}{local_name(member.element)}_{number}")

    def _axes(self, document: Document) -> Axes:
        return axes_of(self.crs, document.contents.corner, self.order)


def _scope(reader: ObjectReader, element: Element, unnamed: str) -> Scope | Fault:
    try:
        return reader.scope(element, unnamed)
    except (ValueError, LookupError, OverflowError, RecursionError) as error:
        name = (gml_id(element) or unnamed)[:100]
        said = told(error)
        return Fault(0, "structure", Text(zh=f"{name}：{said.zh}", en=f"{name}: {said.en}"))


def _counts(documents: Sequence[Document]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for document in documents:
        for kind, count in document.contents.counts.items():
            counts[kind] = counts.get(kind, 0) + count
    return counts


def _agreed(documents: Sequence[Document]) -> str | None:
    """Return the one reference system that documents name; RejectedError ``crs-mixed`` for several."""
    named = sorted({crs for d in documents for crs in d.systems})
    if len(named) > 1:
        listed = ", ".join(s[:60] for s in named[:5])
        raise rejected("crs-mixed", f"Positions are in several reference systems: {listed}.", f"坐标属于多个坐标参考系：{listed}。")
    return named[0] if named else None


def _no_relief() -> TwinError:
    return unsupported(
        "A TIN of CityGML is not read as terrain; hand the terrain in as GeoTIFF.",
        "CityGML 的 TIN 地形不能作为地形导入；请以 GeoTIFF 提交地形。",
        "wrong-kind",
    )
