"""Heights that a source has not: marks for none give way to elevations among the attributes; noding moves nothing."""

import numpy as np
import pyarrow as pa
import pytest
import shapely

from ingest.checks.geometry import NODING_M, noded
from ingest.checks.values import FieldValues
from ingest.elevation import with_elevation, without_void_heights
from twin.featuretypes.loader import load_feature_types

TYPES = load_feature_types()
LINE = shapely.LineString([(0, 0, 5), (1, 0, 9), (4, 0, 6)])
ZERO = shapely.LineString([(0, 0, 0), (1, 0, 0), (4, 0, 0)])


def given(feature_type: str, **values: float | None) -> dict[str, FieldValues]:
    fields = {name: TYPES[feature_type].field(name) for name in values}
    return {n: FieldValues(f, pa.array([values[n]], pa.float64()), np.zeros(1, dtype=bool), None) for n, f in fields.items()}


@pytest.mark.parametrize("mark", [np.nan, -9999.0, -32768.0])
def test_a_mark_for_no_height_makes_the_whole_line_flat(mark: float) -> None:
    lines = np.array([LINE, shapely.LineString([(0, 0, 5), (1, 0, mark)])])
    result, void = without_void_heights(lines)
    assert (void.tolist(), shapely.has_z(result).tolist()) == ([False, True], [True, False])


@pytest.mark.parametrize(
    ("line", "start", "end", "heights"),
    [
        (LINE, 5.0, 6.0, [5, 9, 6]),
        (LINE, None, None, [5, 9, 6]),
        (LINE, 2.0, 6.0, [2, 3, 6]),
        (ZERO, 2.0, 6.0, [2, 3, 6]),
        (ZERO, None, -1.0, [-1, -1, -1]),
        (shapely.force_2d(LINE), None, None, [0, 0, 0]),
    ],
)
def test_a_profile_stays_where_it_agrees_with_its_ends(
    line: shapely.LineString, start: float | None, end: float | None, heights: list[float]
) -> None:
    columns = given("pipe_segment", start_elevation_m=start, end_elevation_m=end)
    result = with_elevation(np.array([line]), columns, TYPES["pipe_segment"])
    np.testing.assert_allclose(result.z_m, heights, atol=1e-12)
    assert result.one_end[0] == ((start is None) != (end is None))
    assert result.unknown[0] == (not line.has_z and start is None)
    assert result.differs[0] == (line is LINE and start == 2.0)


def test_a_point_takes_its_ground_elevation_else_bottom_and_depth() -> None:
    point = np.array([shapely.Point(0, 0, 2.1)])
    columns = given("pipe_node", ground_elevation_m=3.2, bottom_elevation_m=None, depth_m=None)
    result = with_elevation(point, columns, TYPES["pipe_node"])
    assert (result.z_m[0], result.differs[0]) == (3.2, True)
    columns = given("pipe_node", ground_elevation_m=None, bottom_elevation_m=1.0, depth_m=1.5)
    assert with_elevation(shapely.force_2d(point), columns, TYPES["pipe_node"]).z_m[0] == 2.5


def test_a_crossing_by_rounding_is_noded_within_the_tolerance() -> None:
    spike = shapely.Polygon([(0, 0), (10, 0), (10, 10), (5, -1e-7), (0, 10)])
    assert not spike.is_valid
    sound = noded(spike)
    assert sound is not None
    assert sound.is_valid
    assert shapely.hausdorff_distance(sound, spike) < NODING_M


@pytest.mark.parametrize(
    ("point", "elevation", "height", "differs", "unknown"),
    [
        (shapely.Point(1, 2), 4.812, 4.812, False, False),
        (shapely.Point(1, 2, 4.812), 4.812, 4.812, False, False),
        (shapely.Point(1, 2, 9), 4.812, 4.812, True, False),
        (shapely.Point(1, 2, 9), None, 9.0, False, False),
        (shapely.Point(1, 2), None, 0.0, False, True),
    ],
)
def test_a_survey_point_lies_at_the_elevation_of_its_list(
    point: shapely.Point, elevation: float | None, height: float, differs: bool, unknown: bool
) -> None:
    result = with_elevation(np.array([point]), given("survey_control", elevation_m=elevation), TYPES["survey_control"])
    assert (result.z_m[0], result.differs[0], result.unknown[0]) == (height, differs, unknown)
