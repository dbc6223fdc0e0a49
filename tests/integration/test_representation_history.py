"""The life of 3D through publishes: it changes with its faces only, ends with its feature, and comes back by rollback."""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from ingest.described_files import sized
from ingest.load import LoadResult, check_submission, publish_submission
from ingest.publish import Act, Published, StagingLostError
from ingest.readers.choice import choose_reader
from ingest.reading import read_parts
from ingest.rollback import rollback
from ingest.staging import claimed, tables_of
from tests.in_process import load
from tests.opened_city import opened_city, request
from twin.model import Principal
from twin.query.collection import collection_of
from twin.query.feature_query import FeatureQuery
from twin.query.representations import representations_statement, source_objects_statement
from twin.representation import decode
from twin.server.city import City
from twin.server.loading import workplace

SRID = 4549
EASTING, NORTHING = 497_000.0, 3_520_000.0


def _house(x: float, roof_m: float = 9.0, lods: tuple[str, ...] = ("2",), **attributes: object) -> dict[str, Any]:
    return {"x": x, "roof_m": roof_m, "lods": lods, "attributes": attributes}


def _write(path: Path, houses: Mapping[str, dict[str, Any]]) -> Path:
    """Write houses with ridged roofs: (x from the origin, height of the ridge, levels of detail, attributes)."""
    vertices: list[list[int]] = []
    objects: dict[str, Any] = {}
    for name, house in houses.items():
        n = len(vertices)
        x, top = int(house["x"] * 1000), int(house["roof_m"] * 1000)
        vertices += [[x + a, b, c] for c in (0, 6000) for a, b in ((0, 0), (10_000, 0), (10_000, 8000), (0, 8000))]
        vertices += [[x, 4000, top], [x + 10_000, 4000, top]]
        shell = [
            [[0, 3, 2, 1]],
            [[0, 1, 5, 4]],
            [[2, 3, 7, 6]],
            [[1, 2, 6, 9, 5]],
            [[3, 0, 4, 8, 7]],
            [[4, 5, 9, 8]],
            [[6, 7, 8, 9]],
        ]
        solid = [[[i + n for i in ring] for ring in surface] for surface in shell]
        surfaces = [{"type": "GroundSurface"}, {"type": "WallSurface"}, {"type": "RoofSurface", "slope": 30.0, "form": "坡"}]
        semantics = {"surfaces": surfaces, "values": [[0, 1, 1, 1, 1, 2, 2]]}
        geometry = [{"type": "Solid", "lod": lod, "boundaries": [solid], "semantics": semantics} for lod in house["lods"]]
        objects[name] = {"type": "Building", "attributes": house["attributes"], "geometry": geometry}
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [0.001] * 3, "translate": [EASTING, NORTHING, 3.0]},
        "metadata": {"referenceSystem": f"https://www.opengis.net/def/crs/EPSG/0/{SRID}"},
        "CityObjects": objects,
        "vertices": vertices,
    }
    path.write_text(json.dumps(document), "utf-8")
    return path


