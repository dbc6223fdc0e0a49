"""The scene and the record of commits: our own JSON for the viewer and for scripts."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from twin.errors import NotFoundError
from twin.server.access import principal_of
from twin.server.city import City
from twin.server.routes.answers import json_answer
from twin.server.scene import scene_document


def city_router(city: City) -> APIRouter:
    """Return /scene.json and /api/…."""
    router = APIRouter(tags=["City"])
    door = _CityDoor(city)
    router.add_api_route("/scene.json", door.scene, methods=["GET"])
    router.add_api_route("/api/commits", door.commits, methods=["GET"])
    router.add_api_route("/api/datasets/{dataset}/revisions", door.revisions, methods=["GET"])
    return router


class _CityDoor:
    def __init__(self, city: City) -> None:
        self._city = city

    def scene(self, request: Request) -> Response:
        """What the viewer loads; short-lived, revalidated by ETag."""
        return json_answer(request, scene_document(self._city.catalogue, principal_of(request), self._city.frame.vertical))

    def commits(self, request: Request) -> Response:
        """All commits, oldest first."""
        found = self._city.catalogue.commits()
        return json_answer(
            request,
            [
                {"number": c.number, "time": c.time.isoformat(), "actor": c.actor, "reason": c.reason, "name": c.name, "kind": c.kind}
                for c in found
            ],
        )

    def revisions(self, request: Request, dataset: str) -> Response:
        """All revisions of a dataset with their diff counts and lineage."""
        if self._city.catalogue.dataset(dataset).sharing not in principal_of(request).classes:
            raise NotFoundError(f"there is no dataset {dataset!r}", zh=f"没有数据集 {dataset!r}")
        return json_answer(
            request,
            [
                {
                    "commit": r.commit,
                    "inserted": r.inserted,
                    "updated": r.updated,
                    "deleted": r.deleted,
                    "count": r.count,
                    "lineage": r.lineage,
                }
                for r in self._city.catalogue.revisions(dataset)
            ],
        )
