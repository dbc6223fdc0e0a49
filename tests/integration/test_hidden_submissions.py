"""What came in for a dataset that is not open is not shown to those who may not see the dataset, whatever became of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.test_objects_door import feature, written
from tests.opened_city import get, load, opened_city, request
from twin.errors import RejectedError
from twin.model import SharingClass


@pytest.mark.parametrize(("sharing", "status"), [(SharingClass.OPEN, 200), (SharingClass.RESTRICTED, 404)])
def test_findings_of_a_load_are_as_open_as_its_dataset(database_url: str, open_folder: Path, sharing: SharingClass, status: int) -> None:
    ring = [[119.97, 31.81], [119.9701, 31.81], [119.9701, 31.8101], [119.97, 31.81]]
    good, bad = (feature("Polygon", [ring], 建筑编号="B1", 建筑高度=h) for h in ("9", "-9"))
    with opened_city(database_url, open_folder / "data", 4549) as city:
        asked = (None, "building", "buildings")
        published = load(city, request(written(open_folder / "a.geojson", [good]), asked, sharing=sharing)).submission
        with pytest.raises(RejectedError):  # its dataset is forgotten
            load(city, request(written(open_folder / "b.geojson", [bad]), (None, "building", "others"), sharing=sharing))
        with city.pool.connection() as connection:
            submissions = [row[0] for row in connection.execute("SELECT id FROM catalog.submission")]
        answers = get(city, *(f"/api/submissions/{s}{what}" for s in submissions for what in ("", "/findings")))
        listed, commits, commit = get(city, "/api/submissions", "/api/commits", "/api/commits/1")
    assert published in submissions
    assert {a.status_code for a in answers} == {status}
    assert len(listed.json()) == (2 if status == 200 else 0)
    assert (len(commits.json()), commit.status_code) == ((1, 200) if status == 200 else (0, 404))


def test_the_words_of_a_commit_are_for_those_who_may_see_all_that_it_changed(database_url: str, open_folder: Path) -> None:
    ring = [[119.97, 31.81], [119.9701, 31.81], [119.9701, 31.8101], [119.97, 31.81]]
    files = [written(open_folder / f"{n}.geojson", [feature("Polygon", [ring], 建筑编号=f"B{n}", 建筑高度="9")]) for n in range(3)]
    beside = """
        INSERT INTO catalog.revision (dataset, commit, inserted, updated, deleted, count, lineage)
        SELECT (SELECT id FROM catalog.dataset WHERE slug = 'base'), 2, inserted, updated, deleted, count, lineage
        FROM catalog.revision WHERE commit = 1
    """
    with opened_city(database_url, open_folder / "data", 4549) as city:
        load(city, request(files[0], (None, "building", "buildings"), reason="first survey"))
        load(city, request(files[1], (None, "building", "others"), reason="survey around the secret base"))
        load(city, request(files[2], (None, "building", "base"), reason="the base", sharing=SharingClass.RESTRICTED))
        with city.pool.connection() as connection:
            connection.execute(beside)
        commits, one, versions = get(city, "/api/commits", "/api/commits/2", "/ogc/collections/others/versions")
    assert [(c["number"], c["reason"]) for c in commits.json()] == [(1, "first survey"), (2, None)]
    assert (one.json()["reason"], [r["dataset"] for r in one.json()["revisions"]]) == (None, ["others"])
    assert [v["reason"] for v in versions.json()["versions"]] == [None]
    assert "base" not in commits.text + one.text + versions.text
