"""Serving: the web process, its build worker beside it, and a clean end of both."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import uvicorn

from twin.errors import BadRequestError, UnavailableError
from twin.server.app import create_app
from twin.server.city import City, open_city
from twin.server.settings import Settings
from twin.server.terminal import Terminal

GRACE_S = 10
"""How long running requests may take to finish when the server is told to stop."""


def serve_city(settings: Settings, terminal: Terminal) -> int:
    """Serve the city of ``settings`` until SIGINT or SIGTERM; nothing it started outlives it."""
    with listening_socket(settings) as listener, open_city(settings) as city:
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
        config = uvicorn.Config(
            create_app(city), log_level="warning", access_log=False, timeout_graceful_shutdown=GRACE_S, server_header=False, lifespan="on"
        )
        uvicorn.Server(config).run(sockets=[listener])


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
    """Have a build worker of its own process for the block; it ends with us, even when we are killed."""
    environment = {**os.environ, "TWIN_DATA_DIR": str(settings.data_dir)}
    command = [sys.executable, "-m", "twin.server.cli", "worker", "--with-parent", "--data-dir", str(settings.data_dir)]
    worker = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
