"""Access databases of a pipe census, written by Jackcess, read by mdbtools inside the walls."""

from __future__ import annotations

import gzip
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import shapely

from ingest import programs
from ingest.access import with_tables
from ingest.protocol import Limits, PartBatch, PartHeader, PartRequest, ReadRequest
from tests.reading import inspect_file, read_file
from twin.errors import RejectedError, TwinError, UnavailableError
from twin.featuretypes.loader import load_feature_types

DATA = Path(__file__).parents[1] / "data"
TYPES = load_feature_types()


@pytest.fixture(scope="module")
def census(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("census")
    folder.chmod(0o700)  # where only root may go, or its owner
    for name in ("census.mdb", "census.accdb"):
        (folder / name).write_bytes(gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    return folder


def read(path: Path, *parts: tuple[str, str], limits: Limits | None = None) -> list[tuple[PartHeader, pa.Table]]:
    asked = tuple(PartRequest(layer, TYPES[name], f"d{i}") for i, (layer, name) in enumerate(parts))
    messages = list(read_file(ReadRequest(path, asked, storage_srid=4549, crs="EPSG:4549", limits=limits or Limits())))
    headers = [m for m in messages if isinstance(m, PartHeader)]
    tables = [pa.Table.from_batches([m.table for m in messages if isinstance(m, PartBatch) and m.dataset == h.dataset]) for h in headers]
    return list(zip(headers, tables, strict=True))


@pytest.mark.parametrize("name", ["census.mdb", "census.accdb"])
def test_a_census_comes_in_with_points_and_lines_of_each_kind(census: Path, name: str) -> None:
    (points, nodes), (_, mains), (_, sewers) = read(
        census / name, ("JS_POINT", "pipe_node"), ("JS_LINE", "pipe_segment"), ("WS_LINE", "pipe_segment")
    )
    assert points.format == "MDB"
    assert nodes["row"].to_pylist() == [1, 2, 3, 4]
    assert nodes["node_id"].to_pylist() == ["JS1", "JS2", "JS3", "JS4"]
    assert nodes["depth_m"].to_pylist() == [None, None, None, 2.5]
    assert nodes["address"].to_pylist()[0] == "中山路 1 号\n院内"
    assert nodes["well_material"].to_pylist()[0] == '砖,"红"'
    assert [shapely.get_coordinates(g, include_z=True)[0].tolist() for g in shapely.from_wkb(nodes["geom"].to_numpy())] == [
        [497538.0 + 0.5 * i, 3520895.0 + 40.125 * i, pytest.approx(4.0 + 0.01 * i)] for i in range(1, 5)
    ]
    assert mains["kind"].to_pylist() == ["JS"] * 3
    assert sewers["kind"].to_pylist() == ["WS"] * 3
    assert set(sewers["width_mm"].to_pylist()) == {800.0}
    assert set(mains["year_laid"].to_pylist()) == {2019}
    first = shapely.get_coordinates(shapely.from_wkb(sewers["geom"][0].as_py())).tolist()
    assert first == [[497538.5, 3520945.125], [497539.0, 3520985.25]]


def test_its_tables_are_named_and_those_of_something_else_are_left_out(census: Path) -> None:
    info = inspect_file(census / "census.mdb")
    assert [(layer.name, layer.rows) for layer in info.layers] == [("JS_POINT", 4), ("JS_LINE", 3), ("WS_POINT", 4), ("WS_LINE", 3)]


def test_its_tables_lie_in_the_work_folder_while_they_are_read(census: Path, tmp_path: Path) -> None:
    work = tmp_path / "city" / "work"
    with with_tables(ReadRequest(census / "census.mdb", (), 4549, work=work)) as prepared:
        assert prepared.tables
        assert {t.path.parents[2] for t in prepared.tables} == {work}
        assert [folder.name.startswith("access-") for folder in work.iterdir()] == [True]
    assert list(work.iterdir()) == []


def test_without_mdbtools_the_package_is_named(census: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "_SEARCHED", (tmp_path,))
    with pytest.raises(UnavailableError, match="apt install mdbtools") as caught:
        inspect_file(census / "census.mdb")
    assert (caught.value.code, caught.value.status) == ("program-missing", 503)


def test_without_walls_no_program_is_started(census: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = "from ingest.confinement import landlock; landlock.abi = lambda: 0"
    boot = f"import sys; sys.path.append(sys.argv[1]); {without}; from ingest.confinement.program import main; main()"
    monkeypatch.setattr(programs, "_BOOT", boot)
    with pytest.raises(UnavailableError) as caught:
        inspect_file(census / "census.mdb")
    assert caught.value.code == "sandbox-unavailable"


@pytest.mark.parametrize("at", [20, 5000, 60_000])
def test_a_cut_database_is_refused(census: Path, tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.mdb"
    path.write_bytes((census / "census.mdb").read_bytes()[:at])
    with pytest.raises(RejectedError) as caught:
        inspect_file(path)
    assert caught.value.code in ("unreadable", "parser-crash", "no-table")


def test_an_encrypted_database_is_refused_with_what_to_do(census: Path, tmp_path: Path) -> None:
    """All pages behind the first look like chance."""
    content = (census / "census.accdb").read_bytes()
    (tmp_path / "a.accdb").write_bytes(content[:4096] + random.Random(1).randbytes(len(content) - 4096))
    with pytest.raises(RejectedError) as caught:
        inspect_file(tmp_path / "a.accdb")
    assert caught.value.code == "unreadable"
    assert "撤销密码" in caught.value.text.zh
    assert "Decrypt Database" in caught.value.text.en


def test_a_database_that_gives_more_than_is_allowed_is_refused_and_leaves_nothing(
    census: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(TwinError) as caught:
        read(census / "census.mdb", ("JS_POINT", "pipe_node"), limits=Limits(unpacked_bytes=300))
    assert caught.value.code == "too-much-output"
    assert list(tmp_path.iterdir()) == []
    assert shutil.which("mdb-export") is not None


def test_all_tables_of_a_database_share_the_time_of_one_file(census: Path) -> None:
    with pytest.raises(TwinError) as caught:
        read(census / "census.mdb", ("JS_POINT", "pipe_node"), limits=Limits(wall_s=0.0))
    assert caught.value.code == "parser-timeout"
