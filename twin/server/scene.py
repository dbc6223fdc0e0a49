"""The scene document: all that the viewer must know, in one answer (docs/architecture.md, /scene.json)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from psycopg import sql

from styles.derive import scene_style
from styles.override import StyleBook
from styles.surfaces import TEXTURE, surface_choice, texture_choice
from twin.catalogue import Catalogue, asset_kind
from twin.db import translated
from twin.errors import Text
from twin.heights import VerticalModel
from twin.model import Asset, Dataset, FeatureType, Field, Principal, Revision, oid_prefix
from twin.tables import current_table

VARIANT = "open"
SEPARATION_NODES = 17
"""Nodes along a side of the grid of N: over a whole prefecture, one degree, bilinear steps between them stay within 2 cm."""
Json = dict[str, object]


def scene_document(catalogue: Catalogue, principal: Principal, vertical: VerticalModel, styles: StyleBook | None = None) -> Json:
    """Return the scene of what ``principal`` may see, drawn as ``styles`` say (None: as the types do); URLs are relative to the page."""
    deployment = catalogue.deployment
    visible = [d for d in catalogue.datasets() if d.sharing in principal.classes]
    assets = {(a.dataset, a.revision): a for a in catalogue.assets.of_current_revisions()}
    layers: list[Json] = []
    extents: list[tuple[float, float, float, float]] = []
    for dataset in visible:
        revision = catalogue.current_revision(dataset.slug)
        if revision is None:
            continue
        kind = catalogue.feature_type(dataset.feature_type)
        feature_type = kind if styles is None else styles.styled(kind)
        asset = assets.get((dataset.id, revision.commit))
        if revision.extent_deg is not None and asset_kind(feature_type) is not None:
            extents.append(revision.extent_deg)
        layer = _layer(dataset, feature_type, revision, asset, deployment.oid_root)
        layers.append(layer | {"raster_days": _days(catalogue, dataset)} if feature_type.recipe == "imagery" else layer)
    layers.sort(key=lambda layer: (_order(layer), str(layer["dataset"])))
    extents = extents or [r.extent_deg for d in visible if (r := catalogue.current_revision(d.slug)) and r.extent_deg]
    extent = deployment.extent_deg or _union(extents)
    return {
        "city": {
            "name": deployment.name,
            "storage_crs": f"EPSG:{deployment.storage_srid}",
            "vertical": deployment.vertical,
            "extent": list(extent) if extent else None,
            "separation": _separation(vertical, extent) if extent else None,
        },
        "commit": catalogue.last_commit(),
        "terrain": _terrain(catalogue, visible),
        "layers": layers,
    }


def _terrain(catalogue: Catalogue, visible: Collection[Dataset]) -> Json | None:
    """Return the newest terrain that is built, of whichever elevation dataset: each shows all of them as of its commit."""
    terrains = [d for d in visible if asset_kind(catalogue.feature_type(d.feature_type)) == "terrain"]
    ready = [(asset.revision, d.slug) for d in terrains for asset in catalogue.assets.ready(d.id, "terrain", VARIANT)[:1]]
    if not ready:
        return None
    revision, slug = max(ready)
    return {"dataset": slug, "revision": revision, "url": f"tiles/{slug}/{revision}/"}


def _layer(dataset: Dataset, feature_type: FeatureType, revision: Revision, asset: Asset | None, oid_root: str) -> Json:
    state = "missing" if asset is None else asset.state
    is_in_3d = asset_kind(feature_type) == "tileset" and not _draws_nothing(asset)
    collection = f"ogc/collections/{dataset.slug}"
    is_coverage = feature_type.geometry_type == "coverage"
    return {
        "dataset": dataset.slug,
        "feature_type": feature_type.name,
        "title": _text(dataset.title),
        "cim": {"class": feature_type.cim_class, "level": feature_type.cim_level},
        "revision": revision.commit,
        "count": revision.count,
        "geometry_type": feature_type.geometry_type,
        "recipe": feature_type.recipe,
        "underground": feature_type.style.underground,
        "oid_prefix": oid_prefix(oid_root, dataset.class_number),
        "extent": list(revision.extent_deg) if revision.extent_deg else None,
        "tileset": {"url": f"tiles/{dataset.slug}/{revision.commit}/tileset.json", "state": state} if is_in_3d else None,
        "items": f"{collection}/items",
        "mvt": None if is_coverage else f"{collection}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}",
        "raster": f"tiles/{dataset.slug}/{revision.commit}/{{z}}/{{x}}/{{y}}.webp" if feature_type.recipe == "imagery" else None,
        "fields": [_field(f) for f in feature_type.fields],
        "style": _style(feature_type, asset),
        "draw_order": feature_type.style.draw_order,
        "visible": feature_type.style.visible,
    }


def _draws_nothing(asset: Asset | None) -> bool:
    """Return whether a tileset is built and nothing is in it: no features, or none that can be drawn."""
    return (
        asset is not None
        and asset.state == "ready"
        and asset.detail.get("drawn", asset.detail.get("models", asset.detail.get("points"))) == 0
    )


def _days(catalogue: Catalogue, dataset: Dataset) -> list[str]:
    """Return the days on which the images of a dataset were taken, the first one first."""
    query = sql.SQL("SELECT DISTINCT acquired_on FROM {} WHERE acquired_on IS NOT NULL ORDER BY acquired_on")
    with translated(), catalogue.pool.connection() as connection:
        rows = connection.execute(query.format(current_table(dataset.feature_type, dataset.id))).fetchall()
    return [row[0].isoformat() for row in rows]


def _style(feature_type: FeatureType, asset: Asset | None) -> Json:
    """Return the style of the type, and the choice ``surface`` where features are drawn by more than blocks.

    Where some show pictures there is the choice ``texture``, too; it is taken first where most of them do.
    """
    style, detail = scene_style(feature_type), {} if asset is None else asset.detail
    choices, levels, kinds = style["choices"], detail.get("lod"), detail.get("surfaces")
    if not (isinstance(choices, list) and isinstance(levels, Mapping) and isinstance(kinds, list)):
        return style
    if not levels.keys() <= {"1"}:
        choices = [*choices, surface_choice(kinds)]
    textured, drawn = detail.get("textured", 0), detail.get("drawn", 0)
    if not isinstance(textured, int) or not isinstance(drawn, int) or not textured:
        return {**style, "choices": choices}
    color_by = TEXTURE if 2 * textured >= drawn else style["color_by"]
    return {**style, "color_by": color_by, "choices": [*choices, texture_choice()]}


def _separation(vertical: VerticalModel, extent: tuple[float, float, float, float]) -> Json | None:
    """Return N = h − H on a small grid, rows from south to north, by which the viewer shows heights above sea level."""
    if not vertical.known:
        return None
    west, south, east, north = extent
    grid = vertical.grid_separation_m(np.linspace(west, east, SEPARATION_NODES), np.linspace(south, north, SEPARATION_NODES))
    if not np.isfinite(grid).all():
        return None
    return {
        "extent": list(extent),
        "columns": SEPARATION_NODES,
        "rows": SEPARATION_NODES,
        "separation_m": [round(float(value), 4) for value in grid.ravel()],
    }


def _field(field: Field) -> Json:
    codes = {c.code: {**_text(c.title), "color": c.color} for c in field.codelist.codes} if field.codelist else None
    found: Json = {"name": field.name, "title": _text(field.title), "type": field.type, "unit": field.unit, "codes": codes}
    return found | {"refers": True} if field.reference else found


def _text(text: Text) -> Json:
    return {"zh": text.zh, "en": text.en}


def _order(layer: Mapping[str, object]) -> int:
    order = layer["draw_order"]
    return order if isinstance(order, int) else 0


def _union(extents: list[tuple[float, float, float, float]]) -> tuple[float, float, float, float] | None:
    if not extents:
        return None
    west, south, east, north = zip(*extents, strict=True)
    return min(west), min(south), max(east), max(north)
