"""`twin serve`: the web processes and the worker beside them."""

from __future__ import annotations

import argparse

from twin.server.serving import serve_city, serve_inherited
from twin.server.settings import Settings
from twin.server.terminal import Terminal


def serve(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Serve the city until Ctrl-C."""
    if options.listening is not None:
        return serve_inherited(settings, options.listening)
    if options.host:
        settings = settings.listening_on(options.host)
    return serve_city(settings, terminal, options.workers or settings.web_processes)
