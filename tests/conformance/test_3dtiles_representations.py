"""Real LoD 2 buildings and fields of view as tiles, through readers that are not ours."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
import pyproj
import pytest
import shapely
from numpy.typing import NDArray

from tests import tile_readers
from tests.cityjson_faces import Building, buildings, encoded
from tests.official_schemas import FOLDER
from tests.tile_features import BUILDING, CAMERA, features, numbers, texts, to_geocentric
from tests.tile_trees import leaf_contents
from tiles.build import BuildOptions, TilesetSummary, TilesetTarget, build_tileset
from tiles.checker import check_tileset
from tiles.checker.__main__ import dataset_reader
from tiles.checker.json_schemas import tileset_validator
from tiles.columns import FeatureColumns, Representations, offsets_of
from tiles.local_frame import ToGeocentric
from tiles.memory_store import MemoryStore
from tiles.tiling import Budget
from twin.model import FeatureType
from twin.representation import SurfaceType

RD_TO_GEOCENTRIC = pyproj.Transformer.from_crs("EPSG:28992", "EPSG:4979", always_xy=True)
CARTESIAN = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
SEPARATION_M = 43.2
SMALL = Budget(vertices=20_000, bytes=200_000)
REAL = {
    "denhaag": "cityjson-denhaag/denhaag_lod2_v11.city.json",
    "rotterdam": "cityjson-rotterdam/rotterdam_delfshaven_lod2_v20.city.json",
    "delft": "cityjson-3dbag-delft/delft.city.json",
}


def dutch(
    easting: NDArray[np.float64], northing: NDArray[np.float64], height: NDArray[np.float64], /
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """RD to geocentric by PROJ alone, under a constant separation: the oracle, and what the engine fits."""
    lon, lat, _ = RD_TO_GEOCENTRIC.transform(easting, northing, np.zeros_like(easting))
    x, y, z = CARTESIAN.transform(lon, lat, np.asarray(height) + SEPARATION_M)
    return x, y, z


@dataclass(frozen=True)
class Built:
    """A tileset in memory and its GLBs on disk."""

    store: MemoryStore
    summary: TilesetSummary
    glbs: list[Path]

    @property
    def leaves_by_name(self) -> set[str]:
        return leaf_contents(self.store, "things", self.summary.tree)

    @property
    def leaves(self) -> list[Path]:
        return [glb for glb in self.glbs if glb.stem in self.leaves_by_name]

    def problems(self) -> list[object]:
        read = dataset_reader(lambda key: self.store[f"tiles/things/{key}"])
        schemas = FOLDER / "3dtiles-1.1"
        messages = tileset_validator(schemas) if schemas.is_dir() else None
        return list(check_tileset(read, "3/tileset.json@open", messages))


def build(folder: Path, run: FeatureColumns, kind: FeatureType, geocentric: ToGeocentric) -> Built:
    store = MemoryStore()
    options = BuildOptions(budget=SMALL)
    summary = build_tileset([run], kind, geocentric, TilesetTarget("things", 3, "open", "2.25.1."), store, options=options)
    glbs = []
    for key, content in store.items():
        if key.endswith(".glb"):
            glbs.append(folder / key.rpartition("/")[2])
            glbs[-1].write_bytes(content)
    return Built(store, summary, sorted(glbs))


def columns_of(found: list[Building], first_fid: int = 1) -> FeatureColumns:
    """The buildings as a build reads them: a footprint nobody looks at, attributes, faces."""
    run = features([shapely.Point(0, 0)] * len(found), {"building_id": texts(b.name for b in found)}, first_fid)
    return replace(run, representations=encoded([b.faces for b in found], [b.lod for b in found]))


def all_near(a: NDArray[np.float64], b: NDArray[np.float64], tolerance_m: float = 0.01) -> bool:
    """Whether every row of ``a`` has a row of ``b`` within the tolerance: looked for among those of nearly the same X."""
    b = b[np.argsort(b[:, 0])]
    first, last = (np.searchsorted(b[:, 0], a[:, 0] + shift) for shift in (-tolerance_m, tolerance_m))
    candidates = first[:, None] + np.arange((last - first).max())
    distances = np.linalg.norm(a[:, None] - b[np.minimum(candidates, len(b) - 1)], axis=2)
    return bool((distances.min(axis=1) <= tolerance_m).all())


@pytest.mark.parametrize("name", REAL)
def test_every_vertex_of_a_real_city_is_where_proj_puts_it(name: str, real_data: Path, tmp_path: Path) -> None:
    """Within a centimetre, as part of a surface of the kind that the source says; and nothing of a solid is missing."""
    found = buildings(real_data / REAL[name])
    built = build(tmp_path, columns_of(found), BUILDING, dutch)
    assert (built.summary.drawn, built.summary.left_out) == (len(found), {})
    assert built.summary.lods == {found[0].lod: len(found)}
    everywhere = np.column_stack(dutch(*np.concatenate([b.faces.vertices[b.faces.indices] for b in found]).T))
    source = np.split(everywhere, np.cumsum([len(b.faces.indices) for b in found])[:-1])
    drawn: set[int] = set()
    for tile in tile_readers.run("read.mjs", built.leaves):
        fids = np.array(tile["table"]["columns"]["fid"])[np.array(tile["features"])]
        positions, surfaces = np.array(tile["positions"]), np.array(tile["surfaces"])
        for fid in np.unique(fids).tolist():
            faces, corners = found[fid - 1].faces, source[fid - 1]
            kinds = np.repeat(faces.surface_type, np.diff(faces.ring_ends[faces.face_ends - 1].astype(int), prepend=0))
            for kind in np.unique(surfaces[fids == fid]).tolist():
                assert all_near(positions[(fids == fid) & (surfaces == kind)], corners[kinds == kind])
            if len(faces.solid_ends):  # Rotterdam's surfaces have walls that are lines
                assert all_near(corners, positions[fids == fid])
            drawn.add(fid)
    assert drawn == set(range(1, len(found) + 1))


@pytest.mark.parametrize("name", REAL)
def test_validators_find_nothing_in_real_cities(name: str, real_data: Path, tmp_path: Path) -> None:
    built = build(tmp_path, columns_of(buildings(real_data / REAL[name])), BUILDING, dutch)
    reports = tile_readers.run("validate.mjs", built.glbs)
    assert len(reports) == built.summary.contents + built.summary.far_contents > 1
    assert [r["messages"] for r in reports if r["errors"] or r["warnings"]] == []
    assert built.problems() == []


def mixed(run: FeatureColumns, every: int) -> FeatureColumns:
    """The run with faces left to one feature in ``every``."""
    whole = run.representations or Representations.none(len(run))
    keep = np.arange(len(run)) % every == 0
    lengths = np.where(keep, np.diff(whole.offsets), 0)
    data = np.concatenate([whole.data[a:b] for a, b, k in zip(whole.offsets[:-1], whole.offsets[1:], keep, strict=True) if k])
    return replace(run, representations=Representations(data, offsets_of(lengths), np.where(keep, whole.lod, 0).astype(np.uint8)))


def test_bodies_and_blocks_lie_in_the_same_tiles_and_depend_on_nothing_but_themselves(real_data: Path, tmp_path: Path) -> None:
    """Neither the order of features, nor the number of workers shows; changing one roof changes one content."""
    found = buildings(real_data / REAL["denhaag"])
    boxes = [shapely.force_3d(shapely.box(*b.faces.vertices[:, :2].min(0), *b.faces.vertices[:, :2].max(0)), 1.0) for b in found]
    columns = {"height_m": numbers([9.0] * len(found)), "base_height_m": numbers([1.0] * len(found))}
    run = mixed(replace(features(boxes, columns), representations=encoded([b.faces for b in found])), 3)
    built = build(tmp_path, run, BUILDING, dutch)
    assert built.summary.lods == {"1": len(found) - len(found[::3]), "2": len(found[::3])}
    assert built.problems() == []
    tilesets = [orjson.loads(v) for k, v in built.store.items() if k.endswith("tileset.json")]
    assert [t["extras"]["lod"] for t in tilesets] == [built.summary.lods]
    for tile in tile_readers.run("read.mjs", built.leaves):
        assert set(tile["surfaces"]) == {SurfaceType.ROOF, SurfaceType.WALL, SurfaceType.GROUND}
    half = len(found) // 2
    backwards = features(boxes[half:] + boxes[:half], columns)
    order = np.r_[half : len(found), 0:half]
    assert run.representations is not None
    pieces = [run.representations.data[run.representations.offsets[i] : run.representations.offsets[i + 1]] for i in order]
    moved = Representations(np.concatenate(pieces), offsets_of(np.array([len(p) for p in pieces])), run.representations.lod[order])
    again = build(tmp_path, replace(backwards, fid=run.fid[order], representations=moved), BUILDING, dutch)
    assert again.store == built.store
    raised = replace(found[0].faces, vertices=found[0].faces.vertices + np.array([0.0, 0.0, 0.5]))
    changed = [b.faces if i else raised for i, b in enumerate(found)]
    after = build(tmp_path, mixed(replace(run, representations=encoded(changed)), 3), BUILDING, dutch)
    assert len(set(after.leaves_by_name) - set(built.leaves_by_name)) == 1


def test_a_camera_sees_to_its_range_and_no_further(tmp_path: Path) -> None:
    """The four far corners of a narrow view lie at the range, in the directions that its angles say; the material lets light through."""
    lens = np.array([500_000.0, 3_520_000.0, 12.0])
    angles = {"azimuth_deg": numbers([90.0]), "tilt_deg": numbers([0.0]), "fov_deg": numbers([12.0])}
    run = features([shapely.Point(lens)], {**angles, "range_m": numbers([80.0])})
    built = build(tmp_path, run, CAMERA, to_geocentric)
    assert (built.summary.drawn, built.summary.lods) == (1, {})
    assert built.problems() == []
    report = tile_readers.run("validate.mjs", built.glbs)[0]
    assert (report["errors"], report["warnings"]) == (0, 0)
    glb = built.glbs[0].read_bytes()
    document = orjson.loads(glb[20 : 20 + int.from_bytes(glb[12:16], "little")])
    assert document["materials"][0]["alphaMode"] == "BLEND"
    positions = np.array(tile_readers.run("read.mjs", built.glbs)[0]["positions"])
    across, up = np.radians(6.0), np.arctan(9 / 16 * np.tan(np.radians(6.0)))
    for side, rise in itertools.product((-1, 1), (-1, 1)):
        direction = np.array([np.cos(up) * np.cos(across), side * np.cos(up) * np.sin(across), rise * np.sin(up)])
        corner = np.column_stack(to_geocentric(*(lens + 80 * direction)[:, None]))
        assert np.linalg.norm(positions - corner, axis=1).min() < 0.01
    assert np.linalg.norm(positions - np.column_stack(to_geocentric(*lens[:, None])), axis=1).max() < 80.01
