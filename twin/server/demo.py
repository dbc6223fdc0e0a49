"""The demo: from nothing to a served city in one command; a second start does no work twice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from twin.errors import BadRequestError, NotFoundError
from twin.server.assets import build_missing
from twin.server.city import City, make_city, open_city
from twin.server.city_file import read_city_file
from twin.server.commands.token import show
from twin.server.self_check import check_doors
from twin.server.serving import listening_socket, run_server
from twin.server.settings import Settings
from twin.server.terminal import Terminal
from twin.tokens import Tokens

SAMPLE_SCALE = 3000
SAMPLE_SEED = 4549
_WRITER = "demo"
"""Name of the token for /upload, a reviewer's; the demo makes a new one at every start, since only its hash is kept."""


@dataclass(frozen=True, slots=True)
class DemoCity:
    """One entry of demo_cities.yaml."""

    name: str
    source: str
    city: Mapping[str, Any]
    loads: tuple[Mapping[str, Any], ...]


def run(settings: Settings, name: str, terminal: Terminal, *, explicit_folder: bool, check: bool) -> int:
    """Make, load, build and serve the demo city ``name``; with ``check`` ask every door once and end.

    The sample city lives in the data folder itself, any other beside it unless a folder was named.
    """
    demo = _demo_city(name)
    if demo.source == "real" and not explicit_folder:
        settings = settings.in_folder(settings.data_dir.with_name(f"{settings.data_dir.name}-{name}"))
    settings = replace(settings, own_waivers=True)  # whoever looks at it is both surveyor and reviewer
    started = time.monotonic()
    with listening_socket(settings) as listener:
        _make(settings, demo)
        with open_city(settings, pool_size=8) as city:
            folder = _source_files(settings, demo, terminal) if _unloaded(city, demo) else settings.data_dir
            for load in _unloaded(city, demo):
                _load(city, folder, load, terminal)
            terminal.say("构建三维瓦片与地形…", "building 3D tiles and terrain …")
            if (problem := build_missing(city, terminal.progress)) is not None:
                raise problem
            elapsed = time.monotonic() - started
            terminal.say(f"{elapsed:.1f} 秒后可用", f"ready after {elapsed:.1f} s")
            if check:
                return check_doors(city, listener, terminal)
            show(_WRITER, Tokens(city.pool).renew(_WRITER, "reviewer"), terminal)
            run_server(city, listener, terminal)
    return 0


def _demo_city(name: str) -> DemoCity:
    known = yaml.safe_load((Path(__file__).with_name("demo_cities.yaml")).read_text(encoding="utf-8"))
    if name not in known:
        raise BadRequestError(
            f"there is no demo city {name!r}; known: {', '.join(known)}", zh=f"没有示例城市 {name!r}；可用：{', '.join(known)}"
        )
    entry = known[name]
    return DemoCity(name, entry["source"], entry["city"], tuple(entry["loads"]))


def _make(settings: Settings, demo: DemoCity) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not settings.city_file.exists():
        settings.city_file.write_text(yaml.safe_dump(dict(demo.city), allow_unicode=True, sort_keys=False), encoding="utf-8")
    own_types = Path(__file__).with_name("demo_types") / demo.name
    if own_types.is_dir():
        shutil.copytree(own_types, settings.feature_type_folder, dirs_exist_ok=True)
    city_file = read_city_file(settings.city_file)
    make_city(settings, city_file)


def _unloaded(city: City, demo: DemoCity) -> list[Mapping[str, Any]]:
    """Return the loads that no revision of their datasets came from yet: an interrupted start goes on where it was."""
    return [load for load in demo.loads if not all(_came_from(city, part["dataset"], Path(load["file"]).name) for part in load["parts"])]


def _came_from(city: City, slug: str, file_name: str) -> bool:
    if slug not in {d.slug for d in city.catalogue.datasets()}:
        return False
    files = [file for revision in city.catalogue.revisions(slug) for file in revision.lineage.get("files", ())]  # type: ignore[attr-defined]
    return any(file["name"] == file_name for file in files)


def _source_files(settings: Settings, demo: DemoCity, terminal: Terminal) -> Path:
    if demo.source == "real":
        folder = settings.real_data_dir
        missing = [load["file"] for load in demo.loads if not (folder / load["file"]).is_file()]
        if missing:
            raise NotFoundError(
                f"the real data of {demo.name} is not here ({missing[0]}); set TWIN_REAL_DATA to its folder",
                zh=f"没有 {demo.name} 的真实数据（{missing[0]}）；请用 TWIN_REAL_DATA 指明目录",
            )
        return folder
    import sample_city  # noqa: PLC0415 - a second start makes no files and must not wait for what makes them

    folder = settings.data_dir / "sample"
    if not (folder / "manifest.json").is_file():
        terminal.say(f"生成示例城市（{SAMPLE_SCALE} 栋建筑）…", f"making the sample city ({SAMPLE_SCALE} buildings) …")
        sample_city.generate(folder, scale=SAMPLE_SCALE, seed=SAMPLE_SEED)
    return folder


def _load(city: City, folder: Path, load: Mapping[str, Any], terminal: Terminal) -> None:
    from ingest.request import LoadRequest, PartSpec  # noqa: PLC0415 - a second start loads nothing
    from twin.server.loading import load_files  # noqa: PLC0415

    path = folder / load["file"]
    parts = tuple(PartSpec(part.get("layer"), part["type"], part["dataset"]) for part in load["parts"])
    terminal.say(f"导入 {path.name} …", f"loading {path.name} …")
    request = LoadRequest(
        files=(path,), parts=parts, mode=load.get("mode", "replace"), crs=load.get("crs"), actor=city.settings.actor, name=load.get("name")
    )
    result = load_files(city, request, terminal.progress, terminal.step)
    rules = ", ".join(f"{rule} {count}" for rule, count in sorted(result.findings.items()))
    terminal.say(
        f"  发布 {result.published}，拒收 {result.rejected}" + (f"（{rules}）" if rules else ""),
        f"  {result.published} published, {result.rejected} rejected" + (f" ({rules})" if rules else ""),
    )
