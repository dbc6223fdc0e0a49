"""Whole files through the sandboxed child: real ones, ones that other tools wrote, and hostile ones."""

from __future__ import annotations

import collections
import gzip
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import pyproj
import pytest
import rasterio
import shapely

import sample_city
from ingest.part_reading import PartReading
from ingest.protocol import CoverageBlock, CoverageHeader, Limits, PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest
from ingest.set_rules.registry import DERIVED_RULES, SET_RULES
from tests.ogr2ogr import ogr2ogr
from tests.reading import inspect_file, read_file
from tests.sample_city_reading import read_sheet
from tests.workbooks import workbook
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types
from twin.model import FeatureType, Finding, Severity
from twin.rules.loader import load_rules

TYPES = load_feature_types()
PROJ_DATA = (Path("/usr/share/proj"),)


@dataclass
class Part:
    """Everything a part gave."""

    header: PartHeader
    table: pa.Table
    findings: list[Finding]
    end: PartEnd

    @property
    def geometry(self) -> np.ndarray:
        return shapely.from_wkb(self.table["geom"].to_numpy())

    def rules(self) -> Mapping[str, int]:
        return collections.Counter(f.rule for f in self.findings)

    def rows(self, rule: str) -> list[int | None]:
        return [f.row for f in self.findings if f.rule == rule]


def read(
    path: Path, *parts: tuple[str | None, str | FeatureType], srid: int = 4549, mapping: Mapping[str, str] | None = None, **options: object
) -> list[Part]:
    requests = tuple(
        PartRequest(layer, TYPES[t] if isinstance(t, str) else t, f"d{i}", PartReading(mapping=tuple((mapping or {}).items())))
        for i, (layer, t) in enumerate(parts)
    )
    found: list[Part] = []
    batches: list[PartBatch] = []
    header = None
    for message in read_file(ReadRequest(path, requests, storage_srid=srid, **options)):  # type: ignore[arg-type]
        match message:
            case PartHeader():
                header, batches = message, []
            case PartBatch():
                batches.append(message)
            case PartEnd() if header is not None:
                findings = [f for b in batches for f in b.findings]
                found.append(
                    Part(header, pa.Table.from_batches([b.table for b in batches]) if batches else pa.table({}), findings, message)
                )
    for part in found:
        assert part.end.rows == part.end.accepted + part.end.rejected
        assert part.end.accepted == part.table.num_rows
    return found


def refusal(path: Path, *parts: tuple[str | None, str], **options: object) -> str:
    with pytest.raises(TwinError) as caught:
        read(path, *(parts or ((None, "building"),)), **options)  # type: ignore[arg-type]
    assert str(caught.value.text.zh)
    assert caught.value.exit_code == 1
    return caught.value.code


def positions_from(path: str | Path, source: str, target: int, **options: object) -> list[np.ndarray]:
    """The source's vertices by pyogrio and PROJ alone, ring by ring."""
    wkb = pyogrio.raw.read(path, columns=[], **options)[2]
    shapes = shapely.from_wkb(wkb, on_invalid="ignore")
    transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
    return [np.column_stack(transformer.transform(*shapely.get_coordinates(s).T)) for s in shapes]


def assert_same_places(part: Part, expected: Sequence[np.ndarray], tolerance_m: float = 1e-6) -> None:
    for row, shape in zip(part.table["row"].to_pylist(), part.geometry, strict=True):
        np.testing.assert_allclose(shapely.get_coordinates(shape), expected[row - 1], rtol=0, atol=tolerance_m)


# ---------------------------------------------------------------------------------------------------------- the sample city


def planted(manifest: sample_city.Manifest, file: str, layer: str, rules: set[str]) -> set[tuple[int, str]]:
    return {(f.row, f.rule) for f in manifest.faults if (f.file, f.layer) == (file, layer) and f.rule in rules}


ROW_RULES = {*load_rules()} - {*SET_RULES, *DERIVED_RULES} | {"L01", "L02", "node-exists"}


