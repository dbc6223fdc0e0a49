"""The FeatureType of areas of which nothing is known but where they lie: what files are read as that are no dataset."""

from __future__ import annotations

from twin.errors import Text
from twin.model import FeatureType, Style


def plain_areas(name: str, title: Text, *, has_z: bool) -> FeatureType:
    """Return a FeatureType of polygons without fields, checks or recipe; it is never stored."""
    return FeatureType(
        name=name,
        version=1,
        title=title,
        description=Text("", ""),
        cim_class="",
        cim_level="",
        geometry_type="MultiPolygon",
        has_z=has_z,
        fields=(),
        natural_key=(),
        checks=(),
        recipe="none",
        recipe_fields={},
        style=Style(color_by=None, default_color="#000000", choices=(), ramps={}),
    )
