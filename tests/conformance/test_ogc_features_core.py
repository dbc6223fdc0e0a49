"""Paging, order, counts and search of the features core, over HTTP; schemas of the standards judge every document."""

from __future__ import annotations

import functools
import itertools
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import ogc_server
import psycopg
import pytest
import query_city as city
import referencing
import yaml
from psycopg import sql
from referencing.jsonschema import DRAFT202012

from tests.official_schemas import official
from twin.catalogue import Catalogue
from twin.embedded import EmbeddedCluster
from twin.model import Principal
from twin.query.collection import collections_of
from twin.query.execute import DOOR_SETTINGS
from twin.query.feature_query import Boundary, FeatureQuery
from twin.query.items import items_statement
from twin.query.versions import first_revision_statement, standing_at_statement
from twin.tables import current_table

MANY = 20_000
ITEMS = "/collections/buildings/items"
OID = "2.25.7.2.1."
Get = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def catalogue(database: str) -> Iterator[Catalogue]:
    made = city.small_city(database)
    _fill_many(made)
    dataset = made.dataset("buildings").id
    with made.pool.connection() as connection:
        table = current_table("building", dataset)
        connection.execute(sql.SQL("UPDATE {} SET admin_codes = ARRAY['320402','320404'] WHERE fid < 4").format(table))
        connection.execute(sql.SQL("UPDATE {} SET admin_codes = ARRAY['320404'] WHERE fid = 4").format(table))
        connection.execute(sql.SQL("UPDATE {} SET name = 'Café Weiße Straße' WHERE fid = 10").format(table))
    yield made
    made.pool.close()


def _fill_many(catalogue: Catalogue) -> None:
    """Put in a dataset large enough that the planner has a choice."""
    city.publish_first(catalogue, "many", "poi", [])
    dataset = catalogue.dataset("many")
    with catalogue.pool.connection() as connection:
        table = current_table("poi", dataset.id)
        connection.execute(
            sql.SQL(
                "INSERT INTO {} (dataset, fid, commit_from, name, geom) SELECT {}, n, (SELECT max(number) FROM catalog.commit),"
                " 'point ' || n, ST_SetSRID(ST_MakePoint(499000 + n % 200, 3521000 + n / 200), 4549) FROM generate_series(1, {}) AS n"
            ).format(table, sql.Literal(dataset.id), sql.Literal(MANY))
        )
        connection.execute("UPDATE catalog.revision SET count = %s WHERE dataset = %s", (MANY, dataset.id))
        connection.execute(sql.SQL("ANALYZE {}").format(table))
    catalogue.refresh()


def _fids(document: dict[str, Any]) -> list[int]:
    return [int(f["id"].rsplit(".", 1)[1]) for f in document["features"]]


def _link(document: dict[str, Any], relation: str) -> str | None:
    return next((entry["href"] for entry in document["links"] if entry["rel"] == relation), None)


def _walk(get: Get, address: str | None, relation: str) -> Iterator[dict[str, Any]]:
    while address is not None:
        response = get(address)
        assert response.status_code == 200, response.text
        yield response.json()
        address = _link(response.json(), relation)


# -- paging, order, counts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sortby", ["floors_above", "-floors_above", "height_m", "-height_m", "name,-valid_from", "-valid_from,height_m", "id", "-id", None]
)
def test_pages_in_any_order_go_on_to_the_end_and_back_again(get: Get, sortby: str | None) -> None:
    features = get(ITEMS).json()["features"]
    for key in reversed(sortby.split(",") if sortby else []):
        name, descending = key.lstrip("-"), key.startswith("-")
        if name == "id":
            features.sort(key=lambda f: int(f["id"].rsplit(".", 1)[1]), reverse=descending)
            continue
        # PostgreSQL holds no value to be the greatest. Texts: by code point, as the cluster's collation does.
        values = {f["id"]: f["properties"][name] for f in features}
        features.sort(
            key=lambda f: (values[f["id"]] is None, values[f["id"]] or 0) if values[f["id"]] is not None else (True, 0), reverse=descending
        )
    expected = _fids({"features": features})
    first = f"{ITEMS}?limit=4" + (f"&sortby={sortby}" if sortby else "")
    pages = list(_walk(get, first, "next"))
    assert list(itertools.chain.from_iterable(map(_fids, pages))) == expected
    back = list(_walk(get, _link(pages[-1], "prev"), "prev"))
    assert [_fids(p) for p in back] == [_fids(p) for p in reversed(pages[:-1])]
    assert _link(back[0], "next") is not None
    assert _link(pages[0], "prev") is None


