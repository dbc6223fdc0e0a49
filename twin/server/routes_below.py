"""A door whose routes all lie below one prefix: found by the prefix and the number of segments, then by the pattern.

An application of many doors would otherwise try the patterns of all of them, one after another, for every request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from starlette.datastructures import URLPath
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Receive, Scope, Send


class RoutesBelow(BaseRoute):
    """Routes as they would be included with ``prefix``; the same ones are found, in the same order."""

    def __init__(self, prefix: str, routes: Iterable[BaseRoute]) -> None:
        self._prefix, self._below = prefix, f"{prefix}/"
        plain = [route for route in routes if isinstance(route, Route)]
        whole = [Route(prefix + r.path, r.endpoint, methods=sorted(r.methods or ()) or None, name=r.name) for r in plain]
        self._by_segments: dict[int, list[Route]] = defaultdict(list)
        for route in whole:
            if ":path}" not in route.path:  # what spans segments is left to the whole list
                self._by_segments[route.path.count("/")].append(route)
        self._all = Router(whole)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return a full match for every path at or below the prefix."""
        path = scope.get("path", "")
        is_ours = scope["type"] == "http" and (path.startswith(self._below) or path == self._prefix)
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the first route that takes path and method; what none takes is a redirect, a 404 or a 405 that says what is taken."""
        for route in self._by_segments.get(scope["path"].count("/"), ()):
            match, child = route.matches(scope)
            if match is Match.FULL:
                scope["route"] = route
                scope.update(child)
                await route.handle(scope, receive, send)
                return
        found = [(route, *route.matches(scope)) for route in self._all.routes if isinstance(route, Route)]
        others = [(route, child) for route, match, child in found if match is Match.PARTIAL]
        if not others or any(match is Match.FULL for _, match, _ in found):
            await self._all(scope, receive, send)
            return
        for route, child in others:
            if "OPTIONS" in (route.methods or ()):  # who answers OPTIONS knows what may be done here better than the routes do
                scope.update(child)
                await route.app(scope, receive, send)
                return
        taken = sorted({method for route, _ in others for method in route.methods or ()})
        raise HTTPException(405, headers={"Allow": ", ".join(taken)})

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        """Return the path of a route by its name."""
        return self._all.url_path_for(name, **path_params)
