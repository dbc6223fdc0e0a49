"""Whether we live, whether we can serve, and how we are doing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.errors import TwinError
from twin.server.city import City
from twin.server.store_watch import StoreWatch

_LOW_DISK_BYTES = 256 << 20


class Metrics:
    """Counts and durations of requests by route, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("twin_requests_total", "Requests", ["method", "route", "status"], registry=self.registry)
        self.seconds = Histogram("twin_request_seconds", "Time to the last byte", ["route"], registry=self.registry)
        self.disk_free = Gauge("twin_disk_free_bytes", "Room left for data", registry=self.registry, multiprocess_mode="mostrecent")
        self.last_commit = Gauge("twin_last_commit", "Number of the newest commit", registry=self.registry, multiprocess_mode="mostrecent")

    def exposition(self) -> bytes:
        """Return the counts in the text format of Prometheus: those of every web process where there are several."""
        if values.ValueClass is values.MutexValue:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # prometheus_client is typed but here
        return generate_latest(together)


class MetricsMiddleware:
    """Counts every request under the pattern of its route, never under its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._seconds = metrics.seconds.labels("all")
        self._counted: dict[tuple[str, str, int], Counter] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note its status and duration."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        finally:
            self._seconds.observe(time.perf_counter() - began)
        self._counter(scope["method"], getattr(scope.get("route"), "path", "unmatched"), status).inc()

    def _counter(self, method: str, route: str, status: int) -> Counter:
        asked = (method, route, status)
        if asked not in self._counted:
            self._counted[asked] = self._metrics.requests.labels(method, route, str(status))
        return self._counted[asked]


def health_router(city: City, metrics: Metrics) -> APIRouter:
    """Return /livez, /readyz and /metrics."""
    router, watch = APIRouter(tags=["Health"]), StoreWatch(city.store)

    def livez() -> Response:
        """Alive: never asks the database."""
        return Response("ok\n", media_type="text/plain")

    def readyz() -> Response:
        """Ready: the database and the object store answer, and there is room on the disk."""
        try:
            city.catalogue.refresh()
        except TwinError as error:
            return Response(f"database: {error.text.en}\n", 503, media_type="text/plain", headers={"Retry-After": "5"})
        if (complaint := watch.complaint()) is not None:
            return Response(f"store: {complaint.en}\n", 503, media_type="text/plain", headers={"Retry-After": "5"})
        if shutil.disk_usage(city.settings.data_dir).free < _LOW_DISK_BYTES:
            return Response("disk: nearly full\n", 503, media_type="text/plain")
        return Response("ready\n", media_type="text/plain")

    def show_metrics() -> Response:
        """Prometheus metrics."""
        metrics.disk_free.set(shutil.disk_usage(city.settings.data_dir).free)
        metrics.last_commit.set(city.catalogue.last_commit())
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    routes: tuple[tuple[str, Callable[[], Response | Awaitable[Response]]], ...] = (
        ("/livez", livez),
        ("/readyz", readyz),
        ("/metrics", show_metrics),
    )
    for path, handler in routes:
        router.add_api_route(path, handler, methods=["GET"])
    return router