def test_sort_keys_need_not_be_shown(get: Get) -> None:
    shown = get(ITEMS, params={"sortby": "-floors_above", "properties": "name", "limit": 3}).json()
    assert _fids(shown) == [3, 31, 30]
    assert set(shown["features"][0]["properties"]) == {"name"}


@pytest.mark.parametrize(
    ("query", "code"),
    [("sortby=nope", "bad-sortby"), ("sortby=", "bad-sortby"), ("sortby=--name", "bad-sortby"), ("sortby=name,name", "bad-sortby"),
     ("sortby=geometry", "bad-sortby"), ("sortby=THIS IS NOT A SORTBY EXPRESSION", "bad-sortby"), ("resulttype=x", "bad-parameter"),
     ("cursor=1.2.WyJhIl0", "bad-cursor"), ("sortby=name&cursor=1.2", "bad-cursor"),
     ("sortby=floors_above&cursor=1.2.WyJhIl0", "bad-cursor"),
     ("sortby=name&cursor=1.2.e30", "bad-cursor"), ("sortby=name&cursor=1.2.!!", "bad-cursor"),
     ("filter=floors_above^0.5=(2,3)", "bad-filter"), ("filter=admin_codes='3'", "bad-filter"),
     ("filter=A_CONTAINS(admin_codes,(3))", "bad-filter"),
     ("filter=id LIKE '2%25'", "bad-filter"), ("filter=id<5", "bad-filter"), ("filter=id IS NULL", "bad-filter"),
     ("as-of=999999", "bad-as-of"),
     ("filter=area(name)>1", "bad-filter"), ("filter=area()>1", "bad-filter"), ("filter=Buffer(geometry,1)=1", "bad-filter")],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(get: Get, query: str, code: str) -> None:
    response = get(f"{ITEMS}?{urllib.parse.quote(query, safe='&=(),')}")
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_how_many_there_are_is_said_where_it_is_known_or_asked(get: Get, catalogue: Catalogue) -> None:
    first = catalogue.revisions("buildings")[0].commit
    assert get(f"{ITEMS}?limit=2").json()["numberMatched"] == 29
    assert get(f"{ITEMS}?limit=2&as-of={first}").json()["numberMatched"] == 30
    assert "numberMatched" not in get(f"{ITEMS}?limit=2&filter=floors_above<10").json()
    for query in ("filter=floors_above<10", "filter=floors_above<10&limit=2&resulttype=hits"):
        assert get(f"{ITEMS}?{query}").json()["numberMatched"] == 6  # 5 and 7 are gone, 3 has 100 floors
    hits = get("/collections/many/items?resulttype=hits").json()
    assert (hits["numberMatched"], hits["numberReturned"], hits["features"]) == (MANY, 0, [])


def test_pages_are_of_the_commit_the_walk_began_at(cluster: EmbeddedCluster, template: str) -> None:
    with city.clone_of(template, cluster.dsn) as url:
        own = city.small_city(url)
        with ogc_server.served(own, url) as address, httpx.Client(timeout=30) as client:
            for path in ("items?limit=10", "items?limit=10&sortby=-height_m", "search"):
                start = (
                    f"{address}/collections/buildings/{path}"
                    if path != "search"
                    else f"{address}/search?collections=buildings,plots&limit=10"
                )
                expected = [f["id"] for page in _walk(client.get, start, "next") for f in page["features"]]
                pages = _walk(client.get, start, "next")
                seen = [f["id"] for f in next(pages)["features"]]
                gone = [int(i.rsplit(".", 1)[1]) for i in expected if ".2.1." in i][-4:-2]
                city.publish_change(own, "buildings", deleted=gone)
                rest = list(pages)
                assert seen + [f["id"] for page in rest for f in page["features"]] == expected
                assert len({page["commit"] for page in rest}) == 1
                if path != "search":
                    back = [f["id"] for page in _walk(client.get, _link(rest[-1], "prev"), "prev") for f in page["features"]]
                    assert set(back) == set(expected) - {f["id"] for f in rest[-1]["features"]}
        own.pool.close()


def _plan(catalogue: Catalogue, database: str, query: FeatureQuery) -> dict[str, Any]:
    statement = items_statement(query, Principal.anonymous())
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET search_path = city, catalog, postgis, public")
        for name, value in DOOR_SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        explained = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ") + statement.text
        row = connection.execute(explained, statement.values).fetchone()
    assert row is not None
    return dict(row[0][0]["Plan"])


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


def test_a_deep_page_reads_what_the_first_page_reads(catalogue: Catalogue, database: str) -> None:
    collection = collections_of(catalogue)["many"]
    blocks = []
    for boundary in (None, Boundary(19_000), Boundary(19_000, back=True)):
        plan = _plan(catalogue, database, FeatureQuery(collection, collection.crs[0], boundary=boundary, limit=100))
        scans = [n for n in _nodes(plan) if n.get("Relation Name", "").startswith("poi")]
        assert [n["Node Type"] for n in scans] == ["Index Scan"]
        assert scans[0]["Actual Rows"] == 101
        assert scans[0].get("Rows Removed by Filter", 0) == 0
        blocks.append(scans[0]["Shared Hit Blocks"] + scans[0]["Shared Read Blocks"])
    assert max(blocks) <= min(blocks) + 6


def test_links_of_a_page_are_in_its_header_too(get: Get) -> None:
    response = get(f"{ITEMS}?limit=2&bbox=119,31,121,33")
    found = {entry["rel"]: entry for entry in httpx.Response(200, headers=response.headers).links.values()}
    rel = "http://www.opengis.net/def/rel/ogc/1.0/"
    assert {"self", "alternate", "next", "collection", f"{rel}queryables", f"{rel}sortables", f"{rel}schema"} <= set(found)
    assert urllib.parse.unquote(found["next"]["url"]) == urllib.parse.unquote(str(_link(response.json(), "next")))
    for relation in (f"{rel}queryables", f"{rel}sortables", f"{rel}schema"):
        schema = get(found[relation]["url"], headers={"Accept": "application/schema+json"})
        assert schema.headers["content-type"] == "application/schema+json"
        assert schema.json()["$id"] == found[relation]["url"]


# -- filters ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fids"),
    [
        ("A_CONTAINS(admin_codes, ('320402'))", [1, 2, 3]),
        ("A_CONTAINEDBY(admin_codes, ('320404', '320411'))", [4]),
        ("A_EQUALS(('320404','320402'), admin_codes)", [1, 2, 3]),
        ("A_OVERLAPS(admin_codes, ('320404','9'))", [1, 2, 3, 4]),
        ("admin_codes IS NOT NULL AND NOT A_CONTAINS(admin_codes, ())", []),
        ("ACCENTI(name) = ACCENTI('Cafe Weiße Straße')", [10]),
        ("CASEI(ACCENTI(name)) LIKE CASEI(ACCENTI('%cafÉ WEISSE%'))", [10]),
        ("CASEI(name) = CASEI('CAFÉ WEISSE STRASSE')", [10]),
        ("ACCENTI(CASEI(name)) LIKE '学府花园12幢'", [12]),
        ("floors_above ^ 2 = 144", [12]),
        ("2 ^ floors_above = 4 ^ 3", [6]),
        ("(floors_above - 12) ^ 0.5 < 1.1", [12, 13]),
        ("floors_above = 4 + 2 * 2 ^ 2", [12]),
        ("height_m / floors_above <> 3", [3]),
        ("floors_above * 3 = height_m AND floors_above > 29", [30, 31]),
        ("distance(geometry, geom) = 0 AND area(geometry) > 99.9 AND abs(-1) = 1 AND floors_above = 12", [12]),
        ("minz(geometry) = 7 AND numpoints(geometry) = 5 AND charlength(building_id) = 3 AND floors_above = +11", [11]),
        ("S_INTERSECTS(geometry, BBOX(119.9, 31.7, -10, 120.1, 31.9, 500)) AND floors_above = 12", [12]),
        ("CASEI(name) IS NULL OR floors_above = 12", [12]),
        ("valid_from BETWEEN DATE('2000-01-01') AND DATE('2000-12-31')", [20]),
        ("valid_from > valid_to OR valid_to = valid_to", [8]),
        (f"id = '{OID}12'", [12]),
        (f"id IN ('{OID}12', '4', 9, '2.25.7.9.9.1', 'x')", [4, 9, 12]),
        (f"id <> '{OID}12' AND floors_above BETWEEN 11 AND 13", [11, 13]),
        ("id = 'x' OR NOT (id IN ('x')) AND floors_above = 12", [12]),
    ],
)  # fmt: skip
def test_filters_know_lists_accents_powers_and_functions(get: Get, text: str, fids: list[int]) -> None:
    response = get(ITEMS, params={"filter": text})
    assert response.status_code == 200, response.text
    assert _fids(response.json()) == fids


