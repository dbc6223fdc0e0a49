"""`twin serve` and the worker beside it."""

from __future__ import annotations

import argparse

from twin.server.serving import serve_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal


def serve(settings: Settings, options: argparse.Namespace, terminal: Terminal) -> int:
    """Serve the city until Ctrl-C."""
    if options.host:
        settings = settings.listening_on(options.host)
    return serve_city(settings, terminal)
