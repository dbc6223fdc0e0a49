"""A dataset whose values break careless doors; what each holds is held against what every door and format gives back."""

from __future__ import annotations

from collections.abc import Mapping

import query_city as city
from query_city import Row

from twin.catalogue import Catalogue

SLUG = "odd"
BEYOND_DOUBLE = 2**53 + 1
TEXTS = (
    'DN<300 & >100 "q"', "", "a\u2028b\u2029c", "😀👩\u200d👩\u200d👧\u200d👦🏙", "常州市新北区·𠮷野家", "'; DROP TABLE x; --",
    "back\\slash /slash", "tab\tline\nend", " leading and trailing ", "=HYPERLINK(1)", "null", "é é", "&lt;b&gt; &amp;",
    "<![CDATA[x]]>", '{"a": [1]}', "a,b;c|d",
)  # fmt: skip
"""By fid, from 1; one more feature has no name at all."""


def publish(catalogue: Catalogue) -> Mapping[int, Mapping[str, object]]:
    """Publish the dataset ``odd`` and return its properties by fid."""
    values: dict[int, dict[str, object]] = {
        fid: {"building_id": f"O{fid}", "name": text, "floors_above": BEYOND_DOUBLE + 2 * fid, "height_m": fid / 7}
        for fid, text in enumerate(TEXTS, 1)
    }
    values[len(TEXTS) + 1] = {"building_id": "none", "name": None, "floors_above": -BEYOND_DOUBLE, "height_m": None}
    city.publish_first(catalogue, SLUG, "building", [Row(fid, city.square(fid * 30, 900, z=7.0), v) for fid, v in values.items()])
    return values