def test_findings_are_filtered_like_any_feature(get: Get, catalogue: Catalogue) -> None:
    number = uuid.uuid4()
    with catalogue.pool.connection() as connection:
        connection.execute(
            "INSERT INTO catalog.submission (id, state, actor, files, options) VALUES (%s, 'checked', 'test', '[]', '{}')", (number,)
        )
        for rule, severity, x in (("required", "error", 0), ("range", "warning", 500)):
            connection.execute(
                "INSERT INTO catalog.finding (submission, rule, severity, message_zh, message_en, x, y)"
                " VALUES (%s, %s, %s, '', '', %s, %s)",
                (number, rule, severity, city.EAST + x, city.NORTH),
            )
    path = "/collections/findings/items"
    rules = {
        "severity = 'warning'": ["range"],
        f"submission = '{number}' AND rule LIKE 'req%'": ["required"],
        "S_INTERSECTS(geometry, BBOX(119.98, 31.79, 119.992, 31.81))": ["required"],
        "A_CONTAINS(admin_codes, ('1')) OR severity IN ('error','warning')": ["required", "range"],
    }
    for text, expected in rules.items():
        found = get(path, params={"filter": text})
        assert found.status_code == 200, found.text
        assert [f["properties"]["rule"] for f in found.json()["features"]] == expected
    one = get(f"{path}/{found.json()['features'][0]['id']}")
    held = get(f"{path}/{one.json()['id']}", headers={"If-None-Match": one.headers["etag"]})
    assert (one.status_code, held.status_code, held.content) == (200, 304, b"")
    assert all(held.headers[name] == one.headers[name] for name in ("etag", "cache-control", "vary"))
    for unknown in ("nope", "valid_from"):  # what is no queryable of theirs
        assert get(path, params={"filter": f"{unknown} IS NULL"}).json()["code"] == "unknown-property"


