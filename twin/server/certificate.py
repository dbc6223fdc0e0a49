"""What is known of where the vertices of a tileset are, for its extras: how faithful they are to the database, and how sure that is."""

from __future__ import annotations

import numpy as np

from twin.heights import VerticalModel
from twin.server.city import City, Extent

_NODES = 17
"""N is sampled on so many columns and rows over the extent: it varies by centimetres between them."""


def certificate(city: City, extent_deg: Extent | None) -> dict[str, object]:
    """Return the certificate of a revision that covers ``extent_deg``: by which operation its vertices were placed, and from where N came.

    ``absolute_accuracy_m`` is what PROJ states of the operation (None: nothing), a matter of reference systems. It stands apart from how
    far a decoded vertex may be from the stored one, which the build measures (``accuracy`` beside this).
    """
    d = city.deployment
    return {
        "storage_crs": f"EPSG:{d.storage_srid}",
        "tileset_crs": "EPSG:4978",
        "operation": d.geocentric_operation,
        "pipeline": d.geocentric_pipeline,
        "absolute_accuracy_m": d.geocentric_accuracy_m,
        "vertical": d.vertical,
        "separation": _separation(city.frame.vertical, extent_deg),
    }


def _separation(vertical: VerticalModel, extent_deg: Extent | None) -> dict[str, object]:
    """Return the source of N = h − H and between what it lies over the extent, in metres."""
    source = {"source": "none: heights are taken for ellipsoidal"}
    if vertical.grid is not None:
        source = {"source": vertical.grid.path.name}
    elif vertical.constant_m is not None:
        source = {"source": "one constant"}
    if extent_deg is None:
        return dict(source)
    west, south, east, north = extent_deg
    metres = vertical.grid_separation_m(np.linspace(west, east, _NODES), np.linspace(south, north, _NODES))
    if not np.isfinite(metres).any():
        return dict(source)
    return {**source, "minimum_m": round(float(np.nanmin(metres)), 4), "maximum_m": round(float(np.nanmax(metres)), 4)}
