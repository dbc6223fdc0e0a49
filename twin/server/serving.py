"""Serving: one or several web processes on one socket, the build worker beside them, and a clean end of all."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from twin.errors import BadRequestError, UnavailableError
from twin.server.app import create_app
from twin.server.city import City, open_city
from twin.server.door_pools import load_compiled_code
from twin.server.events import EventHub
from twin.server.kept_process import end_with_parent, kept_processes
from twin.server.long_lived import keep_for_good
from twin.server.settings import Settings
from twin.server.terminal import Terminal

GRACE_S = 10
"""How long running requests may take to finish when the server is told to stop."""
_CLOSING_S = 5
"""What a web process may take beyond GRACE_S to close its connections."""
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client is told where processes put their counts together."""
_WEB_PROCESSES = "TWIN_WORKERS"
"""By which each is told how many they are, also where the command line says it."""


def serve_city(settings: Settings, terminal: Terminal, processes: int = 1) -> int:
    """Serve the city of ``settings`` until SIGINT or SIGTERM; nothing it started outlives it.

    Several ``processes`` accept from one socket; one that dies is begun anew while the others serve.
    """
    with listening_socket(settings) as listener, open_city(settings, pool_size=8 if processes == 1 else 1) as city:
        _ = city.deployment
        if processes == 1:
            run_server(city, listener, terminal)
        else:
            _run_processes(city, listener, terminal, processes)
    return 0


def serve_inherited(settings: Settings, descriptor: int) -> int:
    """Serve the city on the listening socket ``descriptor`` that our parent has opened, until it ends or tells us to."""
    end_with_parent()
    with socket.socket(fileno=descriptor) as listener, open_city(settings, pool_size=8) as city:
        _run_web(city, listener)
    return 0


def run_server(city: City, listener: socket.socket, terminal: Terminal) -> None:
    """Serve an opened city on ``listener`` until told to stop, with a worker that builds what is missing."""
    with worker_process(city.settings):
        load_compiled_code()  # it is no word of being ready that a minute of compiling follows
        _say_ready(city, listener, terminal)
        _run_web(city, listener)


def _run_processes(city: City, listener: socket.socket, terminal: Terminal, count: int) -> None:
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    command = ("serve", "--listening", str(listener.fileno()), "--data-dir", str(city.settings.data_dir))
    with tempfile.TemporaryDirectory(prefix="twin-metrics-") as counts, worker_process(city.settings):
        environment = _environment(city.settings) | {_METRICS_FOLDER: counts, _WEB_PROCESSES: str(count)}
        grace_s = GRACE_S + _CLOSING_S
        load_compiled_code()  # or each of them would compile the same
        with kept_processes("web process", command, environment, grace_s=grace_s, count=count, descriptors=(listener.fileno(),)):
            _say_ready(city, listener, terminal)
            told.wait()


def _run_web(city: City, listener: socket.socket) -> None:
    app = create_app(city)
    _Server(server_config(city.settings, app), app.state.events).run(sockets=[listener])


def server_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """Return how an application is served; who a caller is said to be is believed of the proxies that the settings name only."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        lifespan="on",
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


def _say_ready(city: City, listener: socket.socket, terminal: Terminal) -> None:
    host, port = listener.getsockname()[:2]
    terminal.say(
        f"城市“{city.deployment.name}”已就绪：http://{host}:{port}/ （Ctrl-C 结束）",
        f"{city.deployment.name} is served at http://{host}:{port}/ (Ctrl-C ends)",
    )


class _Server(uvicorn.Server):
    """Keeps for good what it has loaded; told to stop, it ends the streams of events, which it would else wait for."""

    def __init__(self, config: uvicorn.Config, events: EventHub) -> None:
        super().__init__(config)
        self._events = events

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        keep_for_good()

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


def worker_process(settings: Settings) -> contextlib.AbstractContextManager[None]:
    """Return the context of a build worker in a process of its own."""
    command = ("worker", "--with-parent", "--data-dir", str(settings.data_dir))
    return kept_processes("worker", command, _environment(settings), grace_s=GRACE_S)


def _environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, "TWIN_DATA_DIR": str(settings.data_dir)}
