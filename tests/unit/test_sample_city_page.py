"""docs/sample-city.md names every file, layer and kind of fact that the generator writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from sample_city import Manifest

PAGE = Path(__file__).parents[2] / "docs" / "sample-city.md"


@pytest.mark.parametrize("subject", ["files", "facts"])
def test_the_page_names_all(subject: str, sample_city_folder: Path, sample_city_manifest: Manifest) -> None:
    page = PAGE.read_text(encoding="utf-8")
    if subject == "files":
        written = {p.relative_to(sample_city_folder).as_posix() for p in sample_city_folder.rglob("*") if p.is_file()}
        # the formats of one model share their name
        names = {name.removesuffix(".gml") for name in written}
        names |= {source.layer for source in sample_city_manifest.sources if source.file.endswith((".gpkg", ".xlsx"))}
    else:
        names = {f"`{fact.kind}`" for fact in sample_city_manifest.facts}
    assert {name for name in names if name not in page} == set()
