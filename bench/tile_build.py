"""A build of a tileset in a process of its own, warm, so that its time and its memory are nobody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from bench.nothing import Nothing
from bench.process_memory import PeakMemory
from bench.stage import Stage
from twin.server.builds import build_dataset_tileset
from twin.server.city import City, open_city
from twin.server.settings import read_settings
from twin.server.tile_workers import MANY, tile_workers
from twin.store import FolderStore

_PROGRAM = Path(__file__)


@dataclass(frozen=True, slots=True)
class TileBuild:
    """What one build took and gave: leaf contents hold every feature once, in its finest form; the inner ones show them from afar."""

    seconds: float
    features: int
    leaf_bytes: int
    inner_bytes: int
    contents: int
    peak_mib: float

    def note(self, noun: str) -> str:
        """Return the sentence about sizes and memory."""
        return (
            f"{self.leaf_bytes / self.features:.0f} bytes a {noun} in leaf contents, {self.inner_bytes / self.features:.0f} more in inner "
            f"ones, {self.contents:,} contents; peak memory of the building process and its children {self.peak_mib:.0f} MiB."
        )


def build_apart(stage: Stage, dataset: str, warm_on: str) -> TileBuild:
    """Build the tileset of ``dataset`` in a new process that has built that of ``warm_on`` before; nothing of either is there yet."""
    command = [sys.executable, "-m", "bench.tile_build", str(stage.settings.data_dir), str(stage.settings.port), dataset, warm_on]
    environment = {**os.environ, "TWIN_DATABASE_URL": ""}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_PROGRAM.parents[1], env=environment) as process:
        with PeakMemory(process.pid) as memory:
            said, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the build of {dataset} ended with {process.returncode}")
    return TileBuild(**json.loads(said.splitlines()[-1]), peak_mib=memory.peak_mib)


def main(data_dir: str, port: str, dataset: str, warm_on: str) -> None:
    """Build both and print the figures of ``dataset`` as a line of JSON."""
    settings = read_settings(dict(os.environ), data_dir=Path(data_dir), port=int(port))
    with open_city(settings) as city:
        with tile_workers(city, MANY) as workers:  # what a build of many features leaves behind: the template of its processes
            workers.submit(Nothing()).result()
        _build(city, warm_on)
        print(json.dumps(_build(city, dataset)))


def _build(city: City, slug: str) -> dict[str, float]:
    dataset = city.catalogue.dataset(slug)
    revision = city.catalogue.current_revision(slug)
    if revision is None:
        raise RuntimeError(f"{slug} has no revision")
    if not isinstance(city.store, FolderStore):
        raise TypeError("the tiles of the bench are files")
    folder = city.store.folder / "tiles" / slug
    _move_aside(folder, city.settings.data_dir)
    feature_type = city.catalogue.feature_type(dataset.feature_type)
    started = time.perf_counter()
    summary = build_dataset_tileset(city, dataset, feature_type, revision, lambda *_: None, anew=True)
    seconds = time.perf_counter() - started
    if summary["drawn"] != summary["features"]:
        raise RuntimeError(f"{summary['drawn']} of {summary['features']} features were drawn: {summary['left_out']}")
    sizes = _sizes(folder, next(folder.glob(f"*/r/{revision.commit}/tileset.json")))
    return {
        "seconds": seconds,
        "features": float(str(summary["features"])),
        "leaf_bytes": sizes["leaf"],
        "inner_bytes": sizes["inner"],
        "contents": sizes["contents"],
    }


def _move_aside(folder: Path, to: Path) -> None:
    """Take away what an earlier round built; it is deleted with the stage.

    For half a minute ext4 does not use a deleted file's inode again and looks past it whenever it makes a file there: right after thousands
    of files were deleted a new one takes 0.3 to 0.9 ms of CPU instead of 0.02, and a build would pay for the end of the one before.
    """
    if folder.exists():
        folder.rename(tempfile.mkdtemp(prefix="built-before-", dir=to))


def _sizes(folder: Path, tileset: Path) -> Counter[str]:
    """Return the bytes of contents of tiles with and without children, and how many contents there are."""
    sizes: Counter[str] = Counter()
    # A revision's tileset is served beside the variants' folders, where it stands as {variant}/r/{revision}/tileset.json.
    files = [("1/tileset.json", tileset)]
    while files:
        place, path = files.pop()
        tiles = [json.loads(path.read_bytes())["root"]]
        while tiles:
            tile = tiles.pop()
            children = tile.get("children", [])
            tiles += children
            for content in [tile["content"]] if "content" in tile else tile.get("contents", []):
                target = urljoin(place, content["uri"])
                if target.endswith(".json"):
                    files.append((target, folder / target))
                else:
                    sizes["inner" if children else "leaf"] += (folder / target).stat().st_size
                    sizes["contents"] += 1
    return sizes


if __name__ == "__main__":
    main(*sys.argv[1:])
