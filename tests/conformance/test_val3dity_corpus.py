"""The test files of val3dity, valid or invalid at its default tolerances as their names say, with the same codes.

The expectations are the file names and val3dity's own tests and remarks on them; the files are bad in geometry only, and read under a
limit of size. Polyhedra are read by `solid_files`, which mends nothing; CityJSON and GML by the readers a submission is read by.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from solid_files import EmptyPrimitiveError, bodies_in

from ingest.body_arrays import laid_out
from ingest.checks.solids.fault import Tolerances
from ingest.checks.solids.validity import validity_faults
from ingest.compiled_bodies import compiled
from ingest.protocol import PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.source import Representation
from twin.errors import TwinError
from twin.featuretypes.loader import load_feature_types

CUBE = "test_valid/basecube.poly"
ONE_CODE = {
    **{f"test_geometry_generic/{name}": int(name[:3]) for name in (
        "101.poly", "102.poly", "104.poly", "104_1.poly", "104_2.poly", "104_3.poly", "104_4.poly",
        "201.poly", "201_1.poly", "202.poly", "203.poly", "203_1.poly", "203_2.poly", "204_1.poly", "205.poly", "206.poly",
        "207.poly", "207_1.poly", "208.poly", "301.poly", "301_1.poly", "302.poly", "302_1.poly", "303.poly", "303_1.poly",
        "303_2.poly", "305.poly", "305_1.poly", "306.poly", "306_1.poly", "405.poly",
    )},
    "test_geometry_generic/304_1.poly": 303,  # 304 (non-manifold vertex) has been one with 303 (edge) since val3dity 2
    "test_geometry_generic/304_2.obj": 303,
    "test_geometry_generic/303_cs.poly": 302,  # named for the composite surface it is; as a solid it is open, which goes first
    "test_geometry_generic/206_1.poly": 201,  # the hole touches the outline, which val3dity's text on 206 calls 201; its test takes either
    "test_geometry_generic/207_2.poly": 208,  # val3dity leaves it out; by TetGen's manual a hole has the outline's sense
    "test_geometry_generic/307.poly": 307,  # val3dity says 303 besides, for it builds face by face: by unoriented edges it is a 2-manifold
    "test_valid/planar.off": 301,  # a single polygon: valid as such, and no shell; so val3dity's test has it
    "test_valid/v104_1.off": 301,
    "test_valid/v104_2.off": 301,
    "test_valid/two_objects_1.obj": 102,
    "test_valid/two_objects_2.obj": 102,
}  # fmt: skip
VALID = [
    "test_geometry_generic/204_valid_1.poly", "test_geometry_generic/204_valid_2.poly", "test_valid/basecube.obj",
    "test_valid/basecube.off", CUBE, "test_valid/basecube_large_coords.poly", "test_valid/closed_top.poly",
    "test_valid/nearly-collinear.off", "test_valid/self_fold.obj", "test_valid/v405.off",
]  # fmt: skip
SURFACES = ["test_valid/planar.off", "test_valid/v104_1.off", "test_valid/v104_2.off"]
CAVITIES = {
    ("test_geometry_generic/401.poly",): 401,
    ("test_geometry_generic/401_1.poly",): 401,
    ("test_geometry_generic/401_2.poly", "test_geometry_generic/inner_shell.poly"): 401,
    ("test_geometry_generic/401_3.poly", "test_geometry_generic/inner_shell.poly"): 401,
    ("test_geometry_generic/401_4.poly",): 401,
    ("test_geometry_generic/401_5.poly",): 401,
    ("test_geometry_generic/401_6.poly",): 401,
    ("test_geometry_generic/402_in_1.poly", "test_geometry_generic/inner_shell.poly"): 402,
    ("test_geometry_generic/403.poly",): 403,
    ("test_geometry_generic/404.poly",): 404,
    ("test_valid/inner_shell.poly",): None,
    ("test_valid/inner_shell_1.poly",): None,
    ("test_valid/inner_shell_2.poly", "test_valid/inner_shell.poly"): None,
    ("test_valid/inner_shell_3.poly", "test_valid/inner_shell.poly"): None,
    ("test_valid/inner_shell_4.poly", "test_valid/inner_shell.poly"): None,
}
CITIES = {
    "test_cityjson/cube_v10.city.json": set(),
    "test_cityjson/cube_v11.city.json": set(),
    "test_cityjson/emptygeom.json": set(),
    "test_cityjson/geomtemplate_1.json": set(),
    "test_cityjson/geomtemplate_2.json": {203},
    "test_cityjson/several_lods_invalid.json": {601},
    "test_cityjson/several_lods_valid.json": set(),
    "test_cityjson/torus.city.json": set(),
    "test_empty/empty_primitive.json": {902},
    "test_geometry_generic/302_2.gml": {302},
    "test_valid/composite_solid.json": set(),
    "test_valid/multi_solid.json": set(),
}
EMPTY = ["completely_empty.obj", "completely_empty.off", "empty_primitive.obj", "empty_primitive.off", "empty_primitive.poly"]
REFUSED = ["completely_empty.json", "empty_primitive_1.json"]  # nothing; CityJSON 0.1
SEVERAL = {"test_geometry_generic/307_1.poly": {302, 307}}  # its header counts one facet less than it lists: it is open besides


@pytest.fixture(scope="module")
def corpus(real_data: Path) -> Path:
    return real_data / "bad-3d-val3dity"


def codes(corpus: Path, name: str, *cavities: str, closed: bool = True) -> set[int]:
    bodies = bodies_in(corpus / name, [corpus / c for c in cavities], closed=closed)
    return {fault.code for fault in validity_faults(bodies)}


@pytest.mark.parametrize("name", ONE_CODE)
def test_one_fault_has_its_code_and_no_other(corpus: Path, name: str) -> None:
    assert codes(corpus, name) == {ONE_CODE[name]}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_faults_have_their_codes(corpus: Path, name: str) -> None:
    assert codes(corpus, name) == SEVERAL[name]


@pytest.mark.parametrize("name", VALID)
def test_a_valid_solid_has_no_fault(corpus: Path, name: str) -> None:
    assert codes(corpus, name) == set()


@pytest.mark.parametrize("name", SURFACES)
def test_a_valid_surface_has_no_fault(corpus: Path, name: str) -> None:
    assert codes(corpus, name, closed=False) == set()


@pytest.mark.parametrize("cavities", CAVITIES, ids=lambda c: Path(c[0]).stem)
def test_cavities_of_a_cube(corpus: Path, cavities: tuple[str, ...]) -> None:
    assert codes(corpus, CUBE, *cavities) == {CAVITIES[cavities]} - {None}


@pytest.mark.parametrize("name", [*ONE_CODE, *SEVERAL])
def test_the_kernels_tell_no_faulty_body_sound(corpus: Path, name: str) -> None:
    bodies = bodies_in(corpus / name)
    doubts = compiled(laid_out([Representation(i, "2", faces, None) for i, faces in enumerate(bodies)])).doubts(Tolerances())
    assert {f.body for f in validity_faults(bodies)} <= set(np.flatnonzero(doubts.bodies).tolist())


@pytest.mark.parametrize("name", EMPTY)
def test_a_file_without_faces_has_no_body(corpus: Path, name: str) -> None:
    with pytest.raises(EmptyPrimitiveError):
        bodies_in(corpus / "test_empty" / name)


@pytest.mark.parametrize("name", REFUSED)
def test_a_city_without_contents_is_refused(corpus: Path, name: str) -> None:
    with pytest.raises(TwinError):
        _representations(corpus / "test_empty" / name)


@pytest.mark.parametrize("name", CITIES)
def test_a_city_has_the_faults_its_name_says(corpus: Path, name: str) -> None:
    read = _representations(corpus / name)
    found = validity_faults([r.faces for r in read], makeups=[r.makeup for r in read])
    assert {f.code for f in found} | {m.code for r in read for m in r.makeup.mended} == CITIES[name]


def test_buildings_have_the_codes_3dbag_published_with_them(real_data: Path) -> None:
    path = real_data / "cityjson-3dbag-delft/delft.city.json"
    objects = json.loads(path.read_bytes())["CityObjects"]
    names, read = _buildings(path)
    found: dict[int, set[int]] = {n: {m.code for m in r.makeup.mended} for n, r in enumerate(read)}
    for fault in validity_faults([r.faces for r in read], makeups=[r.makeup for r in read]):
        found[fault.body].add(fault.code)
    solids = [(n, objects[name]["attributes"], r.lod.replace(".", "")) for n, (name, r) in enumerate(zip(names, read, strict=True))]
    published = {n: set(json.loads(said[f"b3_val3dity_lod{lod}"])) for n, said, lod in solids if lod != "0"}
    assert len(published) == 477
    assert sum(map(bool, published.values())) == 11
    # 303 and 307 on one shell: a turned face is looked for where the shell is a 2-manifold otherwise
    assert {n: c for n in published if (c := found[n])} == {n: c - {307} for n, c in published.items() if c}


def test_every_file_of_the_corpus_is_tried(corpus: Path) -> None:
    tried = {*ONE_CODE, *SEVERAL, *VALID, *CITIES, *(f"test_empty/{name}" for name in EMPTY + REFUSED)}
    tried |= {name for cavities in CAVITIES for name in cavities}
    assert {str(file.relative_to(corpus)) for file in corpus.glob("*/*.*")} == tried


def _buildings(path: Path) -> tuple[list[str], list[Representation]]:
    part = PartRequest("Building", load_feature_types()["building"], "dataset")
    batches = list(choose_reader(ReadRequest(path, (part,), 4549)).open(part).batches())
    names = [batch.columns["cityjson_id"][r.index].as_py() for batch in batches for r in batch.representations]
    return names, [r for batch in batches for r in batch.representations]


def _representations(path: Path) -> list[Representation]:
    building = load_feature_types()["building"]
    layers = choose_reader(ReadRequest(path, (), 4549)).inspect().layers
    parts = tuple(PartRequest(layer.name, building, "dataset") for layer in layers)
    reader = choose_reader(ReadRequest(path, parts, 4549))
    return [r for part in parts for batch in reader.open(part).batches() for r in batch.representations]