@pytest.mark.parametrize(
    ("file", "parts"),
    [
        ("建筑物.gpkg", [("建筑物", "building")]), ("用地规划.zip", [("用地规划", "land_use_plan")]),
        ("行政区划.geojson", [("行政区划", "admin_unit")]),
        ("管线普查.xlsx", [("管点", "pipe_node"), ("管线", "pipe_segment")]),
    ],
)  # fmt: skip
def test_every_planted_row_fault_is_found_by_its_rule_and_nothing_else(
    sample_city_folder: Path, sample_city_manifest: sample_city.Manifest, file: str, parts: list[tuple[str, str]]
) -> None:
    crs = "EPSG:4549" if file.endswith("xlsx") else None
    for part, (layer, _) in zip(read(sample_city_folder / file, *parts, crs=crs), parts, strict=True):
        found = {(f.row, f.rule) for f in part.findings if f.severity is not Severity.INFO}
        assert found == planted(sample_city_manifest, file, layer, ROW_RULES)


def test_lines_of_a_survey_run_between_their_points_at_their_elevations(sample_city_folder: Path) -> None:
    points = {p["管线点编号"]: (p["Y"], p["X"]) for p in read_sheet(sample_city_folder, "管点")}
    lines = read_sheet(sample_city_folder, "管线")
    (part,) = read(sample_city_folder / "管线普查.xlsx", ("管线", "pipe_segment"), crs="EPSG:4549")
    expected = []
    for row in part.table["row"].to_pylist():
        source = lines[row - 2]
        expected += [(*points[source[f"{end}点点号"]], source[f"{end}点管线高程"]) for end in ("起", "终")]
    assert (shapely.get_num_coordinates(part.geometry) == 2).all()
    np.testing.assert_array_equal(shapely.get_coordinates(part.geometry, include_z=True), expected)


def test_the_elevation_model_comes_pixel_by_pixel(sample_city_folder: Path) -> None:
    request = ReadRequest(sample_city_folder / "高程.tif", (PartRequest(None, TYPES["terrain"], "t"),), storage_srid=4549)
    header, *blocks, end = read_file(request)
    assert isinstance(header, CoverageHeader)
    assert isinstance(end, PartEnd)
    values = np.vstack([b.values for b in blocks if isinstance(b, CoverageBlock)])
    with rasterio.open(sample_city_folder / "高程.tif") as source:
        assert header.transform == tuple(source.transform)[:6]
        np.testing.assert_array_equal(values, source.read(1))
        assert shapely.from_wkb(header.footprint).bounds == pytest.approx(tuple(source.bounds))


# ---------------------------------------------------------------------------------------------------------------- real data


def test_beijing(real_data: Path) -> None:
    path = real_data / "footprints-beijing" / "beijing_buildings.geojson"
    (part,) = read(path, (None, "building"), srid=32650)
    assert (part.end.rows, part.end.accepted) == (5442, 5442)
    assert part.header.assumed
    assert "height_m" in part.header.mapping.values()
    assert_same_places(part, positions_from(path, "OGC:CRS84", 32650))
    source = json.loads(path.read_text())["features"]
    names = part.table["name"].to_pylist()
    assert names == [f["properties"].get("name") for f in source]
    extra = json.loads(part.table["extra"][0].as_py())
    assert {k: source[0]["properties"][k] for k in extra} == extra


def test_boulder(real_data: Path) -> None:
    path = real_data / "footprints-boulder" / "boulder_buildings.zip"
    (part,) = read(path, (None, "building"), srid=26913)
    assert (part.end.rows, part.end.rejected) == (13491, 10)
    shapes = shapely.from_wkb(pyogrio.raw.read(f"/vsizip/{path}", columns=[])[2])
    assert part.rows("geometry-valid") == [int(i) + 1 for i in np.flatnonzero(~shapely.is_valid(shapes))]
    assert all(f.place is not None for f in part.findings)
    transformed = positions_from(f"/vsizip/{path}", "EPSG:4326", 26913)
    assert_same_places(part, transformed, tolerance_m=2.0)  # PROJ's default operation is another one than the strict choice


def test_chicago(real_data: Path) -> None:
    path = real_data / "zoning-chicago" / "chicago-zoning-2025-04-17-simple.geojson.gz"
    plot = TYPES["admin_unit"]
    (part,) = read(path, (None, plot), srid=26916, mapping={"objectid": "code", "zone_class": "name"})
    assert part.end.rows == 14670
    shapes = shapely.from_wkb(pyogrio.raw.read(f"/vsigzip/{path}", columns=[])[2], on_invalid="ignore")
    invalid = {int(i) + 1 for i in np.flatnonzero(~shapely.is_valid(shapes))}
    assert len(invalid) == 307
    assert invalid <= set(part.rows("geometry-valid"))


