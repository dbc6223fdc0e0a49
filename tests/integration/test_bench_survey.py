"""The survey that load.survey measures is one survey whatever file it comes as, and its faults are those that were planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from bench.load_survey import FORMS, Form
from bench.survey_files import make_survey
from bench.workload import SRID
from ingest.protocol import PartBatch, PartHeader, PartRequest, ReadRequest
from tests.reading import read_file
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
ROWS = 2_000


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_survey_is_read_the_same_from_every_kind_of_file(form: Form, tmp_path: Path) -> None:
    survey, faults = make_survey(ROWS)
    path = tmp_path / form.file
    form.write(survey, path)
    points, lines = form.layers
    asked = (PartRequest(points, TYPES["pipe_node"], "n"), PartRequest(lines, TYPES["pipe_segment"], "s"))
    messages = list(read_file(ReadRequest(path, asked, storage_srid=SRID, crs=f"EPSG:{SRID}")))
    assert [m.dataset for m in messages if isinstance(m, PartHeader)] == ["n", "s"]
    nodes, segments = (pa.Table.from_batches([m.table for m in messages if isinstance(m, PartBatch) and m.dataset == d]) for d in "ns")
    assert nodes["node_id"].to_pylist() == survey.point_fields["管线点编号"].tolist()
    np.testing.assert_allclose(
        shapely.get_coordinates(shapely.from_wkb(nodes["geom"].to_numpy()), include_z=True),
        shapely.get_coordinates(survey.points, include_z=True),
        atol=1e-6,
    )
    # a layer that has a geometry keeps such lines: that their ends are not there is told by a rule over all rows
    whole = ~np.isin(survey.line_fields["终点点号"], ["无此点"]) | (path.suffix == ".gpkg")
    assert np.count_nonzero(~whole) == (0 if path.suffix == ".gpkg" else faults)
    assert faults == ROWS // 2 // 100
    for column, field in (("start_node", "起点点号"), ("end_node", "终点点号"), ("start_depth_m", "起点埋深"), ("year_laid", "建设年代")):
        assert segments[column].to_pylist() == survey.line_fields[field][whole].tolist()
