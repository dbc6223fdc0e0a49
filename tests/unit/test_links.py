"""Addresses in links: what the standard library would write, and the caller's own address."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from ogc.links import _kept_base_url, base_url, with_parameters

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_parameters_are_written_as_the_standard_library_does_and_read_back(pairs: list[tuple[str, str]]) -> None:
    address = with_parameters("http://city/items", pairs)
    assert address == f"http://city/items?{urlencode(pairs, safe=',:/', quote_via=quote)}"
    assert parse_qsl(address.partition("?")[2], keep_blank_values=True) == pairs


@pytest.mark.parametrize(
    ("scheme", "host", "root", "found"),
    [
        ("http", "city.example:8080", "", "http://city.example:8080/ogc"),
        ("https", "city.example", "/twin", "https://city.example/twin/ogc"),
        ("http", None, "", "http://127.0.0.1:8000/ogc"),
    ],
)
def test_links_begin_with_the_address_that_the_caller_used(scheme: str, host: str | None, root: str, found: str) -> None:
    headers = [] if host is None else [(b"host", host.encode())]
    scope = {
        "type": "http",
        "scheme": scheme,
        "server": ("127.0.0.1", 8000),
        "root_path": root,
        "path": f"{root}/ogc/x",
        "headers": headers,
    }
    request = Request({**scope, "method": "GET", "query_string": b"a=1"})
    assert base_url(request) == f"{str(request.base_url).rstrip('/')}/ogc"
    assert base_url(request) == found


def test_hosts_without_end_are_not_remembered() -> None:
    before = _kept_base_url.cache_info().currsize
    scope = {"type": "http", "scheme": "http", "path": "/", "method": "GET", "query_string": b""}
    long = "a" * 30_000
    assert base_url(Request(scope | {"headers": [(b"host", long.encode())]})) == f"http://{long}/ogc"
    assert _kept_base_url.cache_info().currsize == before
