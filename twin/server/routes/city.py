"""The scene and the record of commits: our own JSON for the viewer and for scripts."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from twin.errors import NotFoundError
from twin.model import Commit, Revision
from twin.server.access import principal_of
from twin.server.city import City
from twin.server.routes.answers import json_answer
from twin.server.routes.numbers import know_numbers
from twin.server.scene import scene_document


def city_router(city: City) -> APIRouter:
    """Return /scene.json and /api/…."""
    know_numbers()
    router = APIRouter(tags=["City"])
    door = _CityDoor(city)
    router.add_api_route("/scene.json", door.scene, methods=["GET"])
    router.add_api_route("/api/commits", door.commits, methods=["GET"])
    router.add_api_route("/api/commits/{number:number}", door.commit, methods=["GET"])
    router.add_api_route("/api/datasets/{dataset}/revisions", door.revisions, methods=["GET"])
    return router


class _CityDoor:
    def __init__(self, city: City) -> None:
        self._city = city

    def scene(self, request: Request) -> Response:
        """What the viewer loads; short-lived, revalidated by ETag."""
        city = self._city
        return json_answer(request, scene_document(city.catalogue, principal_of(request), city.frame.vertical, city.styles))

    def commits(self, request: Request) -> Response:
        """The commits of datasets the caller may see, oldest first."""
        return json_answer(request, self._visible(request))

    def commit(self, request: Request, number: int) -> Response:
        """One commit with the revisions it made, their lineage with what a reviewer let pass."""
        catalogue, classes = self._city.catalogue, principal_of(request).classes
        found = next((c for c in self._visible(request) if c["number"] == number), None)
        if found is None:
            raise NotFoundError(f"there is no commit {number}", zh=f"没有提交 {number}")
        revisions = [
            {"dataset": d.slug, **_revision(r)}
            for d in catalogue.datasets()
            if d.sharing in classes
            for r in catalogue.revisions(d.slug)
            if r.commit == number
        ]
        return json_answer(request, {**found, "revisions": revisions})

    def revisions(self, request: Request, dataset: str) -> Response:
        """All revisions of a dataset with their diff counts and lineage."""
        if self._city.catalogue.dataset(dataset).sharing not in principal_of(request).classes:
            raise NotFoundError(f"there is no dataset {dataset!r}", zh=f"没有数据集 {dataset!r}")
        return json_answer(request, [_revision(r) for r in self._city.catalogue.revisions(dataset)])

    def _visible(self, request: Request) -> list[dict[str, object]]:
        """Return commits, each with its words only if the caller may see all that it changed: they may name what is hidden."""
        catalogue, classes = self._city.catalogue, principal_of(request).classes
        sharing = catalogue.sharing_of_commits()
        changed = [(c, sharing.get(c.number, frozenset())) for c in catalogue.commits()]
        return [_commit(c) | ({} if of <= classes else {"reason": None, "name": None}) for c, of in changed if of & classes]


def _commit(c: Commit) -> dict[str, object]:
    return {"number": c.number, "time": c.time.isoformat(), "actor": c.actor, "reason": c.reason, "name": c.name, "kind": c.kind}


def _revision(r: Revision) -> dict[str, object]:
    return {
        "commit": r.commit,
        "inserted": r.inserted,
        "updated": r.updated,
        "deleted": r.deleted,
        "count": r.count,
        "lineage": r.lineage,
    }
