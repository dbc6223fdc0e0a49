"""Loading into an opened city: what `ingest` is handed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import shapely

from ingest.load import LoadResult, load
from ingest.protocol import PartBatch, PartRequest, ReadRequest
from ingest.request import LoadRequest, Workplace
from ingest.sandbox import read_file
from twin.crs import is_local
from twin.errors import RejectedError, Text
from twin.featuretypes.plain import plain_areas
from twin.model import Severity
from twin.server.city import City, Progress
from twin.server.local_crs import local_systems

_AREA = plain_areas("area", Text("范围", "Area"), has_z=False)
"""What the polygon of --mode area is read as."""


def workplace(
    city: City, progress: Progress, step: Callable[[Text], None] = lambda _: None, is_stopped: Callable[[], bool] = lambda: False
) -> Workplace:
    """Return what loading needs; once ``is_stopped`` says so its reader ends."""
    return Workplace(
        catalogue=city.catalogue,
        store=city.store,
        read=partial(read_file, template=city.template, is_stopped=is_stopped),
        make_request=partial(_read_request, city),
        ground=city.ground,
        to_degrees=city.extent_deg,
        progress=progress,
        work=city.settings.work_folder,
        step=step,
    )


def load_files(city: City, request: LoadRequest, progress: Progress, step: Callable[[Text], None] = lambda _: None) -> LoadResult:
    """Load files as one submission; see :func:`ingest.load.load`."""
    return load(workplace(city, progress, step), request)


def area_wkb(city: City, path: Path) -> bytes:
    """Return the polygons of a file, in its own CRS, as one EWKB in the storage CRS; RejectedError when one of them is wrong."""
    part = PartRequest(layer=None, feature_type=_AREA, dataset=_AREA.name)
    messages = read_file(_read_request(city, path.absolute(), (part,), (), None, None), city.template)
    batches = [message for message in messages if isinstance(message, PartBatch)]
    for finding in (f for batch in batches for f in batch.findings if f.severity is Severity.ERROR):
        raise RejectedError(f"{path.name}: {finding.message.en}", zh=f"{path.name}：{finding.message.zh}").with_code("area")
    shapes = [bytes(geometry.as_py()) for batch in batches for geometry in batch.table.column("geom")]
    if not shapes:
        raise RejectedError(f"there is no polygon in {path.name}", zh=f"{path.name} 中没有面").with_code("empty")
    area = shapely.set_srid(shapely.union_all(shapely.from_wkb(shapes)), city.deployment.storage_srid)
    return bytes(shapely.to_wkb(area, include_srid=True))


def _read_request(
    city: City, path: Path, parts: tuple[PartRequest, ...], companions: tuple[Path, ...], crs: str | None, vertical: str | None
) -> ReadRequest:
    d = city.deployment
    declared = [c for c in (crs, *(part.reading.crs for part in parts)) if c is not None and is_local(c)]
    return ReadRequest(
        path=path,
        parts=parts,
        storage_srid=d.storage_srid,
        extent_deg=d.extent_deg,
        crs=crs,
        vertical=vertical,
        local_crs=local_systems(city.settings.local_crs_path, declared),
        deployment_vertical=d.vertical,
        proj_data_dirs=city.settings.proj_data_dirs,
        companions=companions,
        work=city.settings.work_folder,
    )
