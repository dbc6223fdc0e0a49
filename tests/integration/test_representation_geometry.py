"""Column ``faces`` as PostGIS geometry: what the SQL function reads is what the codec wrote."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import psycopg
import pytest
import shapely

from tests.unit.test_representation import cube, many_faces
from twin.representation import Faces, decode, encode, encode_unpacked


def _geometry(connection: psycopg.Connection, faces: Faces, expression: str) -> object:
    row = connection.execute(
        f"SELECT {expression} FROM (SELECT catalog.representation_geometry_v1(%s, 4549) AS g) AS made",
        (encode_unpacked(faces),),
    ).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET search_path = city, catalog, postgis, public")
        yield connection


def _as_multipolygon(faces: Faces) -> shapely.MultiPolygon:
    """Build the faces with shapely alone, corner by corner."""
    ring_starts = [0, *faces.ring_ends.tolist()]
    face_starts = [0, *faces.face_ends.tolist()]
    millimetres = np.rint(faces.vertices * 1000) / 1000
    rings = [millimetres[faces.indices[a:b]] for a, b in pairwise(ring_starts)]
    return shapely.MultiPolygon([shapely.Polygon(rings[a], rings[a + 1 : b]) for a, b in pairwise(face_starts)])


def test_a_solid_is_a_closed_polyhedral_surface(connection: psycopg.Connection) -> None:
    assert _geometry(connection, cube(), "GeometryType(g)") == "POLYHEDRALSURFACE"
    assert _geometry(connection, cube(), "ST_SRID(g)") == 4549
    parts = _geometry(connection, cube(), "ARRAY(SELECT ST_AsBinary(geom) FROM ST_Dump(g))")
    assert isinstance(parts, list)
    read = shapely.MultiPolygon(list(shapely.from_wkb(parts)))
    assert shapely.get_coordinates(read, include_z=True) == pytest.approx(
        shapely.get_coordinates(_as_multipolygon(cube()), include_z=True), abs=1e-6
    )
    assert shapely.equals_exact(read, _as_multipolygon(cube()), 1e-6)


def test_faces_of_no_solid_are_a_multipolygon(connection: psycopg.Connection) -> None:
    none = np.array([], np.uint32)
    surfaces = replace(cube(), shell_ends=none, solid_ends=none)
    read = shapely.from_wkb(_geometry(connection, surfaces, "ST_AsBinary(g)"))
    assert read.geom_type == "MultiPolygon"
    assert shapely.equals_exact(read, _as_multipolygon(cube()), 1e-6)


def test_shells_and_loose_faces_stand_side_by_side(connection: psycopg.Connection) -> None:
    mixed = replace(cube(), shell_ends=np.array([2, 4], np.uint32), solid_ends=np.array([2], np.uint32))
    kinds = _geometry(connection, mixed, "ARRAY(SELECT GeometryType(ST_GeometryN(g, n)) FROM generate_series(1, ST_NumGeometries(g)) AS n)")
    assert kinds == ["POLYHEDRALSURFACE", "POLYHEDRALSURFACE", "MULTIPOLYGON"]


def test_below_zero_and_far_away(connection: psycopg.Connection) -> None:
    moved = replace(cube(), vertices=cube().vertices * np.array([-1, 1, 1]) - np.array([0, 0, 400.0]))
    assert _geometry(connection, moved, "ST_XMin(g)") == pytest.approx(moved.vertices[:, 0].min(), abs=0.0006)
    assert _geometry(connection, moved, "ST_ZMin(g)") == pytest.approx(moved.vertices[:, 2].min(), abs=0.0006)


def test_other_bytes_are_refused(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.DataError):
        connection.execute("SELECT catalog.representation_geometry_v1(%s, 4549)", (b"TWR2" + encode_unpacked(cube())[4:],))


@pytest.mark.parametrize(
    "faces",
    [
        cube(),
        replace(cube(), shell_ends=np.array([2, 4], np.uint32), solid_ends=np.array([2], np.uint32)),
        replace(cube(), shell_ends=np.array([], np.uint32), solid_ends=np.array([], np.uint32)),
        many_faces(300, 9000.0),
        many_faces(20, 2e6),
    ],
    ids=["solid", "shells", "surfaces", "three bytes", "four bytes"],
)
def test_packed_faces_are_read_as_version_1(connection: psycopg.Connection, faces: Faces) -> None:
    packed, plain = encode(faces), encode_unpacked(faces)
    row = connection.execute(
        "SELECT catalog.unpacked_faces_v1(%(a)s), catalog.unpacked_faces_v1(%(b)s)", {"a": packed, "b": plain}
    ).fetchone()
    assert row == (plain, plain)
    same = "SELECT ST_AsBinary(catalog.representation_geometry_v3(%s, 4549)) = ST_AsBinary(catalog.representation_geometry_v1(%s, 4549))"
    assert connection.execute(same, (packed, plain)).fetchone() == (True,)


def test_moved_faces_have_one_topology(connection: psycopg.Connection) -> None:
    moved = replace(cube(), vertices=cube().vertices * [1, 1, 2] + [500.0, 0, 3])
    turned = replace(cube(), indices=cube().indices[::-1].copy())
    for written in (encode, encode_unpacked):
        found = connection.execute(
            "SELECT catalog.topology_of_faces_v1(%(a)s) = catalog.topology_of_faces_v1(%(b)s),"
            " catalog.topology_of_faces_v1(%(a)s) = catalog.topology_of_faces_v1(%(c)s)",
            {"a": written(cube()), "b": written(moved), "c": written(turned)},
        ).fetchone()
        assert found == (True, False)


@pytest.mark.parametrize("end", [3, 12, 40, 100, -1])
def test_packed_bytes_that_are_not_whole_are_refused(connection: psycopg.Connection, end: int) -> None:
    with pytest.raises(psycopg.DataError):
        connection.execute("SELECT catalog.representation_geometry_v3(%s, 4549)", (encode(cube())[:end],))


def test_packed_bytes_that_python_refuses_are_refused(connection: psycopg.Connection) -> None:
    query, refused = "SELECT catalog.representation_geometry_v3(%s, 4549) IS NOT NULL", 0
    whole = encode(cube())
    widths_of_places = int.from_bytes(whole[4:8], "little") + 24
    for at, value in itertools.product([*range(8, 16), *range(widths_of_places, widths_of_places + 4)], [0, 2, 5, 128, 255]):
        data = whole[:at] + bytes([value]) + whole[at + 1 :]
        try:
            decode(data)
        except ValueError:
            refused += 1
            with pytest.raises(psycopg.DataError):
                connection.execute(query, (data,))
        else:
            assert connection.execute(query, (data,)).fetchone() == (True,)
    assert refused > 40


def test_packed_numbers_that_python_finds_too_large_are_refused(connection: psycopg.Connection) -> None:
    faces = cube()
    far = np.arange(len(faces.vertices)) % 2 * 20_000.0
    data = bytearray(encode(replace(faces, vertices=np.column_stack([far, 0 * far, 0 * far]))))
    columns_at = int.from_bytes(data[4:8], "little") + 27
    data[columns_at + 7] |= 0x80  # of the second vertex the highest byte of x
    with pytest.raises(ValueError, match="too large"):
        decode(bytes(data))
    with pytest.raises(psycopg.DataError, match="too large"):
        connection.execute("SELECT catalog.representation_geometry_v3(%s, 4549)", (bytes(data),))
