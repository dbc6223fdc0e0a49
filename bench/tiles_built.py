"""tiles.lod2, tiles.pipes and tiles.sewers: bodies of real weight, and pipe segments, a second from PostGIS to written tile files."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from bench.houses import CORNERS, FACES, write_houses
from bench.pipes import LINES, POINTS, SEWERS, WATER, Network, write_pipe_survey
from bench.rounds import Contender, Outcome, interleave
from bench.stage import Stage
from bench.tile_build import TileBuild, build_apart
from ingest.request import PartSpec
from twin.tables import current_table

ROUNDS = 3
_METHOD = (
    "From the first query to the last byte in a folder, in a process of its own that has built others: the template its workers are "
    "forked from is up, as in a server that has built before; a build that has to bring it up first takes longer. "
    "{what} The tileset has its coarser levels. Bound: the same rows{bodies} over COPY BINARY into one file."
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tiled."""

    name: str
    noun: str
    what: str
    load: Callable[[Stage, str, int], None]
    """Loads a dataset under a name, of so many rows."""
    rows: int
    warm_rows: int
    has_bodies: bool
    """Its 3D is not made from its geometry but stored beside it."""

    def run(self, stage: Stage, say: Callable[[str], None]) -> Outcome:
        """Measure tiling it; it is loaded first."""
        dataset = self.name.replace(".", "_")
        few = f"few_{dataset}"
        self.load(stage, dataset, self.rows)
        self.load(stage, few, self.warm_rows)
        stage.settle()
        builds: list[TileBuild] = []

        def ours() -> float:
            builds.append(build_apart(stage, dataset, few))
            return builds[-1].features / builds[-1].seconds

        contenders = [Contender("citytwin", "ours", ours), Contender("rows to a file", "bound", lambda: self._copied(stage, dataset))]
        samples = interleave(contenders, ROUNDS, say, warm_up=False)
        note = max(builds, key=lambda build: build.peak_mib).note(self.noun)
        method = _METHOD.format(what=self.what, bodies=", with their bodies," if self.has_bodies else "")
        roles = {c.name: c.role for c in contenders}
        return Outcome(self.name, f"{self.noun}s/s", self.rows, "higher", roles, samples, method, {}, (note,))

    def _copied(self, stage: Stage, slug: str) -> float:
        dataset = stage.city.catalogue.dataset(slug)
        rows: sql.Composable = current_table(dataset.feature_type, dataset.id)
        if self.has_bodies:
            bodies = sql.Identifier("city", f"representation_d{dataset.id}")
            rows = sql.SQL("(SELECT f.*, r.faces FROM {} AS f JOIN {} AS r USING (fid) ORDER BY fid)").format(rows, bodies)
        started = time.perf_counter()
        with (
            stage.city.pool.connection() as connection,
            connection.cursor() as cursor,
            cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(rows)) as copy,
            (stage.folder / "rows").open("wb") as file,
        ):
            file.writelines(copy)
        return self.rows / (time.perf_counter() - started)


def _load_houses(stage: Stage, dataset: str, count: int) -> None:
    path = stage.folder / f"{dataset}.city.jsonl"
    write_houses(count, path)
    stage.load(path, dataset)
    path.unlink()


def _load_pipes(stage: Stage, dataset: str, count: int, network: Network = WATER) -> None:
    path = stage.folder / f"{dataset}.gpkg"
    write_pipe_survey(count, path, network)
    parts = (PartSpec(POINTS, "pipe_node", f"{dataset}_ends"), PartSpec(LINES, "pipe_segment", dataset))
    stage.publish(stage.check(path, parts)[0])
    path.unlink()


HOUSES = Subject(
    "tiles.lod2",
    "building",
    f"Each building is a body of LoD 2.2 with {FACES} faces of {CORNERS} corners (those of 3DBAG have 47 and 247) and five attributes; "
    "roofs, walls and grounds are told apart.",
    _load_houses,
    rows=50_000,
    warm_rows=2_000,
    has_bodies=True,
)
PIPES = Subject(
    "tiles.pipes",
    "segment",
    "The cheapest of pipes: water pipes of 300 mm and 30 m, all closed, straight and of two points, so that each is an instance in leaves, "
    "too; with their attributes. Lines with bends and sewers open by their wall are triangles: see tiles.sewers.",
    _load_pipes,
    rows=300_000,
    warm_rows=5_000,
    has_bodies=False,
)
SEWERS_BUILT = Subject(
    "tiles.sewers",
    "segment",
    "Sewers of 500 mm and 30 m with a bend in the middle, open at both ends by a known wall, so that outside, bore and ends are triangles; "
    "with their attributes.",
    functools.partial(_load_pipes, network=SEWERS),
    rows=100_000,
    warm_rows=5_000,
    has_bodies=False,
)
