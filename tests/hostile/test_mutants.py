"""Files cut off and with bits turned over, of every format: no reader hangs, none takes its memory beyond bounds, whatever comes of it."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ingest.frames import encode_request
from ingest.protocol import Limits, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader, import_for
from ingest.readers.cityjson_document import stream_document
from ingest.readers.cityjson_document_reader import LargeCityJson
from ingest.readers.cityjson_sequence import CityJsonSequence
from tests.hostile.seeds import REAL, SEEDS, Seed, large_sequence, write_large_document
from twin.featuretypes.loader import load_feature_types

REPOSITORY = Path(__file__).parents[2]
TYPES = load_feature_types()
MEMORY_MIB = 1536
COMPILED_MIB = 3072
"""The compiled reader of large city models has memory for whatever a block can hold, 31 times its text, of which it writes to little."""
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MALLOC_ARENA_MAX": "2",
}
TRUNCATED, FLIPPED, AT_EDGES = 20, 200, 40


def mutated(
    folder: Path, path: Path, seed: Seed, truncated: int, flipped: int, at_edges: int = 0, *, memory_mib: int = MEMORY_MIB
) -> list[str]:
    """Return what became of a file and its mutants; the first is the file itself."""
    limits = Limits(wall_s=60, cpu_s=20, memory_bytes=memory_mib << 20)
    part = PartRequest(seed.layer, TYPES[seed.feature_type], "d")
    request = ReadRequest(folder / "mutant", (part,), storage_srid=seed.srid, crs=f"EPSG:{seed.srid}", limits=limits)
    counts = map(str, (truncated, flipped, at_edges))
    command = [sys.executable, "-B", str(Path(__file__).with_name("mutants.py")), str(REPOSITORY), str(path), *counts]
    done = subprocess.run(command, input=encode_request(request), capture_output=True, env=ENVIRONMENT, cwd="/", timeout=3000, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    answer = json.loads(done.stdout)
    assert answer["peak_mib"] <= memory_mib
    return list(answer["outcomes"])


def assert_harmless(outcomes: list[str]) -> None:
    assert outcomes[0] == "read", "the seed itself is sound"
    counted = collections.Counter(outcomes)
    assert not {"hangs", "broke", "SIGXCPU", "SIGKILL"} & counted.keys(), counted


@pytest.fixture
def folder(run_folder: Path) -> Path:
    made = Path(tempfile.mkdtemp(dir=run_folder))
    made.chmod(0o711)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDS)
def test_mutants_of_a_format_do_no_harm(folder: Path, name: str) -> None:
    SEEDS[name].write(folder / "seed")
    assert_harmless(mutated(folder, folder / "seed", SEEDS[name], TRUNCATED, FLIPPED))


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_mutants_of_real_files_do_no_harm(folder: Path, real_data: Path, name: str) -> None:
    file, seed = REAL[name]
    path = real_data / file
    path = next(path.iterdir()) if path.is_dir() else path
    assert path.stat().st_size < 2 << 20
    outcomes = mutated(folder, path, seed, TRUNCATED, FLIPPED // 4)
    assert_harmless(["read", *outcomes[1:]])


@pytest.mark.slow
def test_mutants_of_a_large_sequence_of_city_objects_do_no_harm(folder: Path, real_data: Path) -> None:
    seed = folder / "seed"
    seed.write_bytes(large_sequence(real_data))
    import_for(seed)
    assert isinstance(choose_reader(ReadRequest(seed, (), storage_srid=4549)), CityJsonSequence)
    dutch = Seed(lambda path: None, srid=28992)
    outcomes = mutated(folder, seed, dutch, TRUNCATED // 2, FLIPPED // 10, AT_EDGES, memory_mib=COMPILED_MIB)
    assert_harmless(outcomes)
    assert not {o for o in outcomes if o.startswith("SIG") or o == "parser-memory"}


@pytest.mark.slow
def test_mutants_of_a_large_document_of_city_objects_do_no_harm(folder: Path, real_data: Path) -> None:
    seed = folder / "seed"
    write_large_document(real_data, seed)
    import_for(seed)
    reader = choose_reader(ReadRequest(seed, (), storage_srid=4549))
    assert isinstance(reader, LargeCityJson)
    assert reader.format == "CityJSON"
    assert stream_document(seed.read_bytes(), 0) is not None
    dutch = Seed(lambda path: None, srid=28992)
    outcomes = mutated(folder, seed, dutch, TRUNCATED // 2, FLIPPED // 10, AT_EDGES, memory_mib=COMPILED_MIB)
    assert_harmless(outcomes)
    assert not {o for o in outcomes if o.startswith("SIG")}


def test_a_few_mutants_of_what_surveyors_hand_in_most(folder: Path) -> None:
    for name in ("xlsx", "vct"):
        SEEDS[name].write(folder / f"{name}-seed")
        outcomes = mutated(folder, folder / f"{name}-seed", SEEDS[name], 2, 2)
        assert_harmless(outcomes)
        assert {o for o in outcomes if o.startswith("SIG")} == set()
