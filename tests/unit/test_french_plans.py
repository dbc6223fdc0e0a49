"""A French local plan (PLU) is read as plots of a detailed plan: its zones become classes of 用地用海, and that is said."""

from __future__ import annotations

from pathlib import Path

import pyogrio
import shapely

from ingest.part_reading import PartReading
from ingest.protocol import PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from tests.vector_layers import copied
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
ZONES = {"U": "07", "AUc": "16", "AUs": "16", "A": "01", "Ah": "0703", "N": "03", "Nh": "0703"}


def read(path: Path, mapping: dict[str, str]) -> tuple[PartHeader, list[dict[str, object]], PartEnd]:
    """Return how a plan was understood, its rows, and how many there were."""
    request = ReadRequest(
        path, (PartRequest(None, TYPES["plan_plot"], "d", PartReading(mapping=tuple(mapping.items()))),), storage_srid=2154, crs="EPSG:2154"
    )
    header, *batches, end = read_parts(choose_reader(request), request)
    assert isinstance(header, PartHeader)
    assert isinstance(end, PartEnd)
    return header, [row for batch in batches if isinstance(batch, PartBatch) for row in batch.table.to_pylist()], end


def test_zones_of_a_french_plan_are_classes_of_land_use(real_data: Path, tmp_path: Path) -> None:
    path = copied(real_data / "planning-french-plu" / "gml" / "ZONE_URBA.gml", tmp_path)
    header, rows, end = read(path, {"gml_id": "plot_id", "INSEE": "plan_id"})
    assert "column 'TYPEZONE' holds codes of the zones of a French local plan (PLU), taken over as Land and sea use" in [
        f.message.en for f in header.findings
    ]
    _, _, wkb, (ids, zones) = pyogrio.raw.read(path, columns=["gml_id", "TYPEZONE"])
    valid = shapely.is_valid(shapely.from_wkb(wkb))
    assert (end.rows, end.accepted) == (66, int(valid.sum()))
    assert {str(row["plot_id"]): row["land_use_code"] for row in rows} == {
        i: ZONES[z] for i, z in zip(ids[valid], zones[valid], strict=True)
    }


def test_the_type_of_a_zone_is_known_without_being_told(real_data: Path) -> None:
    folder = real_data / "planning-french-plu" / "30014_PLU_20171013" / "Donnees_geographiques"
    header, rows, _ = read(folder / "30014_ZONE_URBA_20171013.shp", {"LIBELLE": "plot_id"})
    assert {k: header.mapping[k] for k in ("TYPEZONE", "IDURBA")} == {"TYPEZONE": "land_use_code", "IDURBA": "plan_id"}
    assert {row["land_use_code"] for row in rows} == {"01", "03", "07", "16"}
