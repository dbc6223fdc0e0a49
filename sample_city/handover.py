"""What the deliveries have written and planted so far; it becomes the manifest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sample_city.city import STORAGE_CRS
from sample_city.manifest import Fact, Fault, Source, Update

_LOAD_ORDER = (
    "terrain", "admin_unit", "parcel", "spatial_plan", "plan_plot", "control_line", "construction_project", "land_use_plan", "building",
    "address", "poi", "building_part", "storey", "space", "road", "water", "vegetation", "grid_cell", "survey_control", "underground_space",
    "utility_tunnel", "pipe_node", "pipe_segment", "sensor", "camera", "imagery", "point_cloud",
)  # fmt: skip
"""What is referred to comes before what refers to it."""


@dataclass(slots=True)
class HandOver:
    """Collects sources, updates, faults and facts from the deliveries."""

    faults: list[Fault] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    _sources: list[Source] = field(default_factory=list)

    def wrote(
        self,
        file: str,
        layer: str,
        feature_type: str,
        rows: int,
        note: str = "",
        *,
        crs: str = STORAGE_CRS,
        crs_in_file: bool = True,
        encoding: str = "UTF-8",
        dataset: str = "",
    ) -> None:
        """Note a layer of the first hand-over; how many of its rows are rejected follows from the planted faults."""
        self._sources.append(Source(file, layer, feature_type, rows, 0, crs, crs_in_file, encoding, note, dataset))

    def sources(self) -> tuple[Source, ...]:
        """Return the layers in the order of loading, those of neighbours last, each with its number of rejected rows."""
        ordered = sorted(self._sources, key=lambda source: (bool(source.dataset), _LOAD_ORDER.index(source.feature_type)))
        return tuple(replace(s, rejected=rejected(f for f in self.faults if (f.file, f.layer) == (s.file, s.layer))) for s in ordered)


def rejected(faults: Iterable[Fault]) -> int:
    """Count the rows that have at least one planted error."""
    return len({(f.file, f.layer, f.row) for f in faults if f.severity == "error"})
