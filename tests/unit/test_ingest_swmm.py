"""SWMM models of towns as networks in metres; what swmmio reads of the same files stands here as numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from ingest.protocol import Limits, PartBatch, PartHeader, PartRequest, ReadRequest
from ingest.readers.choice import choose_reader
from ingest.readers.inp import Network
from ingest.readers.swmm import open_swmm
from ingest.reading import read_parts
from twin.errors import RejectedError
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
FOOT_M = 0.3048
COUNTS = {  # by the counts of the data's README: junctions + outfalls + storage (= coordinates), conduits + pumps + weirs
    "CoS-Reduced-Inlets.inp": (128, 121),
    "Example1.inp": (14, 13),
    "bellinge_small.inp": (16, 15),
    "model_state_plane.inp": (45, 44),
    "user3.inp": (141, 134 + 5),
    "user5.inp": (200, 273 + 3),
}


def network(path: Path) -> Network:
    reader = choose_reader(ReadRequest(path, (), storage_srid=4549))
    assert isinstance(reader, Network)
    return reader


def rows(reader: Network, feature_type: str) -> dict[str, dict[str, object]]:
    key = {"pipe_node": "node_id", "pipe_segment": "segment_id"}[feature_type]
    (batch,) = reader.open(PartRequest(None, TYPES[feature_type], "d")).batches()
    table = pa.table(dict(batch.columns)).to_pylist()
    return {row[key]: {**row, "geometry": shape} for row, shape in zip(table, batch.geometry, strict=True)}


def test_every_model_gives_all_its_nodes_and_links(real_data: Path) -> None:
    for name, counts in COUNTS.items():
        reader = network(real_data / "sewer-swmm" / name)
        assert (reader.format, tuple(layer.rows for layer in reader.inspect().layers)) == ("SWMM", counts), name


def test_feet_become_metres_and_offsets_lift_a_pipe_above_its_node(real_data: Path) -> None:
    reader = network(real_data / "sewer-swmm" / "user5.inp")
    nodes, links = rows(reader, "pipe_node"), rows(reader, "pipe_segment")
    end, pipe = nodes["18SB6"], links["583"]
    assert end["bottom_elevation_m"] == pytest.approx(701.0 * FOOT_M, abs=1e-4)
    assert end["depth_m"] == pytest.approx(49.0 * FOOT_M, abs=1e-4)
    assert end["ground_elevation_m"] == pytest.approx(750.0 * FOOT_M, abs=1e-4)
    assert pipe["start_elevation_m"] == pytest.approx(718.0 * FOOT_M, abs=1e-4)
    assert pipe["end_elevation_m"] == pytest.approx(708.8 * FOOT_M, abs=2e-4)
    assert (pipe["start_node"], pipe["end_node"]) == ("19SB6", "18SB6")


def test_offsets_may_be_elevations_and_sections_of_any_shape(real_data: Path) -> None:
    reader = network(real_data / "sewer-swmm" / "CoS-Reduced-Inlets.inp")
    links = rows(reader, "pipe_segment")
    shapes = {row["swmm_shape"] for row in links.values()}
    assert {"CIRCULAR", "STREET"} <= shapes
    for row in links.values():
        size = row["outer_diameter_mm"], row["width_mm"], row["section_height_mm"]
        assert (size == (None, None, None)) == (row["swmm_shape"] in ("STREET", "IRREGULAR"))
        assert row["start_elevation_m"] is not None
        assert float(str(row["start_elevation_m"])) > 400  # elevations, not depths of metres added to inverts


def test_a_model_goes_in_at_its_ground_and_inverts(real_data: Path) -> None:
    path = real_data / "sewer-swmm" / "bellinge_small.inp"
    parts = tuple(PartRequest(None, TYPES[t], t) for t in ("pipe_node", "pipe_segment"))
    request = ReadRequest(path, parts, storage_srid=25832, crs="EPSG:25832")
    messages = list(read_parts(choose_reader(request), request))
    assert [m.format for m in messages if isinstance(m, PartHeader)] == ["SWMM", "SWMM"]
    nodes, pipes = (m for m in messages if isinstance(m, PartBatch))
    assert (nodes.table.num_rows, pipes.table.num_rows) == (16, 15)
    ground, bottom, depth = (nodes.table[c].to_numpy(zero_copy_only=False) for c in ("ground_elevation_m", "bottom_elevation_m", "depth_m"))
    known = ~np.isnan(depth)
    assert known.sum() == 15  # the outfall alone has no depth
    np.testing.assert_allclose(ground[known], bottom[known] + depth[known])
    places = shapely.from_wkb(nodes.table["geom"].to_numpy(zero_copy_only=False))
    np.testing.assert_allclose(shapely.get_z(places)[known], ground[known])
    assert min(pipes.table["outer_diameter_mm"].to_pylist()) == 200.0
    assert set(pipes.table["kind"].to_pylist()) == {"PS"}
    starts = shapely.get_coordinates(shapely.from_wkb(pipes.table["geom"].to_numpy(zero_copy_only=False))[0])
    assert np.all((starts[:, 0] > 583_190) & (starts[:, 0] < 583_420))


def test_what_a_link_lacks_is_left_open() -> None:
    """No section, a star for an offset, a pump without a length, a node nobody placed."""
    text = b"""[OPTIONS]