# -- search ----------------------------------------------------------------------------------------------------------------------


def test_search_walks_every_collection_that_may_be_seen(get: Get) -> None:
    pages = list(_walk(get, "/search?collections=buildings,pipes,plots&limit=9", "next"))
    found = [(f["collection"], f["id"]) for page in pages for f in page["features"]]
    each = {slug: [f["id"] for f in get(f"/collections/{slug}/items").json()["features"]] for slug in ("buildings", "pipes", "plots")}
    assert found == [(slug, identifier) for slug, ids in each.items() for identifier in ids]
    assert {f["collection"] for f in get("/search?limit=10000&bbox=119.9,31.7,120.1,31.8035").json()["features"]} == {"buildings", "pipes"}
    assert get("/search?collections=secret").json()["code"] == "unknown-collection"


def test_the_id_is_a_queryable_and_a_parameter(get: Get) -> None:
    for path in ("/queryables", "/collections/buildings/queryables"):
        assert get(path).json()["properties"]["id"]["x-ogc-role"] == "id"
    for identifier, fids in ((f"{OID}12", [12]), ("12", [12]), ("2.25.7.9.9.1", [])):
        assert _fids(get(ITEMS, params={"id": identifier}).json()) == fids


@pytest.mark.parametrize(
    ("asked", "fids"),
    [
        ({"q": "学府 12幢"}, [12]), ({"q": "CAFE strasse"}, [10]), ({"q": "50%_"}, []), ({"q": "B31"}, [31]),
        ({"ids": "2.25.7.2.1.3,2.25.7.2.1.2,2.25.7.2.1.5,nonsense,2.25.7.2.1.1000,2.25.7.2.99.1"}, [2, 3]),
        ({"filter": "valid_to IS NOT NULL", "collections": "buildings,plots"}, [8]),
        ({"datetime": "1999-12-31", "collections": "buildings"}, [6]),
        ({"filter": f"id IN ('{OID}4', '{OID}2')"}, [2, 4]),
        ({"filter": "S_INTERSECTS(geometry, BBOX(31.80, 119.98, 31.82, 119.9905)) AND floors_above < 3", "collections": "buildings",
          "filter-crs": "http://www.opengis.net/def/crs/EPSG/0/4490"}, [1, 2]),
    ],
)  # fmt: skip
def test_search_finds_the_same_by_get_and_by_post(get: Get, base: str, asked: dict[str, str], fids: list[int]) -> None:
    found = get("/search", params=asked)
    assert found.status_code == 200, found.text
    assert _fids(found.json()) == fids
    assert found.json()["numberMatched"] == len(fids)
    lists = {name: value.split(",") if name in {"ids", "collections"} else value for name, value in asked.items()}
    posted = httpx.post(f"{base}/search", json=lists)
    assert posted.json()["features"] == found.json()["features"]


