"""Loaded once by the server that workers are forked from (`tiles.worker_processes`), and by nobody else: importing it warms the engine."""

from __future__ import annotations

from tiles import chunk_task  # noqa: F401 - what workers run
from tiles.warm import warm

warm()