def test_shanghai_in_gbk(real_data: Path) -> None:
    path = real_data / "admin-shanghai-gbk" / "区县界_area.shp"
    (part,) = read(path, (None, "admin_unit"))
    assert part.header.encoding == "gb18030"
    assert part.end.accepted == 17
    assert part.table["name"].to_pylist() == list(pyogrio.raw.read(path, columns=["NAME"], encoding="GBK")[3][0])
    assert_same_places(part, positions_from(path, "EPSG:4326", 4549))


def test_rotterdam(real_data: Path) -> None:
    folder = real_data / "sewer-rotterdam"
    (lines,) = read(folder / "sewer_lines.shp", (None, "pipe_segment"), srid=28992)
    (nodes,) = read(folder / "manholes.shp", (None, "pipe_node"), srid=28992)
    assert (lines.end.accepted, nodes.end.accepted) == (246, 231)
    source = shapely.from_wkb(pyogrio.raw.read(folder / "sewer_lines.shp", columns=[])[2])
    for shape, expected in zip(lines.geometry, source, strict=True):
        np.testing.assert_array_equal(shapely.get_coordinates(shape), shapely.get_coordinates(expected))
        assert shapely.get_coordinates(shape, include_z=True)[:, 2].min() > -10  # Z of the file is -9999
    known = set(nodes.table["node_id"].to_pylist())
    ends = set(lines.table["start_node"].to_pylist()) | set(lines.table["end_node"].to_pylist())
    assert len(ends & known) > 200


@pytest.mark.parametrize(
    ("file", "srid", "shape"), [("dtm.tif", 26918, (259, 283)), ("dem.tif", 26914, (359, 367)), ("N49E011.hgt.zip", 32632, (1201, 1201))]
)
def test_real_elevation_models(real_data: Path, file: str, srid: int, shape: tuple[int, int]) -> None:
    path = real_data / "raster-dem" / file
    header, *blocks, _ = read_file(ReadRequest(path, (PartRequest(None, TYPES["terrain"], "t"),), storage_srid=srid))
    assert isinstance(header, CoverageHeader)
    values = np.vstack([b.values for b in blocks if isinstance(b, CoverageBlock)])
    inner = f"/vsizip/{path}/N49E011.hgt" if file.endswith("zip") else str(path)
    with rasterio.open(inner) as source:
        expected = source.read(1, masked=True).astype(np.float32).filled(header.nodata)
    assert values.shape == shape
    np.testing.assert_array_equal(values, expected)


def test_bad_geojson_corpus(real_data: Path) -> None:
    """Each file is taken, refused, or loses rows with a reason; none of the malformed ones is taken whole."""
    may_pass = {"invalid_exterior_not_ccw", "invalid_interior_not_cw", "invalid_feature_no_properties"}
    paths = sorted((real_data / "bad-geojson").glob("invalid_*/*.geojson"))
    assert len(paths) == 33
    taken, refused = set(), set()
    for path in paths[::6]:  # each costs a process; the readers' own tests hold the rest
        try:
            (part,) = read(path, (None, "building"), srid=3857)
            taken |= {path.stem} if not part.end.rejected and part.end.rows else set()
        except TwinError as error:
            refused.add(error.code)
    assert taken <= may_pass
    assert refused == {"geojson-invalid"}


# -------------------------------------------------------------------------------------------------- files of other tools


def square(x: float, y: float, side: float = 10.0) -> shapely.Polygon:
    return shapely.box(x, y, x + side, y + side)


