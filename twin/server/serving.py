"""Serving: the web process, its build worker beside it, and a clean end of both."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn

from twin.errors import BadRequestError, UnavailableError
from twin.server.app import create_app
from twin.server.city import City, open_city
from twin.server.events import EventHub
from twin.server.settings import Settings
from twin.server.terminal import Terminal

_LOG = logging.getLogger("twin.serving")
_LOOK_S = 0.2
"""How often it is looked whether the worker lives."""
_PAUSE_S = 1.0
"""Between a worker's end and the next one's beginning, so that one that cannot begin does not take the machine."""
GRACE_S = 10
"""How long running requests may take to finish when the server is told to stop."""


def serve_city(settings: Settings, terminal: Terminal) -> int:
    """Serve the city of ``settings`` until SIGINT or SIGTERM; nothing it started outlives it."""
    with listening_socket(settings) as listener, open_city(settings, pool_size=8) as city:
        _ = city.deployment
        run_server(city, listener, terminal)
    return 0


def run_server(city: City, listener: socket.socket, terminal: Terminal) -> None:
    """Serve an opened city on ``listener`` until told to stop, with a worker that builds what is missing."""
    host, port = listener.getsockname()[:2]
    with worker_process(city.settings):
        terminal.say(
            f"城市“{city.deployment.name}”已就绪：http://{host}:{port}/ （Ctrl-C 结束）",
            f"{city.deployment.name} is served at http://{host}:{port}/ (Ctrl-C ends)",
        )
        app = create_app(city)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_S, server_header=False, lifespan="on"
        )
        _Server(config, app.state.events).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the streams of events when it is told to stop: it would wait for them to end by themselves."""

    def __init__(self, config: uvicorn.Config, events: EventHub) -> None:
        super().__init__(config)
        self._events = events

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._events.close_soon()
        super().handle_exit(sig, frame)


@contextlib.contextmanager
def listening_socket(settings: Settings) -> Iterator[socket.socket]:
    """Bind the address before anything else is done, so that a taken port is told at once; UnavailableError when it is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
            listener.listen(512)
        except OSError as error:
            if error.errno == errno.EACCES:
                raise BadRequestError(
                    f"port {settings.port} needs root; choose one from 1024 with --port N",
                    zh=f"端口 {settings.port} 需要 root 权限，请用 --port N 选 1024 以上",
                ).with_code("port-forbidden") from error
            if error.errno == errno.EADDRINUSE:
                raise UnavailableError(
                    f"port {settings.port} of {settings.host} is taken; choose another with --port N",
                    zh=f"{settings.host} 的端口 {settings.port} 被占用，请用 --port N 另选",
                ).with_code("port-taken") from error
            raise BadRequestError(f"cannot listen on {settings.host}", zh=f"无法监听 {settings.host}") from error
        yield listener


@contextlib.contextmanager
def worker_process(settings: Settings) -> Iterator[None]:
    """Have a worker in a process of its own for the block: begun anew when it dies, ended with us even when we are killed."""
    stopping = threading.Event()
    keeper = threading.Thread(target=_keep_worker, args=(settings, stopping), name="worker keeper")
    keeper.start()
    try:
        yield
    finally:
        stopping.set()
        keeper.join()


def _keep_worker(settings: Settings, stopping: threading.Event) -> None:
    environment = {**os.environ, "TWIN_DATA_DIR": str(settings.data_dir)}
    command = [sys.executable, "-m", "twin.server.cli", "worker", "--with-parent", "--data-dir", str(settings.data_dir)]
    while not stopping.is_set():
        worker = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
        while not stopping.wait(_LOOK_S) and worker.poll() is None:
            pass
        _end(worker)
        if not stopping.wait(_PAUSE_S):
            _LOG.warning("the worker ended with %s: begun anew", worker.returncode)


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGTERM)
    try:
        worker.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    if worker.stdin is not None:
        worker.stdin.close()