FLOW_UNITS LPS
[JUNCTIONS]
A 10 0
B 9 2
C 8 2
[CONDUITS]
1 A B 10 0.01 * 0.5
3 B C 10 0.01 0 0
[PUMPS]
2 B A curve
[XSECTIONS]
3 RECT_CLOSED 0.8 1.2 0 0 2
[COORDINATES]
A 0 0
B 10 0
[VERTICES]
1 0 0
1 5 1
[MAP]
UNITS Feet
"""
    reader = open_swmm(text, Limits())
    nodes, links = rows(reader, "pipe_node"), rows(reader, "pipe_segment")
    assert (nodes["A"]["depth_m"], nodes["A"]["ground_elevation_m"]) == (None, None)
    assert (links["1"]["start_elevation_m"], links["1"]["end_elevation_m"]) == (10.0, 9.5)
    assert shapely.get_coordinates(links["1"]["geometry"]).tolist() == [[0, 0], [5, 1], [10, 0]]
    assert (links["2"]["start_elevation_m"], links["2"]["outer_diameter_mm"], links["2"]["swmm_length_m"]) == (9.0, None, None)
    assert (links["3"]["width_mm"], links["3"]["section_height_mm"], links["3"]["swmm_barrels"]) == (1200.0, 800.0, 2.0)
    layer = reader.open(PartRequest(None, TYPES["pipe_segment"], "d"))
    (batch,) = layer.batches()
    assert [(f.index, f.rule) for f in batch.faults] == [(1, "geometry-empty")]
    assert any("FEET" in note.en for note in layer.source.notes)


def test_a_model_without_any_coordinates_is_refused_once_with_the_way_out(tmp_path: Path) -> None:
    swmm = "[OPTIONS]\nFLOW_UNITS LPS\n[JUNCTIONS]\nA 10 0\nB 9 2\n[CONDUITS]\n1 A B 10 0.01 0 0\n"
    epanet = (
        "[JUNCTIONS]\nA 10 5\nB 9 5\n[RESERVOIRS]\nR 30\n[PIPES]\n1 R A 100 300 130 0 Open\n[OPTIONS]\nUnits LPS\nHeadloss H-W\n[END]\n"
    )
    for text in (swmm, epanet):
        (tmp_path / "a.inp").write_text(text)
        with pytest.raises(RejectedError, match=r"no \[COORDINATES\]") as refused:
            network(tmp_path / "a.inp")
        assert refused.value.code == "no-coordinates"