class Town:
    """A city of houses, and what is stored of their 3D."""

    def __init__(self, city: City, folder: Path) -> None:
        self.city = city
        self._folder = folder

    def load(self, **options: Any) -> LoadResult:
        houses = options.pop("houses")
        asked = request(_write(self._folder / "houses.city.json", houses), (None, "building", "houses"))
        return load(self.city, replace(asked, allow_deletes=True, **options))

    def load_flat(self, ring: list[tuple[float, float]], **properties: object) -> LoadResult:
        """Load one house from a GeoJSON file without heights."""
        coordinates = [[EASTING + x, NORTHING + y] for x, y in [*ring, ring[0]]]
        feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [coordinates]}}
        crs = {"type": "name", "properties": {"name": f"EPSG:{SRID}"}}
        path = self._folder / "flat.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}), "utf-8")
        return load(self.city, replace(request(path, (None, "building", "houses")), mode="delta"))

    def ridges(self, as_of: int | None = None) -> dict[tuple[str, str], float]:
        """Return the highest vertex of every house and level, above the floor."""
        rows = self._rows(representations_statement, as_of, "all")
        return {(self._key(fid), lod): round(float(decode(bytes(faces)).vertices[:, 2].max()) - 3.0, 3) for fid, lod, faces in rows}

    def draws_the_highest(self, as_of: int | None) -> bool:
        """Return whether what tiles are drawn by is, by fid, the highest level of each house that has any."""
        highest = {}
        for fid, lod, faces in self._rows(representations_statement, as_of, "all"):
            highest[fid] = (fid, lod, bytes(faces))
        drawn = [(fid, lod, bytes(faces)) for fid, lod, faces in self._rows(representations_statement, as_of)]
        return len(drawn) > 0 and drawn == [highest[fid] for fid in sorted(highest)]

    def documents(self, as_of: int | None = None) -> set[str]:
        """Return the houses of which the source document is there."""
        return {self._key(row[0]) for row in self._rows(source_objects_statement, as_of)}

    def respell_surfaces(self) -> None:
        with self.city.pool.connection() as connection:
            connection.execute("UPDATE city.representation SET surface_attributes = surface_attributes::jsonb::text")

    def say_of_surfaces(self, text: str) -> None:
        """Have a text stand there that a child may have sent: nobody between it and the table looks whether it is JSON."""
        with self.city.pool.connection() as connection:
            connection.execute("UPDATE city.representation SET surface_attributes = %s", (text,))

    def unpack_faces(self) -> None:
        """Store all faces as they were stored before they were packed."""
        with self.city.pool.connection() as connection:
            connection.execute("UPDATE city.representation SET faces = catalog.unpacked_faces_v1(faces)")

    def versions(self) -> set[tuple[str, bytes]]:
        """Return the versions of the faces of each house."""
        return {(self._key(fid), bytes(faces)[:4]) for fid, _, faces in self._rows(representations_statement, None, "all")}

    def commits_of_3d(self) -> dict[str, int]:
        dataset = self.city.catalogue.dataset("houses").id
        with self.city.pool.connection() as connection:
            rows = connection.execute("SELECT fid, commit_from FROM city.representation WHERE dataset = %s", (dataset,)).fetchall()
        return {self._key(fid): commit for fid, commit in rows}

    def _rows(self, statement_of: Any, as_of: int | None, *more: Any) -> list[tuple[Any, ...]]:
        collection = collection_of(self.city.catalogue, self.city.deployment, self.city.catalogue.dataset("houses"))
        assert collection is not None
        statement = statement_of(FeatureQuery(collection, collection.crs[0], as_of=as_of), Principal.system(), *more)
        with self.city.pool.connection() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(statement.text, statement.values).fetchall()
        return rows

    def _key(self, fid: int) -> str:
        with self.city.pool.connection() as connection:
            row = connection.execute(
                "SELECT natural_key FROM city.building WHERE fid = %(f)s"
                " UNION ALL SELECT natural_key FROM history.building WHERE fid = %(f)s",
                {"f": fid},
            ).fetchone()
        assert row is not None
        return str(row[0])


@pytest.fixture
def town(database_url: str, open_folder: Path, tmp_path: Path) -> Iterator[Town]:
    with opened_city(database_url, open_folder / "city", SRID) as city:
        yield Town(city, tmp_path)


def test_3d_lives_its_own_life(town: Town) -> None:
    first = town.load(houses={"A": _house(0, name="甲"), "B": _house(20), "C": _house(40)})
    assert first.published == 3
    assert town.ridges() == {("A", "2"): 9.0, ("B", "2"): 9.0, ("C", "2"): 9.0}

    # other order, other vertex numbers, a move of half a millimetre less than the tolerance, what is said of surfaces spelled otherwise
    # (as what was stored as jsonb is): nothing
    town.respell_surfaces()
    again = town.load(houses={"C": _house(40.001), "A": _house(0, name="甲"), "B": _house(20)})
    assert (again.commit, again.unchanged) == (None, 3)

    # an attribute alone writes a row and no 3D
    renamed = town.load(houses={"A": _house(0, name="乙"), "B": _house(20), "C": _house(40)})
    assert renamed.datasets["houses"] == {"insert": 0, "update": 1, "unchanged": 2, "delete": 0}
    assert town.commits_of_3d() == dict.fromkeys("ABC", first.commit)

    # a roof alone is another state of its feature
    raised = town.load(houses={"A": _house(0, name="乙"), "B": _house(20, 11.0, height_m=9.0), "C": _house(40)})
    assert raised.datasets["houses"]["update"] == 1
    assert town.commits_of_3d() == {"A": first.commit, "B": raised.commit, "C": first.commit}
    assert town.ridges(renamed.commit)[("B", "2")] == 9.0
    assert town.ridges()[("B", "2")] == 11.0

    # a level more, a house less, a house more
    grown = town.load(houses={"A": _house(0, name="乙", lods=("1", "2")), "B": _house(20, 11.0, height_m=9.0), "D": _house(60)})
    assert grown.datasets["houses"] == {"insert": 1, "update": 1, "unchanged": 1, "delete": 1}
    assert set(town.ridges()) == {("A", "1"), ("A", "2"), ("B", "2"), ("D", "2")}
    assert town.documents() == {"A", "B", "D"}
    assert set(town.ridges(raised.commit)) == {("A", "2"), ("B", "2"), ("C", "2")}

    back = rollback(town.city.catalogue, int(first.commit or 0), "tester", "", town.city.extent_deg)
    assert town.ridges() == town.ridges(first.commit) == {("A", "2"): 9.0, ("B", "2"): 9.0, ("C", "2"): 9.0}
    assert town.documents() == {"A", "B", "C"}
    assert town.commits_of_3d()["C"] == back.commit
    assert set(town.ridges(grown.commit)) == {("A", "1"), ("A", "2"), ("B", "2"), ("D", "2")}
    assert rollback(town.city.catalogue, int(first.commit or 0), "tester", "", town.city.extent_deg).commit is None
    assert all(town.draws_the_highest(commit) for commit in (None, first.commit, renamed.commit, raised.commit, grown.commit))