def test_a_search_is_negotiated_in_time_as_items_are(get: Get, base: str) -> None:
    address, early = "/search?collections=buildings&limit=10", {"Accept-Datetime": "Sat, 01 Jan 2000 00:00:00 GMT"}
    first, fixed, now = get(address, headers=early), get(f"{address}&as-of=1"), get(address)
    then = get(ITEMS, params={"limit": "10"}, headers=early)
    assert _fids(first.json()) == _fids(fixed.json()) == _fids(then.json()) != _fids(now.json())
    assert first.headers["memento-datetime"] == fixed.headers["memento-datetime"] == then.headers["memento-datetime"]
    assert first.headers["content-location"].endswith(f"{address}&as-of=1")
    assert first.headers["vary"] == now.headers["vary"] == then.headers["vary"]
    assert "memento-datetime" not in now.headers
    assert f'{address}>; rel="original timegate"' in now.headers["link"].replace("%2C", ",")
    # the next page is of the same state, whatever time goes with it
    onward = next(entry["href"] for entry in first.json()["links"] if entry["rel"] == "next")
    late = {"Accept-Datetime": "Tue, 31 May 2095 20:35:00 GMT"}
    assert _fids(get(onward, headers=late).json()) == _fids(get(ITEMS, params={"as-of": "1", "limit": "20"}).json())[10:]
    both = [get(f"/search?collections=buildings,pipes&limit={limit}", headers=late) for limit in (20, 29)]
    beyond = next(entry["href"] for entry in both[1].json()["links"] if entry["rel"] == "next")
    both.append(get(beyond, headers=late))  # begins in the second collection, and is of the same state
    assert both[2].json()["features"][0]["collection"] == "pipes"
    assert len({answer.headers["memento-datetime"] for answer in both}) == 1
    held = get(address, headers=early | {"If-None-Match": first.headers["etag"]})
    assert (held.status_code, "Accept-Datetime" in held.headers["vary"]) == (304, True)
    posted = httpx.post(f"{base}/search", json={"collections": ["buildings"], "limit": 10}, headers=early)
    assert posted.json()["features"] == first.json()["features"]


