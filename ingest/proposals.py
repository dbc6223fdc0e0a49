"""What a file probably is: for each layer how it is to be read, as which FeatureType, into which dataset, with the evidence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile

from ingest.names import normalised
from ingest.protocol import FileInfo, LayerInfo
from ingest.readers.cass import meaning_of
from ingest.readers.layers import spellings_of
from ingest.readers.survey_points import axis_names
from ingest.understanding.columns import column_evidence
from ingest.understanding.evidence import Evidence
from ingest.understanding.layer import Surroundings, Understanding, understand
from ingest.understanding.sample import LayerSample
from twin.errors import Text
from twin.model import Dataset, FeatureType

_SHAPES: Mapping[str, str] = {
    "point": "Point",
    "linestring": "LineString",
    "curve": "LineString",
    "polygon": "MultiPolygon",
    "surface": "MultiPolygon",
    "solid": "MultiPolygon",
}
"""Words in the names of geometries, and what features of them are stored as."""
TABLES = frozenset({"XLSX", "XLS", "ODS", "CSV", "MDB"})
_RECIPES_OF: Mapping[str, frozenset[str]] = {
    "LAS": frozenset({"point_cloud"}),
    "LAZ": frozenset({"point_cloud"}),
    "3D Tiles": frozenset({"model"}),
    "glTF": frozenset({"model"}),
    "OBJ": frozenset({"model"}),
}
"""What a coverage can be that is no raster, by its format."""
_RASTERS = frozenset({"terrain", "imagery"})
_NAMED, _HOLDS_NAME, _BY_COLUMNS, _WITHOUT_KEY = 0.85, 0.5, 0.9, 0.7
"""How much a layer's name alone says when it is the type's or holds it, and all of its columns alone; less without the key."""
_COVERAGE_ALONE: Mapping[str, float] = {"terrain": 0.6, "point_cloud": 0.9, "model": 0.9}
"""A raster that nothing names is more often a terrain than anything else; a laser scan or a model can be nothing else."""
_COVERAGES: Mapping[str, Text] = {
    "terrain": Text(zh="栅格，多为高程", en="a raster; most are heights"),
    "imagery": Text(zh="栅格", en="a raster"),
    "point_cloud": Text(zh="激光点云格式", en="a format of laser scans"),
    "model": Text(zh="三维成果格式", en="a format of finished 3D models"),
}
"""What the format of a file without columns says of it."""
_OSM, _BY_TAGS = "OSM PBF", 0.5
"""An extract holds what each type with tags chooses: one of them is proposed for a layer, and somebody has to say whether it is meant."""
_NOTHING_SAID = 0.0, Text("", "")
_ONLY, _COLOURS = 0.9, Text(zh="多波段或带调色板的栅格，不会是高程", en="a raster of several bands or with a palette: no heights")
_CALLED_SO, _GREYS = 0.75, Text(zh="单波段无符号像元，名称为影像", en="one band of unsigned pixels, called an image")
"""Heights are signed or floats: what may be either is what its name says, unless it is called a terrain outright."""
_PLACING = frozenset(map(normalised, axis_names()))
"""Names of columns that say where a row of a table is, and nothing of what it is."""
_BOOKKEEPING = frozenset(
    normalised(name)
    for name in (
        *("序号", "备注", "说明", "图幅号", "测量员", "探测员", "测量单位", "探测单位", "普查单位", "调查单位"),
        *("测量日期", "探测日期", "普查日期", "调查日期", "SDate", "SUnit", "MapCode", "OBJECTID", "FID"),
    )
)
"""Names of columns that tell of the survey, whatever was surveyed (requirements C.5)."""
_OF_READERS: Mapping[str, frozenset[str]] = {
    "DXF": frozenset({"layer", "handle", "entity", "cass_code", "cass_more", "xdata", "block"}),
    "EPANET": frozenset({"epanet_section", "epanet_status"}),
    "SWMM": frozenset({"swmm_section", "swmm_shape", "swmm_length_m", "swmm_roughness", "swmm_barrels"}),
}
"""Columns that every layer of a format has."""
_LEAST_COLUMNS = 3
"""A name beside two coordinates, or a GlobalID alone, is a field of most types: fewer columns than these say less."""
_CASS: Mapping[str, float] = {"high": 0.9, "low": 0.5}
"""How much a CASS code says, by how sure its meaning is."""
_WORTH_NAMING = 0.2
"""Below, a file is no more likely to be of the type than of any other."""
_NOTHING_SAMPLED = LayerSample(0)


@dataclass(frozen=True, slots=True)
class Guess:
    """One FeatureType a layer may be."""

    feature_type: str
    confidence: float
    """0…1: how far names and values go with the type; it orders guesses and promises nothing."""
    evidence: Text
    columns: tuple[Evidence, ...]
    """For each column that feeds a field that field, with how sure that is."""
    hints: tuple[Evidence, ...] = ()
    """Columns whose values look like those of a field that no column feeds: to be taken only when somebody says so."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Column → unit, as confirmed before."""

    @property
    def mapping(self) -> dict[str, str]:
        """Source column → field."""
        return {e.subject: e.value for e in self.columns if e.subject and e.value}


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
    """As the file says; what is proposed stands in ``understanding``."""
    understanding: Understanding
    encoding: str | None
    guesses: tuple[Guess, ...]
    """Best first; none when it looks like nothing we know."""
    dataset: str | None
    """An existing dataset of the best type (called like the layer, else most like the type), else the name a new one would get."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """How a layer of the same shape was read when it was published last."""

    mapping: Mapping[str, str]
    """Source column → field; empty for a column that was left out."""
    units: Mapping[str, str]
    confirmed_on: dt.date


type Memory = Callable[[str, Sequence[str], str], Remembered | None]
"""(format, columns, FeatureType) → what was confirmed; None: nothing yet."""


def nothing_remembered(_format: str, _columns: Sequence[str], _feature_type: str) -> None:
    """Remember nothing: a memory for where there is none."""


def propose(
    file: str,
    info: FileInfo,
    types: Mapping[str, FeatureType],
    datasets: Sequence[Dataset],
    around: Surroundings | None = None,
    memory: Memory = nothing_remembered,
) -> list[Proposal]:
    """Return a proposal for every layer of a file, held against what the city around knows."""
    return placed([_proposal(file, info, layer, types, datasets, around or Surroundings(), memory) for layer in info.layers])


def placed(found: Sequence[Proposal]) -> list[Proposal]:
    """Return proposals of one delivery, its tables without coordinates in the CRS of those with them: of their own file before others'."""
    points = [p for p in found if p.format in TABLES and p.understanding.axes is not None]
    if not points:
        return list(found)
    return [_placed_by(p, max(points, key=partial(_kinship, p))) if p.format in TABLES else p for p in found]


