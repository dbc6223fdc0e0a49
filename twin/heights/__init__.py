"""Heights: the geoid between H and h, the place of a stored point in space, and the ground from the elevation coverages."""

from twin.heights.coverage import BlockCache, Coverage, CoverageStatistics, open_coverage, write_coverage
from twin.heights.frame import Frame, deployment_frame
from twin.heights.ground import GroundSampler
from twin.heights.vertical import GeoidGrid, VerticalModel, read_gtx, vertical_model

__all__ = [
    "BlockCache",
    "Coverage",
    "CoverageStatistics",
    "Frame",
    "GeoidGrid",
    "GroundSampler",
    "VerticalModel",
    "deployment_frame",
    "open_coverage",
    "read_gtx",
    "vertical_model",
    "write_coverage",
]