def test_when_a_state_began_is_one_step_of_the_index(catalogue: Catalogue, database: str) -> None:
    """However many revisions a dataset has."""
    shown, anyone = [collections_of(catalogue)[slug] for slug in ("buildings", "pipes")], Principal.anonymous()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")  # in a table of a few rows
        for statement in (first_revision_statement(shown, anyone), standing_at_statement(shown, anyone, 3)):
            row = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) ") + statement.text, statement.values).fetchone()
            assert row is not None
            (step,) = [n for n in _nodes(row[0][0]["Plan"]) if n.get("Relation Name") == "revision"]
            limited = [n for n in _nodes(row[0][0]["Plan"]) if n["Node Type"] == "Limit"]
            assert step["Node Type"] == "Index Only Scan"
            assert [n["Plans"] for n in limited] == [[step]]


def test_posted_searches_go_on_by_the_body_of_their_next_link(base: str) -> None:
    body: dict[str, Any] = {"collections": ["buildings"], "limit": 12, "filter": {"op": "<", "args": [{"property": "floors_above"}, 28]}}
    seen = []
    while body:
        document = httpx.post(f"{base}/search", json=body).json()
        seen += _fids(document)
        onward = next((entry for entry in document["links"] if entry["rel"] == "next"), None)
        body = onward["body"] if onward else {}
    assert seen == [i for i in range(1, 28) if i not in {3, 5, 7}]


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [(b"[]", "application/json", 400, "bad-body"), (b"{", "application/json", 400, "bad-body"),
    (b"{}", "text/plain", 415, "unsupported-media"),
     (b'{"x":1}', "application/json", 400, "unknown-parameter"), (b'{"q":{}}', "application/json", 400, "bad-parameter"),
     (b'{"limit":1e999}', "application/json", 400, "bad-body"), (b'{"q":" "}', "application/json", 400, "bad-parameter"),
     (b'{"filter":{},"filter-lang":"cql2-text"}', "application/json", 400, "bad-filter"),
     (b'{"cursor":"1.x.1"}', "application/json", 400, "bad-cursor"),
     (b'{"filter":"floors_above=1"}', "application/json", 400, "unknown-property")],
)  # fmt: skip
def test_what_is_no_search_is_refused(base: str, content: bytes, media_type: str, status: int, code: str) -> None:
    response = httpx.post(f"{base}/search", content=content, headers={"Content-Type": media_type})
    assert (response.status_code, response.json()["code"]) == (status, code)


# -- documents by the official schemas -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def meets_official() -> Callable[[str, object], None]:
    folder = official("ogcapi-features")

    @functools.cache
    def load(uri: str) -> referencing.Resource[Any]:
        written = yaml.load(Path(urllib.parse.urlsplit(uri).path).read_bytes(), yaml.CSafeLoader)
        return referencing.Resource(_with_null_types(written), DRAFT202012)

    registry: referencing.Registry[Any] = referencing.Registry(retrieve=load)

    def validate(name: str, document: object) -> None:
        reference = {"$ref": (folder / name).as_uri()}
        jsonschema.Draft202012Validator(reference, registry=registry).validate(document)

    return validate


