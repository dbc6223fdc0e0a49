"""A copy of ogctests in which the lines that fail by themselves ask what their own text says they ask, each with what is wrong in it.

Lines that are no longer there end the run: a release that mends one of them is to be seen.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mend:
    """A line of a file of theirs and what takes its place; without one what follows at the end."""

    file: str
    theirs: str | None
    meant: str
    wrong: str


_ASKED = """f"{queryable}={resource['value']}" if lang["default"] else (
                '{"op":"=","args":[{"property":"%s"},%s]}' % (queryable, resource["value"]))"""
_NONSENSE = """f"{queryable}='no number'" if lang["default"] else '{"op":"=","args":[{"property":"%s"},"x"]}' % queryable"""
_SAMPLE = """numbers = [name for name, prop in properties.items() if prop.get("type") in {"integer", "number"}]
        page = http_client.get(resource["url"], headers={"Accept": resource["media_type"]}).json()["features"]
        values = [(name, f["properties"][name]) for f in page for name in numbers if f["properties"].get(name) is not None]
        queryable, resource["value"] = values[0] if values else (queryable, None)
        resource["queryable"] = queryable"""
_SKIPPED = """if resource["value"] is None:
            continue
        """
_BOXES = """
        if resource["spatial_queryable"] is None:
            continue
        whole = {feature["id"] for feature in http_client.get(url, headers=headers).json()["features"]}
        within = http_client.get(url, headers=headers, params=params)
        assert within.status_code == 200
        assert {feature["id"] for feature in within.json()["features"]} == whole
        params["filter"] = f"S_INTERSECTS({resource['spatial_queryable']},BBOX(1000000,1000000,2000000,2000000))"
        assert http_client.get(url, headers=headers, params=params).status_code == 400
"""
_LINKS, _QUERYABLES, _PARAMETERS, _FILTER = (
    f"features/filtering/{name}.py" for name in ("utils", "test_queryables", "test_queryables_query_parameters", "test_filter")
)
MENDS = (
    Mend("conftest.py", "httpx.Client()", "httpx.Client(timeout=60)", "a busy machine is slow, not wrong"),
    Mend("features/core/test_collections.py", "OGC/1.3/CRS84H", "OGC/0/CRS84h", "CRS84h is spelled otherwise than in its own text"),
    Mend(_LINKS, 'parsed_link["iri"] = part', 'parsed_link["href"] = part[1:-1]', "the address is looked for as href (RFC 8288, 3)"),
    Mend(_LINKS, "= v.strip()", "= v.strip(' \"')", "the quotes are no part of a value (RFC 8288, 3)"),
    Mend(_QUERYABLES, '["queryables_uri"] = queryables_uri', '["queryables_uri"] = queryables_uri[0]', "a list is handed on as an address"),
    Mend(_QUERYABLES, 'resource["queryable"] = queryable', _SAMPLE,
         "a valid value is taken from nowhere; an invalid one only numbers have"),
    Mend(_PARAMETERS, "media_type = resource", f"{_SKIPPED}media_type = resource", "a collection without numbers has no sample"),
    Mend(_FILTER, 'queryable = resource["queryable"]\n        for lang',
         f'{_SKIPPED}queryable = resource["queryable"]\n        for lang', "the same"),
    Mend(_PARAMETERS, '"valid-value"', 'resource["value"]', "left to be filled in"),
    Mend(_FILTER, '{"filter-lang": lang, "filter": f"{queryable}=valid"}', f'{{"filter-lang": lang["name"], "filter": {_ASKED}}}',
         "a dict is sent for a language, a word for a value"),
    Mend(_FILTER, '{"filter-lang": lang, "filter": f"{queryable}=invalid"}', f'{{"filter-lang": lang["name"], "filter": {_NONSENSE}}}',
         "the same"),
    Mend(_FILTER, 'feature.get(queryable, "") == queryable', 'feature["properties"][queryable] == resource["value"]',
         "a name is compared with a member of the feature"),
    Mend(_FILTER, """params = {"filter": f"{queryable['key']}='{queryable['value']}'"}""",
         f"""{_SKIPPED}params = {{"filter": f"{{queryable}}={{resource['value']}}"}}""", "the name is taken for a dict"),
    Mend(_FILTER, 'feature.get(queryable["key"], "") == queryable["value"]', 'feature["properties"][queryable] == resource["value"]',
         "the same"),
    Mend(_FILTER, 'if resource["additional_properties"]', 'if not resource["additional_properties"]', "its text says: where it is false"),
    Mend(_FILTER, '""".format(', '""", (', "the braces of JSON are taken for places to fill in"),
    Mend(_FILTER, "CQL2_FILTER_LANG.json", '"cql2-text"', "the name is defined nowhere"),
    Mend(_FILTER, "f\"{resource['spatial_queryable']}={bbox}\"",
         "f\"S_INTERSECTS({resource['spatial_queryable']},BBOX({','.join(map(str, bbox[0]))}))\"", "no filter with a spatial predicate"),
    Mend(_FILTER, None, _BOXES, "nothing is asked and nothing looked at"),
)  # fmt: skip


def mended_copy(package: Path, folder: Path) -> None:
    """Copy the package to a folder and mend the copy; AssertionError where a line is not there exactly once."""
    copy = folder / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for mend in MENDS:
        path = copy / mend.file
        text = path.read_text("utf-8")
        if mend.theirs is None:
            path.write_text(text + mend.meant, "utf-8")
            continue
        assert text.count(mend.theirs) == 1, (mend.file, mend.theirs)
        path.write_text(text.replace(mend.theirs, mend.meant), "utf-8")
