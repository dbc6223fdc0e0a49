"""Surveys written in a test: rows that reach loading as the sandbox would send them, so that a test needs no file."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import shapely

from ingest import staging
from ingest.load import LoadResult, check_submission, load, publish_submission
from ingest.protocol import Message, PartBatch, PartEnd, PartHeader, PartRequest, ReadRequest, batch_schema
from ingest.publish import Act, Published
from ingest.request import LoadRequest, PartSpec, Workplace
from twin.catalogue import Catalogue
from twin.errors import Text
from twin.model import FeatureType, Finding, Severity
from twin.store import FolderStore

SRID = 4549
ORIGIN = (497_538.0, 3_520_895.0)


@dataclass(frozen=True)
class Row:
    """One source row: its geometry in the storage CRS and its fields; ``rejected`` makes the reader refuse it."""

    geometry: shapely.Geometry
    fields: Mapping[str, object] = field(default_factory=dict)
    rejected: bool = False
    extra: str | None = None


def square(x: float, y: float, side: float = 10.0, z: float = 0.0) -> shapely.MultiPolygon:
    """Return a square footprint with its lower left corner at (x, y) from the origin."""
    e, n = ORIGIN[0] + x, ORIGIN[1] + y
    ring = [(e, n, z), (e + side, n, z), (e + side, n + side, z), (e, n + side, z), (e, n, z)]
    return shapely.MultiPolygon([shapely.Polygon(ring)])


Parts = Mapping[str, tuple[str, Sequence[Row]]]
"""dataset → (FeatureType, rows)."""


@dataclass
class Surveys:
    """A place to load surveys into: a catalogue with a store, and the doors of loading around them."""

    catalogue: Catalogue
    store: FolderStore
    folder: Path

    def load(self, parts: Parts, **options: object) -> LoadResult:
        """Load rows by dataset: {dataset: (FeatureType, rows)}, as one submission."""
        return load(self.place(parts), self.request(parts, **options))

    def check(self, parts: Parts, **options: object) -> uuid.UUID:
        """Take the first step only and return the submission, accepted."""
        submission = self.catalogue.submissions.receive("surveyor", [], {})
        with staging.claimed(self.catalogue.pool, submission):
            check_submission(self.place(parts), self.request(parts, **options), submission, list)
        return submission

    def publish(self, submission: uuid.UUID, *, allow_deletes: bool = False) -> Published:
        """Take the second step."""
        act = Act("surveyor", "test", allow_deletes=allow_deletes)
        with staging.claimed(self.catalogue.pool, submission):
            return publish_submission(self.catalogue, submission, act, lambda extent: extent, lambda first: None)

    def place(self, parts: Parts) -> Workplace:
        """Return a workplace whose reader gives these rows."""
        return Workplace(
            catalogue=self.catalogue,
            store=self.store,
            read=_reader({dataset: list(given) for dataset, (_, given) in parts.items()}),
            make_request=_request,
            ground=lambda first: None,
            to_degrees=lambda extent: extent,
            progress=lambda what, done, total: None,
        )

    def request(self, parts: Parts, **options: object) -> LoadRequest:
        """Return the request to load these rows."""
        path = self.folder / "survey"
        path.write_bytes(b"written by a test")
        specs = tuple(PartSpec(None, feature_type, dataset) for dataset, (feature_type, _) in parts.items())
        return LoadRequest(files=(path,), parts=specs, **options)  # type: ignore[arg-type]

    def staged_tables(self) -> list[str]:
        """Return the names of the tables that anything has staged."""
        with self.catalogue.pool.connection() as connection:
            return [str(r[0]) for r in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'staging'").fetchall()]

    def state(self, dataset: str, *columns: str) -> dict[str, tuple[object, ...]]:
        """Return {natural key: (fid, commit_from, columns…)} of a dataset's current rows."""
        found = self.catalogue.dataset(dataset)
        names = "".join(f", {c}" for c in columns)
        with self.catalogue.pool.connection() as connection:
            rows = connection.execute(
                f"SELECT natural_key, fid, commit_from{names} FROM city.{found.feature_type}_d{found.id}"  # type: ignore[arg-type]
            ).fetchall()
        return {str(r[0]): tuple(r[1:]) for r in rows}


def _request(
    path: Path, parts: tuple[PartRequest, ...], companions: tuple[Path, ...], crs: str | None, vertical: str | None
) -> ReadRequest:
    return ReadRequest(path=path, parts=parts, storage_srid=SRID)


def _reader(rows: Mapping[str, Sequence[Row]]) -> Callable[[ReadRequest], Generator[Message]]:
    def read(request: ReadRequest) -> Generator[Message]:
        for part in request.parts:
            given = rows[part.dataset]
            yield PartHeader(
                dataset=part.dataset,
                layer="layer",
                format="test",
                source_crs=f"EPSG:{SRID}",
                assumed=False,
                encoding=None,
                operation="none",
                accuracy_m=0.0,
                mapping={},
                unmapped=(),
                row_estimate=len(given),
            )
            accepted = [(i, r) for i, r in enumerate(given, 1) if not r.rejected]
            findings = tuple(
                Finding("range", Severity.ERROR, i, Text("错", "wrong"), key=_key(part.feature_type, r))
                for i, r in enumerate(given, 1)
                if r.rejected
            )
            yield PartBatch(part.dataset, _batch(part.feature_type, accepted), findings)
            yield PartEnd(part.dataset, len(given), len(accepted), len(findings))

    return read


def _key(feature_type: FeatureType, row: Row) -> str | None:
    values = [row.fields.get(name) for name in feature_type.natural_key]
    return "\x1f".join(map(str, values)) if values and all(v is not None for v in values) else None


def _batch(feature_type: FeatureType, rows: Sequence[tuple[int, Row]]) -> pa.RecordBatch:
    schema = batch_schema(feature_type)
    table = [
        {
            "row": number,
            "geom": shapely.to_wkb(
                shapely.set_srid(row.geometry, SRID), include_srid=True, output_dimension=3 if feature_type.has_z else 2
            ),
            "natural_key": _key(feature_type, row),
            "extra": row.extra,
            **row.fields,
        }
        for number, row in rows
    ]
    return pa.RecordBatch.from_pylist([{name: r.get(name) for name in schema.names} for r in table], schema=schema)