def _with_null_types(schema: object) -> object:
    """The files write the type "null" without quotes, which YAML reads as no value."""
    if isinstance(schema, dict):
        return {name: "null" if name == "type" and value is None else _with_null_types(value) for name, value in schema.items()}
    return ["null" if value is None else _with_null_types(value) for value in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("", "core/schemas/landingPage.yaml"), ("/conformance", "core/schemas/confClasses.yaml"),
        ("/collections", "core/schemas/collections.yaml"), ("/collections", "crs/openapi/schemas/collectionsExtensionCrs.yaml"),
        ("/collections/buildings", "core/schemas/collection.yaml"), ("/collections/findings", "core/schemas/collection.yaml"),
        ("/collections/pipes", "crs/openapi/schemas/collectionExtensionCrs.yaml"),
        (ITEMS, "core/schemas/featureCollectionGeoJSON.yaml"),
        (f"{ITEMS}?limit=3&sortby=-name", "core/schemas/featureCollectionGeoJSON.yaml"),
        (f"{ITEMS}?resulttype=hits", "core/schemas/featureCollectionGeoJSON.yaml"),
        ("/collections/pipes/items", "core/schemas/featureCollectionGeoJSON.yaml"),
        ("/search?limit=3", "core/schemas/featureCollectionGeoJSON.yaml"),
        ("/collections/findings/items", "core/schemas/featureCollectionGeoJSON.yaml"),
        (f"{ITEMS}/2.25.7.2.1.2", "core/schemas/featureGeoJSON.yaml"), ("/functions", "filtering/standard/openapi/schemas/functions.yml"),
        ("/openapi", "sorting/standard/openapi/schemas/schema.yaml"), (f"{ITEMS}?x=1", "core/schemas/exception.yaml"),
    ],
)  # fmt: skip
def test_documents_meet_the_official_schemas(get: Get, meets_official: Callable[[str, object], None], path: str, schema: str) -> None:
    for language in ("en",) if path == "/openapi" else ("zh", "en"):  # the longest document by far
        meets_official(schema, get(path, headers={"Accept-Language": language}).json())