def geojson(path: Path, *geometries: object, crs: str | None = None, **properties: object) -> Path:
    features = [
        {"type": "Feature", "properties": properties, "geometry": g if isinstance(g, dict) else shapely.geometry.mapping(g)}
        for g in geometries
    ]
    content: dict[str, object] = {"type": "FeatureCollection", "features": features}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(content, ensure_ascii=False))
    return path


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8", "BIG5"])
def test_shapefiles_by_ogr2ogr_in_three_encodings(tmp_path: Path, encoding: str) -> None:
    source = geojson(
        tmp_path / "a.geojson", square(497000, 3520000), square(497100, 3520000), crs="urn:ogc:def:crs:EPSG::4549", name="中山公園"
    )
    folder = tmp_path / "out"
    ogr2ogr(folder, source, "-f", "ESRI Shapefile", "-lco", f"ENCODING={encoding}", "-nln", "建筑")
    for cpg in folder.glob("*.cpg"):
        cpg.unlink()
    archive = tmp_path / "建筑.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in folder.iterdir():
            packed.write(file, file.name)
    (part,) = read(archive, (None, "building"))
    assert part.table["name"].to_pylist() == ["中山公園", "中山公園"]
    assert shapely.bounds(part.geometry).tolist() == [[497000, 3520000, 497010, 3520010], [497100, 3520000, 497110, 3520010]]


def test_geopackage_by_ogr2ogr_in_another_crs(tmp_path: Path) -> None:
    source = geojson(tmp_path / "a.geojson", square(497000, 3520000), crs="urn:ogc:def:crs:EPSG::4549", height=12.5)
    target = ogr2ogr(tmp_path / "a.gpkg", source, "-t_srs", "EPSG:4490", "-nln", "建筑物")
    (part,) = read(target, (None, "building"))
    assert part.header.source_crs == "EPSG:4490"
    np.testing.assert_allclose(shapely.bounds(part.geometry[0]), [497000, 3520000, 497010, 3520010], atol=1e-4)
    assert part.table["height_m"].to_pylist() == [12.5]


def test_declared_gcj02_is_corrected(tmp_path: Path) -> None:
    """Vector of eviltransform: WGS 84 (121.5272106, 31.1774276) is shown at (121.531541859215, 31.17530398364597)."""
    path = geojson(tmp_path / "a.geojson", shapely.Point(121.531541859215, 31.17530398364597, 0), node_id="A")
    (part,) = read(path, (None, "pipe_node"), crs="X-GCJ02")
    expected = pyproj.Transformer.from_crs(4490, 4549, always_xy=True).transform(121.5272106, 31.1774276)
    np.testing.assert_allclose(shapely.get_coordinates(part.geometry[0])[0], expected, atol=1e-3)
    assert part.header.source_crs == "X-GCJ02"


@pytest.mark.parametrize("crs", ["EPSG:4610", "EPSG:2385", "nonsense"])
def test_a_crs_that_cannot_be_brought_here_exactly_is_refused(tmp_path: Path, crs: str) -> None:
    assert refusal(geojson(tmp_path / "a.geojson", square(120, 31, 0.001)), crs=crs).startswith("crs")


