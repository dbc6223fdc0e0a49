"""The two columns of real-world validity that every FeatureType has without naming them (DESIGN 6)."""

from __future__ import annotations

from twin.errors import Text
from twin.model import Field

RESERVED_COLUMNS = frozenset(
    {
        "admin_codes",
        "commit_from",
        "commit_to",
        "dataset",
        "extra",
        "fid",
        "geom",
        "geometry",
        "id",
        "natural_key",
        "oid",
        "row",
        "valid_from",
        "valid_to",
    }
)
"""Names no FeatureType may give a field: columns of every table, and members of every item."""


def validity_fields() -> tuple[Field, Field]:
    """Return the fields valid_from and valid_to, half-open [from, to), with the column names sources use for them."""
    return (
        Field(
            name="valid_from",
            type="date",
            title=Text(zh="启用日期", en="Valid from"),
            aliases=("有效期起", "生效日期", "起始日期", "有效开始日期", "validFrom", "start_date"),
        ),
        Field(
            name="valid_to",
            type="date",
            title=Text(zh="停用日期", en="Valid to"),
            aliases=("有效期止", "失效日期", "终止日期", "废止日期", "有效结束日期", "validTo", "end_date"),
        ),
    )
