"""What a file probably is: for each layer the FeatureType by name, columns and geometry, the dataset and the CRS, with the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.mapping import match_columns
from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo
from ingest.readers.layers import spellings_of
from twin.errors import Text
from twin.model import Dataset, FeatureType

_SHAPES: Mapping[str, str] = {"point": "Point", "linestring": "LineString", "polygon": "MultiPolygon"}
_TABLES = ("XLSX", "CSV")
_POINT_CLOUDS = ("LAS", "LAZ")
_NAMED, _HOLDS_NAME, _BY_COLUMNS, _WITHOUT_KEY = 0.85, 0.5, 0.9, 0.7
"""How much a layer's name alone says when it is the type's or holds it, and all of its columns alone; less without the key."""
_COVERAGE_ALONE: Mapping[str, float] = {"terrain": 0.6, "point_cloud": 0.9}
"""A raster that nothing names is more often a terrain than anything else; a laser scan can be nothing else."""
_WORTH_NAMING = 0.05


@dataclass(frozen=True, slots=True)
class Guess:
    """One FeatureType a layer may be."""

    feature_type: str
    confidence: float
    """0…1; from names only, so it orders guesses and promises nothing."""
    evidence: Text
    mapping: Mapping[str, str]
    """Source column → field."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one layer of a file is proposed to be loaded as."""

    file: str
    layer: str
    format: str
    geometry: str | None
    rows: int | None
    columns: tuple[str, ...]
    crs: str | None
    crs_evidence: Text
    encoding: str | None
    guesses: tuple[Guess, ...]
    """Best first; none when it looks like nothing we know."""
    dataset: str | None
    """An existing dataset of the best type, else the name a new one would get."""


def propose(file: str, info: FileInfo, types: Mapping[str, FeatureType], datasets: Sequence[Dataset]) -> list[Proposal]:
    """Return a proposal for every layer of a file."""
    return [_proposal(file, info, layer, types, datasets) for layer in info.layers]


def _proposal(file: str, info: FileInfo, layer: LayerInfo, types: Mapping[str, FeatureType], datasets: Sequence[Dataset]) -> Proposal:
    found = [g for t in types.values() if _can_hold(t, layer, info.format) and (g := _guess(t, layer, file)).confidence >= _WORTH_NAMING]
    guesses = tuple(sorted(found, key=lambda g: (-g.confidence, -len(g.mapping), g.feature_type))[:5])
    return Proposal(
        file=file,
        layer=layer.name,
        format=info.format,
        geometry=layer.geometry_type,
        rows=layer.rows,
        columns=layer.columns,
        crs=layer.crs,
        crs_evidence=_crs_evidence(layer),
        encoding=layer.encoding,
        guesses=guesses,
        dataset=_dataset(guesses[0].feature_type, layer, datasets) if guesses else None,
    )


def _can_hold(feature_type: FeatureType, layer: LayerInfo, file_format: str) -> bool:
    """Return whether features of the type can be made of the layer's geometry, as far as it is known."""
    is_raster = layer.geometry_type == "coverage"
    if is_raster or feature_type.geometry_type == "coverage":
        is_cloud = file_format in _POINT_CLOUDS
        return is_raster and feature_type.geometry_type == "coverage" and is_cloud == (feature_type.recipe == "point_cloud")
    if file_format in _TABLES:
        return feature_type.geometry_type in ("Point", "LineString")
    kinds = (layer.geometry_type or "").casefold()
    known = {shape for word, shape in _SHAPES.items() if word in kinds}
    return not known or feature_type.geometry_type in known


def _guess(feature_type: FeatureType, layer: LayerInfo, file: str) -> Guess:
    mapping = match_columns(layer.columns, feature_type, {}).columns
    name, named = _name_says(feature_type, layer, file)
    fed = set(mapping.values())
    columns = _BY_COLUMNS * len(mapping) / len(layer.columns) if layer.columns else 0.0
    if not set(feature_type.natural_key) <= fed or not {f.name for f in feature_type.fields if f.required} <= fed:
        columns *= _WITHOUT_KEY
    if not layer.columns:
        columns = _COVERAGE_ALONE.get(feature_type.recipe, 0.0)
    confidence = round(1 - (1 - name) * (1 - columns), 2)
    zh, en = f"{len(layer.columns)} 列中 {len(mapping)} 列对应字段", f"{len(mapping)} of {len(layer.columns)} columns are fields of it"
    evidence = Text(zh=f"{named.zh}；{zh}" if name else zh, en=f"{named.en}; {en}" if name else en)
    return Guess(feature_type.name, confidence, evidence, mapping)


def _name_says(feature_type: FeatureType, layer: LayerInfo, file: str) -> tuple[float, Text]:
    """Return how strongly the names of layer and file say the type, and which does; the layer's goes first."""
    spellings = spellings_of(feature_type)
    if layer.name in feature_type.cityjson_types:
        return _NAMED, Text(zh=f"城市对象类型 {layer.name}", en=f"city objects of type {layer.name}")
    names = (normalised(layer.name), normalised(file.rpartition(".")[0] or file))
    for name, shown in zip(names, (layer.name, file), strict=True):
        if name in spellings:
            return _NAMED, Text(zh=f"名称“{shown}”即该类型", en=f"{shown!r} is a name of the type")
    for name, shown in zip(names, (layer.name, file), strict=True):
        longest = max((s for s in spellings if len(s) > 1 and s in name), key=len, default="")
        if longest:
            return _HOLDS_NAME * len(longest) / len(name), Text(zh=f"名称“{shown}”含“{longest}”", en=f"{shown!r} holds {longest!r}")
    return 0.0, Text("", "")


def _crs_evidence(layer: LayerInfo) -> Text:
    if layer.crs is None:
        return Text(zh="文件未说明坐标系，请声明", en="the file does not say its CRS: declare it")
    if layer.crs_assumed:
        return Text(zh="文件未说明，按格式规定", en="the format's rule, the file does not say")
    return Text(zh="文件声明", en="declared by the file")


def _dataset(feature_type: str, layer: LayerInfo, datasets: Sequence[Dataset]) -> str:
    own = [d for d in datasets if d.feature_type == feature_type]
    alike = [d for d in own if normalised(layer.name) in (normalised(d.slug), normalised(d.title.zh), normalised(d.title.en))]
    if own:
        return (alike or own)[0].slug
    taken = {d.slug for d in datasets}
    return next(slug for slug in (feature_type, *(f"{feature_type}_{n}" for n in range(2, len(taken) + 3))) if slug not in taken)