def test_a_roof_that_came_back_is_no_change_however_its_surfaces_are_spelled(town: Town) -> None:
    """As jsonb spelled them before migration 0013, and as their source does since."""
    first = town.load(houses={"A": _house(0, height_m=9.0)})
    town.respell_surfaces()
    town.load(houses={"A": _house(0, 11.0, height_m=9.0)})
    back = town.load(houses={"A": _house(0, height_m=9.0)})
    assert town.ridges() == {("A", "2"): 9.0}
    assert rollback(town.city.catalogue, int(first.commit or 0), "tester", "", town.city.extent_deg).commit is None
    assert town.commits_of_3d() == {"A": back.commit}


@pytest.mark.parametrize(
    "said", ['{"n":1e200000}', r'["\u0000"]', r'["\ud800"]', "no JSON", "", "[" * 200_000, '"' + "x" * 10_000_001 + '"'],
    ids=["number", "nul", "half-pair", "no-json", "empty", "deep", "long"],
)  # fmt: skip
def test_nothing_that_is_said_of_surfaces_refuses_a_delivery_or_a_rollback(town: Town, said: str) -> None:
    first = town.load(houses={"A": _house(0), "B": _house(20)})
    town.say_of_surfaces(said)
    assert town.load(houses={"A": _house(0, 11.0), "B": _house(20)}).datasets["houses"]["update"] == 2
    town.say_of_surfaces(said + " ")
    back = rollback(town.city.catalogue, int(first.commit or 0), "tester", "", town.city.extent_deg)
    assert back.commit is not None
    assert town.ridges() == {("A", "2"): 9.0, ("B", "2"): 9.0}


def test_faces_that_are_stored_unpacked_are_the_same(town: Town) -> None:
    first = town.load(houses={"A": _house(0, name="甲"), "B": _house(20)})
    town.unpack_faces()
    assert town.versions() == {("A", b"TWR1"), ("B", b"TWR1")}
    assert town.load(houses={"A": _house(0, name="甲"), "B": _house(20)}).commit is None
    assert town.load(houses={"A": _house(0, name="甲"), "B": _house(20.001)}).commit is None

    # another name writes no 3D, another roof does
    town.load(houses={"A": _house(0, name="乙"), "B": _house(20)})
    assert town.commits_of_3d() == dict.fromkeys("AB", first.commit)
    raised = town.load(houses={"A": _house(0, name="乙"), "B": _house(20, 11.0, height_m=9.0)})
    assert raised.datasets["houses"]["update"] == 1
    assert town.commits_of_3d() == {"A": first.commit, "B": raised.commit}
    assert town.versions() == {("A", b"TWR1"), ("B", b"TWR3")}
    assert town.ridges() == {("A", "2"): 9.0, ("B", "2"): 11.0}
    assert town.ridges(first.commit) == {("A", "2"): 9.0, ("B", "2"): 9.0}


def test_documents_stay_in_their_rows_up_to_half_a_page(town: Town) -> None:
    """Those of a first load, those that are closed, and those that came to a dataset which had none."""
    town.load(houses={"A": _house(0), "B": _house(20, note=base64.b64encode(random.Random(1).randbytes(2400)).decode())})
    with town.city.pool.connection() as connection:
        found = connection.execute(
            "SELECT n.nspname, c.reloptions, pg_relation_size(c.reltoastrelid)"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace"
            " WHERE relname LIKE 'source\\_object\\_d%' AND relkind = 'r' ORDER BY nspname"
        ).fetchall()
        longest = connection.execute("SELECT max(length(document)) FROM city.source_object").fetchone()
    assert found == [("city", ["toast_tuple_target=4080"], 0), ("history", ["toast_tuple_target=4080"], 0)]
    assert longest is not None
    assert longest[0] > 2032


