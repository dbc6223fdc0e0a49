"""docs/featuretypes.md says what the schema says: every key, rule and form has its line, and the example there loads."""

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from twin.featuretypes.loader import load_feature_types

DOC = (Path(__file__).parents[2] / "docs/featuretypes.md").read_text("utf-8")
SCHEMA = json.loads(resources.files("twin.featuretypes").joinpath("featuretype.schema.json").read_text("utf-8"))
DEFS = SCHEMA["$defs"]
WORDS = {
    *SCHEMA["properties"],
    *DEFS["field"]["properties"],
    *DEFS["style"]["properties"],
    *DEFS["codelist"]["properties"],
    *DEFS["codelist"]["properties"]["codes"]["items"]["properties"],
    *DEFS["severity"]["enum"],
    *DEFS["recipe"]["properties"]["form"]["enum"],
    *DEFS["field"]["properties"]["type"]["enum"],
    *DEFS["field"]["properties"]["derived"]["enum"],
}


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_of_the_schema_is_explained(word: str) -> None:
    assert f"`{word}`" in DOC


def test_the_example_is_a_feature_type(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", DOC, re.DOTALL).group(1)
    (tmp_path / "street_tree.yaml").write_text(example, "utf-8")
    assert load_feature_types(tmp_path)["street_tree"].natural_key == ("tree_id",)
