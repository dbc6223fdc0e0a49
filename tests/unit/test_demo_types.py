"""FeatureTypes of the demo cities with real data: they load, and every column they name is in the source."""

from pathlib import Path

import pytest

from twin.featuretypes.loader import load_feature_types
from twin.featuretypes.spelling import column_spelling

ROOT = Path(__file__).parents[2] / "twin/server/demo_types"


@pytest.mark.parametrize("city", sorted(folder.name for folder in ROOT.iterdir()))
def test_types_of_a_demo_city_load_beside_the_packaged_ones(city: str) -> None:
    packaged, own = load_feature_types(), load_feature_types(ROOT / city)
    assert {path.stem for path in (ROOT / city).glob("*.yaml")} == {name for name in own if own[name] != packaged.get(name)}


@pytest.mark.parametrize(
    ("city", "feature_type", "columns"),
    [
        ("rotterdam", "pipe_node", "CODE STRAAT_NAA MATERIAAL1 PUTFUNCT_2 AANLEGJAAR MAAIVELD PUTBREEDTE"),
        ("rotterdam", "pipe_segment", "CODE BEGINPUT EINDPUT STRAATNAAM MATERIAAL_ BUISTYPE_N AANLEGJAAR BOB_ACTUEE BOB_ACTU_1 width"),
        ("chicago", "zoning_district", "objectid zone_type zone_class"),
        ("numazu", "use_district", "cityjson_id function floorAreaRate buildingCoverageRate custodian notificationNumber"),
        ("numazu", "current_land_use", "cityjson_id class landUseDetailAttribute.surveyYear"),
    ],
)
def test_columns_of_the_register_feed_one_field_each(city: str, feature_type: str, columns: str) -> None:
    fields = load_feature_types(ROOT / city)[feature_type].fields
    feeds = [
        [f.name for f in fields if column_spelling(column) in {column_spelling(t) for t in (f.name, *f.aliases)}]
        for column in columns.split()
    ]
    assert [len(names) for names in feeds] == [1] * len(feeds)
    assert len({names[0] for names in feeds}) == len(feeds)