def test_a_source_without_3d_keeps_it_unless_it_moves_the_feature(town: Town) -> None:
    town.load(houses={"A": _house(0), "B": _house(20)})
    outline = [(0.0, 0.0), (10.0, 0.0), (10.0, 8.0), (0.0, 8.0)]
    edited = town.load_flat(outline, building_id="A", name="改名", height_m=6, base_height_m=3)
    assert edited.datasets["houses"]["update"] == 1
    assert set(town.ridges()) == {("A", "2"), ("B", "2")}
    assert town.documents() == {"B"}  # the document no longer says what is stored
    town.load_flat([(x + 5, y) for x, y in outline], building_id="A", name="改名", height_m=6, base_height_m=3)
    assert set(town.ridges()) == {("B", "2")}
    assert set(town.ridges(int(edited.commit or 0))) == {("A", "2"), ("B", "2")}


def test_3d_comes_to_a_dataset_that_had_none(town: Town) -> None:
    town.load_flat([(0.0, 0.0), (10.0, 0.0), (10.0, 8.0), (0.0, 8.0)], building_id="A", height_m=6, base_height_m=3)
    assert town.ridges() == {}
    result = town.load(houses={"A": _house(0, height_m=6, base_height_m=3), "B": _house(20)}, mode="delta")
    assert (result.datasets["houses"]["insert"], result.datasets["houses"]["update"]) == (1, 1)
    assert set(town.ridges()) == {("A", "2"), ("B", "2")}


def test_rejected_rows_leave_nothing_beside_them(town: Town) -> None:
    result = town.load(houses={"A": _house(0), "B": _house(20, year_built="soon"), "C": _house(40, height_m=-4)}, max_rejected=1.0)
    assert result.rejected >= 1
    with town.city.pool.connection() as connection:
        rows = connection.execute(
            "SELECT count(*) FROM city.representation AS r WHERE NOT EXISTS (SELECT FROM city.building WHERE fid = r.fid)"
        )
        assert rows.fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'staging'").fetchone() == (0,)


def test_a_first_load_that_another_overtook_is_compared_with_it(town: Town, tmp_path: Path) -> None:
    """Its 3D has fids and tables of its own by then: those of features that are there already are not taken."""
    files = [tmp_path / "one" / "houses.city.json", tmp_path / "other" / "houses.city.json"]
    for file, ridge_m in zip(files, (9.0, 11.0), strict=True):
        file.parent.mkdir()
        _write(file, {"A": _house(0, ridge_m), "B": _house(20)})
    first, second = (_checked(town.city, file) for file in files)
    published = [_published(town.city, submission).counts["houses"] for submission in (first, second)]
    assert [counts["insert"] for counts in published] == [2, 0]
    assert published[1]["update"] == 1
    assert town.ridges() == {("A", "2"): 11.0, ("B", "2"): 9.0}
    assert town.documents() == {"A", "B"}


def test_a_first_load_is_published_with_the_3d_that_was_checked(town: Town, tmp_path: Path) -> None:
    submission = _checked(town.city, _write(tmp_path / "houses.city.json", {"A": _house(0), "B": _house(20)}))
    with town.city.pool.connection() as connection:
        (name,) = (n for n in tables_of(connection, submission) if n.endswith("_r"))
        connection.execute(sql.SQL("DELETE FROM {} WHERE row = 1").format(sql.Identifier("staging", name)))
    with pytest.raises(StagingLostError):
        _published(town.city, submission)


def _checked(city: City, file: Path) -> uuid.UUID:
    asked = request(file, (None, "building", "houses"))
    place = replace(workplace(city, lambda *_: None), read=lambda r: read_parts(choose_reader(r), r))
    files = sized(asked.files)
    submission = city.catalogue.submissions.receive(asked.actor, files, {})
    with claimed(city.pool, submission):
        check_submission(place, asked, submission, lambda: files)
    return submission


def _published(city: City, submission: uuid.UUID) -> Published:
    with claimed(city.pool, submission):
        return publish_submission(city.catalogue, submission, Act("test", "test"), city.extent_deg, city.ground)
