"""A city for the length of one command: the one of the data folder, else a throwaway in a folder of its own that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from ingest.main_files import main_files
from ingest.protocol import FileInfo
from ingest.sandbox import inspect_file
from ingest.understanding.axes import Axes
from ingest.understanding.candidates import degrees, ordered
from ingest.understanding.crs import crs_evidence
from ingest.understanding.defined import DefinedCrs, Stated
from ingest.understanding.sample import LayerSample
from ingest.warm_template import Template
from twin.crs import CrsError, is_local, legacy_datum, parse_crs, storage_crs
from twin.embedded import EmbeddedCluster, locks
from twin.errors import RejectedError, TwinError
from twin.heights import vertical_model
from twin.server.city import City, make_city, open_city
from twin.server.city_file import CityFile
from twin.server.inspection import INSPECTION
from twin.server.settings import Settings
from twin.server.terminal import Terminal

_FALLBACK_SRID = 4549
"""Where nothing tells a grid the load will be refused for want of a CRS; this is the grid it is refused in."""
_CHINA_DEG = (73.0, 136.0)
_PREFIX, _IN_USE, _CITY = "twin-check-", "in-use", "city"
_YOUNG_S = 10.0
"""A folder this young may be one whose command has not locked it yet."""


def has_city(settings: Settings) -> bool:
    """Return whether the settings lead to a city: its data folder holds one, or a database server is named."""
    return settings.database_url is not None or settings.city_file.is_file()


@contextmanager
def city_or_scratch(
    settings: Settings, city_file: CityFile | None, files: Sequence[Path], crs: str | None, terminal: Terminal
) -> Iterator[City]:
    """Have a city open for the block: that of the settings unless a ``city_file`` is given; else a new one that fits the files.

    A new one has nothing published; it takes some seconds to make, and its folder is removed at the end, whatever happens.
    """
    if city_file is None and has_city(settings):
        with open_city(settings) as city:
            yield city
        return
    started = time.monotonic()
    with scratch_folder() as folder, Template() as template:
        chosen = city_file or city_for(files, crs, settings, partial(inspect_file, limits=INSPECTION, work=folder, template=template))
        terminal.say(
            f"没有城市，建立临时数据库（EPSG:{chosen.storage_srid}，用后删除）…",
            f"there is no city: making a database for the moment (EPSG:{chosen.storage_srid}) …",
        )
        scratch = replace(settings.in_folder(folder / _CITY), database_url=None, local_crs_file=settings.local_crs_path)
        make_city(scratch, chosen)
        with open_city(scratch, template=template) as city:
            terminal.say(f"{time.monotonic() - started:.1f} 秒后可用", f"ready after {time.monotonic() - started:.1f} s")
            try:
                yield city
            except RejectedError as error:
                raise error if city_file is not None or error.code != "area-of-use" else _elsewhere(error, chosen) from error


def _elsewhere(error: RejectedError, chosen: CityFile) -> TwinError:
    """Return the error of a file that is not where the city is that was made for it: of a raster in degrees nobody can tell where."""
    grid = f"EPSG:{chosen.storage_srid}"
    en = f"{error.text.en} No city was named, and the one made for the moment is in {grid}: name yours by --city city.yaml."
    return RejectedError(en, zh=f"{error.text.zh}未指定城市，临时数据库采用 {grid}：请用 --city city.yaml 指明城市。").with_code(error.code)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Have a folder for the block that is gone afterwards; one whose command is killed is removed by the next."""
    sweep_scratch(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o711)  # the database's account has to get to its own folder in it
    in_use = locks.take(folder / _IN_USE, shared=True, deadline_s=_YOUNG_S)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if in_use is not None:
            os.close(in_use)


def sweep_scratch(parent: Path) -> None:
    """Remove the throwaway cities in ``parent`` whose command was killed: those of this user whose lock nobody holds any more."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, TwinError):
            state = folder.lstat()
            is_ours = stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid()
            if is_ours and time.time() - state.st_mtime > _YOUNG_S:
                _remove_unless_used(folder)


def _remove_unless_used(folder: Path) -> None:
    alone = locks.take(folder / _IN_USE, shared=False, deadline_s=0)
    if alone is None:
        return
    try:
        database = EmbeddedCluster(folder / _CITY)
        if not database.layout.run.is_dir() or database.stop_if_unused():
            shutil.rmtree(folder)
    finally:
        os.close(alone)


def city_for(files: Sequence[Path], crs: str | None, settings: Settings, look: Callable[[Path], FileInfo]) -> CityFile:
    """Return a city whose grid is that of the files, declared or told from them; for degrees China's 3° belt, or UTM, around them."""
    srid = next((s for s in _srids(files, crs, look) if s is not None), _FALLBACK_SRID)
    try:
        vertical_model("egm96", settings.proj_data_dirs)
        vertical = "egm96"
    except TwinError:  # without the grid heights stay as they are
        vertical = "none"
    return CityFile("检查", srid, vertical, None, None)


def _srids(files: Sequence[Path], crs: str | None, look: Callable[[Path], FileInfo]) -> Iterator[int | None]:
    infos = [info for path in main_files(list(files)) if (info := _looked_into(path, look)) is not None]
    if crs is not None and not crs.startswith("/") and not crs.upper().startswith("X-"):
        yield _storage_srid(crs)
    for info in infos:
        for layer in info.layers:
            declared = crs if crs is not None and not is_local(crs) and not crs.startswith("/") else None
            stated: Stated | None = declared or layer.stated_crs
            if isinstance(stated, str) and stated.upper().startswith("X-"):
                stated = None
            if layer.sample is None:
                yield None if stated is None else _storage_srid(stated)
                continue
            found, axes = crs_evidence(stated, layer.sample, None)
            if found.value is None:
                continue
            read_in = stated if isinstance(stated, DefinedCrs) else found.value
            yield _storage_srid(read_in)
            yield _grid_around(read_in, layer.sample, axes or "xy")


def _looked_into(path: Path, look: Callable[[Path], FileInfo]) -> FileInfo | None:
    try:
        return look(path)
    except TwinError:  # the check itself says why
        return None


def _grid_around(crs: Stated, sample: LayerSample, axes: Axes) -> int | None:
    places, _ = sample.positions()
    if not len(places):
        return None
    there = crs.lonlat(axes) if isinstance(crs, DefinedCrs) else degrees(crs, ordered(places, axes))
    lon, lat = there.mean(axis=0)
    return _grid_at(float(lon), float(lat))


def _storage_srid(crs: Stated) -> int | None:
    """Return the EPSG number of a CRS that can store a city, None for others and for those whose datum cannot be left."""
    try:
        if isinstance(crs, DefinedCrs):
            return None if crs.srid is None or crs.legacy_datum is not None else storage_crs(crs.srid).srid
        parsed = parse_crs(crs)
        horizontal = parsed.sub_crs_list[0] if parsed.is_compound else parsed
        code = horizontal.to_epsg()
        if code is None or legacy_datum(horizontal) is not None:
            return None
        return storage_crs(code).srid
    except CrsError:
        return None


def _grid_at(lon: float, lat: float) -> int | None:
    """Return the grid around a place: CGCS2000 in 3° belts in China, UTM elsewhere; None for no place at all."""
    if not (-180 <= lon <= 180 and -80 <= lat <= 84):
        return None
    if _CHINA_DEG[0] <= lon <= _CHINA_DEG[1] and 3 <= lat <= 54:
        return 4534 + round((lon - 75) / 3)
    return (32600 if lat >= 0 else 32700) + min(60, int((lon + 180) // 6) + 1)