def test_ellipsoidal_heights_lose_the_separation(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", shapely.Point(119.974, 31.811, 12.118), node_id="A")
    (part,) = read(path, (None, "pipe_node"), vertical="ellipsoidal", deployment_vertical="constant:5.118")
    assert shapely.get_z(part.geometry[0]) == pytest.approx(7.0, abs=1e-9)


NODES = [("物探点号", "X坐标(m)", "Y坐标(m)", "地面标高"), ("W1", 3520000.0, 497000.0, 6.0), ("W2", 3520040.0, 497000.0, 6.2)]


def test_a_workbook_with_titles_above_and_merged_headers(tmp_path: Path) -> None:
    """A title row, group headings merged over pairs of columns, sizes as text, depths instead of elevations."""
    lines = [
        ("管线成果表",), ("起点", None, "终点", None, "管径", "埋设日期"), ("点号", "埋深", "点号", "埋深", None, None),
        ("W1", 1.5, "W2", 1.7, "800X600", "2019年5月"), ("W2", "1.70", "W9", 1.0, "DN300", "2019"),
        ("W2", "深", "W1", 1.0, "DN300", "2019"),
    ]  # fmt: skip
    path = workbook(tmp_path / "a.xlsx", {"管线表": lines, "管点表": NODES}, {"管线表": ["A2:B2", "C2:D2"]})
    nodes, segments = read(path, (None, "pipe_node"), (None, "pipe_segment"), crs="EPSG:4549")
    assert nodes.table["node_id"].to_pylist() == ["W1", "W2"]
    assert [(f.row, f.rule) for f in segments.findings if f.severity == "error"] == [(5, "node-exists"), (6, "type")]
    [lost] = [f for f in segments.findings if f.rule == "node-exists"]
    assert lost.place == (497000.0, 3520040.0), "it is looked for at the end that is known"
    assert segments.table["row"].to_pylist() == [4]
    assert (segments.table["width_mm"][0].as_py(), segments.table["section_height_mm"][0].as_py()) == (800.0, 600.0)
    assert segments.table["year_laid"][0].as_py() == 2019
    np.testing.assert_allclose(
        shapely.get_coordinates(segments.geometry[0], include_z=True), [[497000, 3520000, 4.5], [497000, 3520040, 4.5]]
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_x_is_northing_unless_the_values_say_otherwise(tmp_path: Path, swapped: bool) -> None:
    rows = [NODES[0], *((n, y, x, z) if swapped else (n, x, y, z) for n, x, y, z in NODES[1:])]
    (part,) = read(workbook(tmp_path / "a.xlsx", {"管点": rows}), (None, "pipe_node"), crs="EPSG:4549")
    assert shapely.get_coordinates(part.geometry).tolist() == [[497000, 3520000], [497000, 3520040]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_pair_of_csv_files(tmp_path: Path, encoding: str) -> None:
    points, lines = tmp_path / "管点.csv", tmp_path / "管线.csv"
    points.write_text("\n".join(",".join(map(str, r)) for r in NODES), encoding=encoding)
    lines.write_text("起点点号,终点点号,管线类型,起点埋深,终点埋深\nW1,W2,雨水,1.0,1.2\n", encoding=encoding)
    (part,) = read(lines, (None, "pipe_segment"), crs="EPSG:4549", companions=(points,))
    assert part.table["kind"].to_pylist() == ["YS"]
    assert shapely.get_coordinates(part.geometry[0], include_z=True)[:, 2].tolist() == [5.0, 5.0]


def test_what_needs_a_declared_crs_is_refused_without(tmp_path: Path) -> None:
    assert refusal(workbook(tmp_path / "a.xlsx", {"管点": NODES}), (None, "pipe_node")) == "crs-undeclared"


def test_a_type_made_of_yaml_alone_is_read(tmp_path: Path) -> None:
    (tmp_path / "tree.yaml").write_text(
        "name: tree\nversion: 1\ntitle: {zh: 行道树, en: Tree}\ndescription: {zh: 树, en: A tree}\naliases: [树木]\n"
        "cim: {class: 植被, level: CIM3, verified: false}\ngeometry: {type: Point, z: true}\n"
        "fields:\n  - {name: tree_id, type: string, title: {zh: 树号, en: Tree id}, required: true}\n"
        "  - {name: girth_cm, type: number, unit: cm, title: {zh: 胸围, en: Girth}, minimum: 1}\n"
        "key: [tree_id]\nchecks: []\nrecipe: {form: none}\n"
        "style: {color_by: girth_cm, default_color: '#228833', choices: [girth_cm],"
        " ramps: {girth_cm: [[1, '#eeffee'], [300, '#003300']]}}\n"
    )
    tree = load_feature_types(tmp_path)["tree"]
    path = geojson(tmp_path / "t.geojson", shapely.Point(119.97, 31.81, 5), 树号="T1", 胸围="85")
    (part,) = read(path, (None, tree))
    assert part.table.select(["natural_key", "tree_id", "girth_cm"]).to_pylist() == [
        {"natural_key": "T1", "tree_id": "T1", "girth_cm": 85.0}
    ]


# ------------------------------------------------------------------------------------------------------------- hostile files


def test_invalid_rows_are_named_with_reason_and_place_and_the_rest_is_taken(tmp_path: Path) -> None:
    bow_tie = {"type": "Polygon", "coordinates": [[[120.0, 31.8], [120.001, 31.801], [120.001, 31.8], [120.0, 31.801], [120.0, 31.8]]]}
    good = square(120.0, 31.8, 0.001)
    far = square(100.0, 31.8, 0.001)
    path = geojson(tmp_path / "a.geojson", good, bow_tie, shapely.Point(120, 31.8), {"type": "Polygon", "coordinates": []}, far, good)
    (part,) = read(path, (None, "building"), extent_deg=(119.9, 31.7, 120.1, 31.9))
    assert [(f.row, f.rule) for f in part.findings] == [
        (2, "geometry-valid"),
        (3, "geometry-type"),
        (4, "geometry-empty"),
        (5, "area-of-use"),
    ]
    assert part.table["row"].to_pylist() == [1, 6]
    middle = pyproj.Transformer.from_crs(4490, 4549, always_xy=True).transform(120.0005, 31.8005)
    assert part.findings[0].place == pytest.approx(middle, abs=0.5)


@pytest.mark.parametrize("number", ["NaN", "1e400"])
def test_coordinates_that_are_no_numbers_refuse_their_row(tmp_path: Path, number: str) -> None:
    """PostGIS takes POINT(Infinity 0) from GeoJSON (reliability.md §2)."""
    point = '{"type":"Feature","properties":{"node_id":"%s"},"geometry":{"type":"Point","coordinates":[%s,31.8,1]}}'
    path = tmp_path / "a.geojson"
    features = point % ("A", number) + "," + point % ("B", "120.0")
    path.write_text('{"type":"FeatureCollection","features":[' + features + "]}")
    (part,) = read(path, (None, "pipe_node"))
    assert [(f.row, f.rule) for f in part.findings] == [(1, "geometry-finite")]
    assert part.table["node_id"].to_pylist() == ["B"]


def test_a_star_of_two_thousand_vertices_is_refused_not_repaired(tmp_path: Path) -> None:
    """One of 2,000 random vertices took PostgreSQL down in ST_MakeValid."""
    star = np.random.default_rng(7).uniform(0, 0.01, (2000, 2)) + np.array([120.0, 31.8])
    (part,) = read(geojson(tmp_path / "a.geojson", shapely.Polygon(star)), (None, "building"))
    assert part.rows("geometry-valid") == [1]


def test_a_feature_of_too_many_vertices_is_refused(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", shapely.Point(120, 31.8).buffer(0.01, quad_segs=300))
    (part,) = read(path, (None, "building"), limits=Limits(vertices_per_feature=1000))
    assert part.rows("geometry-limit") == [1]


@pytest.mark.parametrize("name", ["a.tif", "a.shp", "a.gpkg", "a.geojson"])
def test_a_vrt_under_any_name_is_no_file_of_ours(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("0123456789abcdef")
    path = tmp_path / name
    path.write_text(
        f'<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
        f'<SourceFilename relativetoVRT="0">{secret}</SourceFilename></VRTRasterBand></VRTDataset>'
    )
    assert refusal(path, (None, "terrain" if name == "a.tif" else "building")) == "unsupported-media"


def test_a_vrt_beside_a_raster_is_not_looked_at(tmp_path: Path) -> None:
    path = raster(tmp_path / "a.tif", np.ones((4, 4), np.float32))
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><Metadata><MDI key='x'>y</MDI></Metadata></PAMDataset>")
    (tmp_path / "a.tif.ovr").write_text("<VRTDataset rasterXSize='2' rasterYSize='2'></VRTDataset>")
    _, block, _ = read_file(ReadRequest(path, (PartRequest(None, TYPES["terrain"], "t"),), storage_srid=4549))
    assert isinstance(block, CoverageBlock)
    assert block.values.tolist() == np.ones((4, 4)).tolist()


def raster(path: Path, values: np.ndarray, **options: object) -> Path:
    bands = values if values.ndim == 3 else values[None]
    profile = {
        "driver": "GTiff",
        "height": bands.shape[1],
        "width": bands.shape[2],
        "count": len(bands),
        "dtype": bands.dtype,
        "crs": "EPSG:4549",
    }
    with rasterio.open(path, "w", transform=rasterio.Affine(10, 0, 497000, 0, -10, 3521000), **{**profile, **options}) as target:
        target.write(bands)
    return path


def test_a_raster_that_is_small_on_disk_and_huge_in_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    profile = {
        "driver": "GTiff",
        "height": 190_000,
        "width": 190_000,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4549",
        "sparse_ok": True,
    }
    with rasterio.open(
        path,
        "w",
        transform=rasterio.Affine(1, 0, 497000, 0, -1, 3521000),
        tiled=True,
        blockxsize=4096,
        blockysize=4096,
        bigtiff="yes",
        **profile,
    ):
        pass
    assert path.stat().st_size < 5 << 20
    assert refusal(path, (None, "terrain")) == "raster-too-large"


def test_rasters_that_are_no_elevation_model_are_refused(tmp_path: Path) -> None:
    assert refusal(raster(tmp_path / "a.tif", np.ones((3, 4, 4), np.uint8)), (None, "terrain")) == "raster-bands"
    assert refusal(raster(tmp_path / "b.tif", np.ones((4, 4), np.float32), crs=None), (None, "terrain")) == "crs-undeclared"
    assert refusal(raster(tmp_path / "c.tif", np.ones((4, 4), np.float32)), (None, "building")) == "wrong-kind"


def test_a_workbook_with_a_document_type_is_refused(tmp_path: Path) -> None:
    """openpyxl does not guard against billion laughs."""
    plain, hostile = workbook(tmp_path / "a.xlsx", {"管点": NODES}), tmp_path / "b.xlsx"
    bomb = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(hostile, "w") as target:
        for info in source.infolist():
            content = source.read(info)
            target.writestr(info, bomb + content if info.filename == "xl/workbook.xml" else content)
    assert refusal(hostile, (None, "pipe_node"), crs="EPSG:4549") == "xml-dtd-forbidden"


def test_a_geopackage_that_would_attach_or_run_anything_only_gives_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    pyogrio.raw.write(
        path,
        shapely.to_wkb([square(497000, 3520000)]),
        [np.array(["甲"], object)],
        ["名称"],
        geometry_type="Polygon",
        crs="EPSG:4549",
        driver="GPKG",
        layer="建筑物",
    )
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIEW secret AS SELECT load_extension('/tmp/evil.so')")
        database.execute("INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('secret', 'attributes', 'secret')")
    (part,) = read(path, ("建筑物", "building"))
    assert part.table["name"].to_pylist() == ["甲"]


@pytest.mark.parametrize("at", [0, 20, 4096, 9000])
def test_a_cut_geopackage_is_refused_or_read_short_but_never_our_failure(tmp_path: Path, sample_city_folder: Path, at: int) -> None:
    content = (sample_city_folder / "建筑物.gpkg").read_bytes()[:at]
    path = tmp_path / "a.gpkg"
    path.write_bytes(content)
    assert refusal(path) in ("empty-file", "unsupported-media", "unreadable", "no-features", "parser-crash")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("bad-archives/zip-slip.zip", "zip-unsafe-path"), ("bad-xml/xmlbomb.xml", "xml-dtd-forbidden"),
        ("bad-xml/external.xml", "xml-dtd-forbidden"),
        ("bad-shapefile/pyshp/latin1.shp", "missing-member"), ("bad-shapefile/pyshp/empty_zipfile.zip", "unsupported-media"),
        ("bad-tiff/oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif", "unreadable"), ("bad-tiff/seek_too_large.tif", "unreadable"),
    ],
)  # fmt: skip
def test_hostile_files_of_others(real_data: Path, file: str, code: str) -> None:
    assert refusal(real_data / file, (None, "terrain" if file.endswith("tif") else "building"), crs="EPSG:4326") == code


def test_more_memory_than_a_reader_may_have_is_the_files_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson.gz"
    ring = [[120 + i * 1e-7, 31.8] for i in range(500)]
    feature = json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": ring}})
    path.write_bytes(gzip.compress(('{"type":"FeatureCollection","features":[' + ",".join([feature] * 6000) + "]}").encode(), 9))
    limits = Limits(memory_bytes=700 << 20, compression_ratio=10**6)
    assert refusal(path, limits=limits) == "parser-memory"


def test_a_reader_that_takes_too_long_is_ended(tmp_path: Path, sample_city_folder: Path) -> None:
    assert refusal(sample_city_folder / "建筑物.gpkg", limits=Limits(wall_s=0.001)) == "parser-timeout"


def test_a_file_is_what_its_content_is(sample_city_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "misnamed.shp"
    shutil.copy(sample_city_folder / "建筑物.gpkg", path)
    info = inspect_file(path)
    assert info.format == "GeoPackage"
    assert [layer.name for layer in info.layers] == ["建筑物"]