def _kinship(table: Proposal, points: Proposal) -> tuple[bool, int]:
    """Return how far two names go together: the lines of JS_LINE are between the points of JS_POINT."""
    pairs = zip(table.layer.casefold(), points.layer.casefold(), strict=False)
    return table.file == points.file, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _placed_by(table: Proposal, points: Proposal) -> Proposal:
    """Return a table without coordinates as one whose ends are at the points of another."""
    if table is points or table.understanding.axes is not None or table.understanding.crs.value is not None:
        return table
    crs = points.understanding.crs
    text = Text(f"位置取自表“{points.layer}”：{crs.text.zh}", f"placed by table {points.layer!r}: {crs.text.en}")
    return replace(table, understanding=replace(table.understanding, crs=replace(crs, text=text)))


def _proposal(
    file: str,
    info: FileInfo,
    layer: LayerInfo,
    types: Mapping[str, FeatureType],
    datasets: Sequence[Dataset],
    around: Surroundings,
    memory: Memory,
) -> Proposal:
    found = [
        g
        for t in types.values()
        if _can_hold(t, layer, info.format) and (g := _guess(t, layer, file, info.format)).confidence >= _WORTH_NAMING
    ]
    known = [_as_remembered(g, info.format, layer, memory) for g in found]
    guesses = tuple(sorted(known, key=lambda g: (-g.confidence, -len(g.mapping), g.feature_type))[:5])
    best = guesses[0] if guesses else None
    understanding = understand(
        info.format,
        layer.stated_crs,
        layer.sample or _NOTHING_SAMPLED,
        around,
        assumed=layer.crs_assumed,
        encoding=layer.encoding,
        feature_type=types[best.feature_type] if best else None,
        mapping=best.mapping if best else None,
    )
    return Proposal(
        file=file,
        layer=layer.name,
        format=info.format,
        geometry=layer.geometry_type,
        rows=layer.rows,
        columns=layer.columns,
        crs=layer.crs,
        understanding=understanding,
        encoding=layer.encoding,
        guesses=guesses,
        dataset=dataset_for(best.feature_type, layer.name, datasets) if best else None,
    )


def _can_hold(feature_type: FeatureType, layer: LayerInfo, file_format: str) -> bool:
    """Return whether features of the type can be made of the layer's geometry, as far as it is known."""
    if file_format == _OSM and not feature_type.osm_tags:
        return False
    if layer.made_for is not None:
        return layer.made_for.feature_type == feature_type.name
    is_raster = layer.geometry_type == "coverage"
    if is_raster or feature_type.geometry_type == "coverage":
        return is_raster and feature_type.recipe in (_RECIPES_OF.get(file_format, _RASTERS) if layer.recipes is None else layer.recipes)
    if file_format in TABLES:
        return feature_type.geometry_type in ("Point", "LineString")
    kinds = (layer.geometry_type or "").casefold()
    known = {shape for word, shape in _SHAPES.items() if word in kinds}
    return not known or feature_type.geometry_type in known