def test_parameters_are_declared_as_the_parts_of_the_standard_declare_them(get: Get) -> None:
    document = get("/openapi").json()
    listed = document["paths"]["/collections/buildings/items"]["get"]["parameters"]
    shared = document["components"]["parameters"]
    ours = {p["name"]: p for p in (shared[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in listed)}
    compared = []
    for file in sorted(official("ogcapi-features").glob("**/parameters/*.y*ml")):
        declared = yaml.load(file.read_bytes(), yaml.CSafeLoader)
        if declared["in"] == "path":
            continue
        own = ours[declared["name"]]
        stated = {key: declared[key] for key in ("in", "required", "style", "explode") if key in declared}
        assert {key: own[key] for key in stated} == stated, file.name
        assert own["schema"]["type"] == declared["schema"]["type"], file.name
        compared.append(declared["name"])
    assert sorted(compared) == ["bbox", "bbox-crs", "crs", "datetime", "filter", "filter-crs", "filter-lang", "limit", "sortby"]
    most = ours["limit"]["schema"]["maximum"]
    assert get(ITEMS, params={"limit": most}).status_code == 200
    assert get(ITEMS, params={"limit": most + 1}).json()["code"] == "bad-limit"


def test_the_definition_names_the_time_that_is_negotiated_wherever_one_is(get: Get) -> None:
    """Whatever has as-of takes Accept-Datetime, and says of when an answer is."""
    of_time, as_of = ({"$ref": f"#/components/parameters/{name}"} for name in ("Accept-Datetime", "as-of"))
    read = {path: item["get"] for path, item in get("/openapi").json()["paths"].items() if "get" in item}
    recorded = {path: described for path, described in read.items() if as_of in described["parameters"]}
    assert {path.split("/")[-1] for path in recorded} == {"items", "{item}", "{tileCol}", "search", "download", "export.pmtiles"}
    for path, described in recorded.items():
        assert of_time in described["parameters"], path
        assert {"Memento-Datetime", "Vary"} <= described["responses"]["200"]["headers"].keys(), path
    assert recorded.keys() == {path for path, described in read.items() if of_time in described["parameters"]}


def test_schemas_say_units_codes_roles_and_references(get: Get) -> None:
    dialect = jsonschema.Draft202012Validator
    for path in (*(f"/collections/{slug}/{kind}" for slug in ("buildings", "pipes", "many", "findings") for kind in ("schema",
    "queryables")),
                 "/collections/pipes/sortables", "/queryables"):  # fmt: skip
        document = get(path).json()
        dialect.check_schema(document)
        assert (document["$schema"], document["type"]) == (dialect.META_SCHEMA["$id"], "object")
        assert document["additionalProperties"] is False
        for name, value in document["properties"].items():
            assert ("type" in value) != value.get("format", "").startswith("geometry-"), (path, name)
    pipes = get("/collections/pipes/schema").json()["properties"]
    assert (pipes["outer_diameter_mm"]["x-ogc-unit"], pipes["outer_diameter_mm"]["x-ogc-unitLang"]) == ("mm", "UCUM")
    assert {"const", "title"} <= set(pipes["kind"]["oneOf"][0])
    assert [n for n, v in pipes.items() if v.get("x-ogc-role") == "id"] == ["id"]
    sequence = [v["x-ogc-propertySeq"] for v in pipes.values()]
    assert sequence == sorted(set(sequence))
    sortable = get("/collections/pipes/sortables").json()["properties"]
    assert "id" in sortable
    assert not {"geometry", "admin_codes"} & set(sortable)
    assert "admin_codes" in get("/queryables").json()["properties"]


@pytest.mark.parametrize(
    ("condition", "zh", "en"),
    [
        ("floors_above = 'x'", "数值与文本不能比较", "number is compared with text"),
        ("valid_to > 5", "日期与数值不能比较", "date is compared with number"),
        ("abs('x') > 1", "abs 的参数应为数值", "abs takes a number"),
        ("valid_to > DATE('2001-02-30')", "'2001-02-30' 不是日期", "'2001-02-30' is no date"),
        ("valid_to > TIMESTAMP('yesterday')", "'yesterday' 不是时间", "'yesterday' is no timestamp"),
    ],
)
def test_errors_of_filters_name_types_in_the_callers_language(get: Get, condition: str, zh: str, en: str) -> None:
    for language, words in (("zh", zh), ("en", en)):
        problem = get(ITEMS, params={"filter": condition, "lang": language}).json()
        assert problem["code"] == "bad-filter"
        assert words in problem["detail"]


def test_errors_speak_the_callers_language_and_say_what_is_allowed(base: str) -> None:
    with httpx.Client(base_url=base, timeout=60) as client:
        for method, path, status, *words in (
            ("DELETE", "/collections", 405, "不", "not"),
            ("GET", "/nothing/here", 404, "不", "not"),
            ("GET", f"/search?q={'x' * 40_000}", 414, "过长", "too long"),
        ):
            for language, word in zip(("zh-CN", "en"), words, strict=True):
                response = client.request(method, path, headers={"Accept-Language": language, "X-Request-ID": "abc-1"})
                problem = response.json()
                assert (response.status_code, problem["status"], response.headers["content-type"]) == (
                    status,
                    status,
                    "application/problem+json",
                )
                assert problem["request_id"] == response.headers["x-request-id"] == "abc-1"
                assert problem["code"] not in {"http", "internal"}
                assert word in problem["detail"] or word in problem["title"].lower()
                assert bool(response.headers.get("allow")) is (status == 405)
