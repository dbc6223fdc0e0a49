"""What a reader of CityGML holds of a document is a batch of some hundred buildings, however many follow."""

from __future__ import annotations

from pathlib import Path

from ingest.protocol import Limits, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.citygml import CityGml
from tests.copied_plateau import write_plateau
from twin.featuretypes.loader import load_feature_types


def test_a_batch_has_few_buildings_and_all_batches_have_all(real_data: Path, tmp_path: Path) -> None:
    """Of PLATEAU one takes 25 kB while its batch is read, and three times that while it is checked."""
    path = tmp_path / "city.gml"
    written = write_plateau(path, 24, real_data)
    part = PartRequest(None, load_feature_types()["building"], "b")
    reader = choose_reader(ReadRequest(path, (part,), storage_srid=4549, limits=Limits()))
    assert isinstance(reader, CityGml)
    batches = [batch.rows.tolist() for batch in reader.open(part).batches()]
    assert [row for rows in batches for row in rows] == list(range(1, written + 1))
    assert max(map(len, batches)) <= 256 < written