def _guess(feature_type: FeatureType, layer: LayerInfo, file: str, file_format: str) -> Guess:
    taken, hints = column_evidence(layer.columns, feature_type, layer.sample)
    name, named = _NOTHING_SAID if file_format == _OSM else _name_says(feature_type, layer, file)
    fed = {e.value for e in taken}
    nothing_said = _BOOKKEEPING | (_PLACING if file_format in TABLES else {normalised(c) for c in _OF_READERS.get(file_format, ())})
    telling = len(layer.columns) - len({c for c in layer.columns if normalised(c) in nothing_said} - {e.subject for e in taken})
    columns = _BY_COLUMNS * sum(e.confidence for e in taken) / max(telling, _LEAST_COLUMNS)
    if not set(feature_type.natural_key) <= fed or not {f.name for f in feature_type.fields if f.required} <= fed:
        columns *= _WITHOUT_KEY
    by_columns = Text("", "")
    if telling:
        by_columns = Text(f"{telling} 列中 {len(taken)} 列对应字段", f"{len(taken)} of {telling} columns are fields of it")
    if not layer.columns:
        columns, by_columns = _format_says(feature_type, layer, file_format, is_named=name > 0)
    codes, coded = _codes_say(feature_type, layer)
    confidence = round(1 - (1 - name) * (1 - columns) * (1 - codes), 2)
    said = [t for t in (named, coded, by_columns) if t.en]
    evidence = Text(zh="；".join(t.zh for t in said), en="; ".join(t.en for t in said))
    return Guess(feature_type.name, confidence, evidence, taken, hints)


def _format_says(feature_type: FeatureType, layer: LayerInfo, file_format: str, *, is_named: bool) -> tuple[float, Text]:
    """Return how strongly the format of a layer without columns says the type; ``is_named`` when a name says it, too."""
    if file_format == _OSM:
        tags = feature_type.osm_tags
        return _BY_TAGS, Text(f"取带 {'、'.join(tags)} 标签的对象", f"its objects are those with the tags {', '.join(tags)}")
    if feature_type.recipe == "imagery" and layer.recipes == frozenset({"imagery"}):
        return _ONLY, _COLOURS
    if feature_type.recipe == "imagery" and layer.recipes is not None and is_named:
        return _CALLED_SO, _GREYS
    return _COVERAGE_ALONE.get(feature_type.recipe, 0.0), _COVERAGES.get(feature_type.recipe, Text("", ""))


def _codes_say(feature_type: FeatureType, layer: LayerInfo) -> tuple[float, Text]:
    """Return how strongly the CASS codes of a drawing say the type: as much as its share of them, and as their meaning is known."""
    column = None if layer.sample is None else layer.sample.column("cass_code")
    known = [] if column is None else [m for code in column.filled if (m := meaning_of(str(code))) and m.feature_type == feature_type.name]
    if column is None or not known:
        return 0.0, Text("", "")
    share = len(known) / len(column.filled)
    worth = sum(_CASS[m.confidence] for m in known) / len(known)
    title = known[0].title
    return share * worth, Text(f"{share:.0%} 的 CASS 编码为{title.zh}等", f"{share:.0%} of the CASS codes are of it, as {title.en}")


def _as_remembered(guess: Guess, file_format: str, layer: LayerInfo, memory: Memory) -> Guess:
    """Return a guess as it was confirmed for a file of the same columns, where it was."""
    known = memory(file_format, layer.columns, guess.feature_type) if layer.columns else None
    if known is None:
        return guess
    day = known.confirmed_on.isoformat()
    text = Text(f"与 {day} 确认的相同", f"as confirmed on {day}")
    columns = tuple(Evidence("column", name, 1.0, text, column) for column, name in known.mapping.items())
    return Guess(guess.feature_type, 1.0, text, columns, units=known.units)


def _name_says(feature_type: FeatureType, layer: LayerInfo, file: str) -> tuple[float, Text]:
    """Return how strongly the names of layer and file say the type, and which does; the layer's goes first.

    A layer that the reader has made says it as one that is called so.
    """
    if layer.made_for is not None:
        return _NAMED, layer.made_for.why
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


def dataset_for(feature_type: str, layer: str, datasets: Sequence[Dataset]) -> str:
    """Return the dataset that features of a type, in a layer of this name, probably belong to; where the type has none, a new name."""
    own = [d for d in datasets if d.feature_type == feature_type]
    alike = [d for d in own if normalised(layer) in (normalised(d.slug), normalised(d.title.zh), normalised(d.title.en))]
    # Of several the city's own is called after the type; a neighbour's, or one of a single survey, has more to its name.
    # The page for submitting has the same rule for a type that somebody chooses: datasetFor in twin/viewer/src/upload/draft.ts.
    plain = sorted((d for d in own if d.slug.startswith(feature_type)), key=lambda d: len(d.slug))
    if own:
        return (alike or plain or own)[0].slug
    taken = {d.slug for d in datasets}
    return next(slug for slug in (feature_type, *(f"{feature_type}_{n}" for n in range(2, len(taken) + 3))) if slug not in taken)
