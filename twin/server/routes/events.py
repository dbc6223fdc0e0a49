"""/api/events: what happens, as server-sent events (WHATWG HTML, server-sent events)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from twin.server.access import principal_of
from twin.server.events import EventHub


def events_router(hub: EventHub) -> APIRouter:
    """Return /api/events."""
    router = APIRouter(tags=["Events"])

    async def events(request: Request) -> StreamingResponse:
        """Commits, 3D forms being built and built, and submissions on their way, as they happen.

        `commit` {number, datasets}; `asset` {dataset, revision, state}, while it is built with progress {done, total, per_s, left_s};
        `submission` {id, state, progress}; `resync`: something may have been missed, read all anew.
        """
        hub.require_room()
        stream = hub.stream(principal_of(request), request.headers.get("last-event-id"))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    router.add_api_route("/api/events", events, methods=["GET"], response_class=StreamingResponse)
    return router
