"""Requests from outside: h2load (nghttp2) where it is installed, else threads of http.client; what they use is told apart."""

from __future__ import annotations

import http.client
import itertools
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CONNECTIONS = 8
_ACCEPT = "application/geo+json, application/json, */*"
_MOST_S = 120
_US_PER_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back: one entry a request, in no order."""

    status: NDArray[np.int64]
    latency_ms: NDArray[np.float64]
    elapsed_s: float
    """From the first request's begin to the last answer's end."""
    own_cpu_s: float = 0.0
    """What asking has used: CPU time of h2load's processes."""

    def quantile_ms(self, share: float, status: int = 200) -> float:
        """Return a quantile of the latencies of answers with a status; infinite where there are none."""
        chosen = self.latency_ms[self.status == status]
        return float(np.quantile(chosen, share)) if chosen.size else float("inf")

    def per_s(self, status: int = 200) -> float:
        """Return how many answers with a status came in a second."""
        return float(np.count_nonzero(self.status == status)) / self.elapsed_s


def drive(port: int, paths: Sequence[str], requests: int, scratch: Path, *, takes_gzip: bool = False) -> Answers:
    """Send ``requests`` over eight kept-alive connections, each going through ``paths`` from a place of its own."""
    headers = {"accept": _ACCEPT, **({"accept-encoding": "gzip"} if takes_gzip else {})}
    program = shutil.which("h2load")
    share = -(-requests // CONNECTIONS)
    turned = [[*paths[k:], *paths[:k]] for k in (len(paths) * c // CONNECTIONS for c in range(CONNECTIONS))]
    if program is None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return _answers(list(itertools.chain(*pool.map(lambda own: _ask(port, own, share, headers), turned))))
    before_s = _ended_cpu_s()
    # one process a connection: the clients of one h2load would all ask the same at the same time
    runs = [_begin(program, port, own, scratch / f"h2load{c}", ["-n", str(share), "-c", "1"], headers) for c, own in enumerate(turned)]
    return _answers([row for process, log in runs for row in _end(process, log)], before_s)


def drive_at(port: int, path: str, per_s: float, seconds: float, scratch: Path, connections: int = 64) -> Answers:
    """Send requests at a rate of their own for some seconds, whether or not earlier ones have been answered; needs h2load.

    A connection that has no answer yet asks late, and its time runs from then: nothing is left out of the latencies as long as fewer
    requests are open than there are connections, which is so when the answers came at the rate at which they were to be asked for.
    """
    program = shutil.which("h2load")
    if program is None:
        raise RuntimeError("h2load is not installed")
    rate, share = per_s / connections, max(1, round(per_s * seconds / connections))
    # connections begin one after the other, so that requests come evenly: begun together, all would ask at the same time, again and again
    begin = ["-r", "1", f"--rate-period={max(1, round(1000 / per_s))}ms"]
    options = ["-n", str(share * connections), "-c", str(connections), f"--rps={rate:.3f}", *begin]
    before_s = _ended_cpu_s()
    return _answers(_end(*_begin(program, port, [path], scratch / "h2load", options, {"accept": _ACCEPT})), before_s)


def _begin(
    program: str, port: int, paths: Sequence[str], stem: Path, options: Sequence[str], headers: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], Path]:
    uris, log = stem.with_suffix(".uris"), stem.with_suffix(".log")
    uris.write_text("".join(f"http://127.0.0.1:{port}{path}\n" for path in paths), encoding="utf-8")
    log.unlink(missing_ok=True)
    command = [program, "--h1", "-t", "1", "-m", "1", *options, "-i", str(uris), f"--log-file={log}"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), log


def _end(process: subprocess.Popen[bytes], log: Path) -> list[tuple[float, int, float]]:
    try:
        process.wait(_MOST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    found = []
    for line in log.read_text().splitlines():
        began_us, status, took_us, *_ = line.split("\t")
        found.append((int(began_us) / _US_PER_MS, int(status), int(took_us) / _US_PER_MS))
    return found


def _ask(port: int, paths: Sequence[str], count: int, headers: Mapping[str, str]) -> list[tuple[float, int, float]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_MOST_S)
    found = []
    for path in itertools.islice(itertools.cycle(paths), count):
        began = time.time()
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        answer.read()
        found.append((began * 1000, answer.status, (time.time() - began) * 1000))
    connection.close()
    return found


def _ended_cpu_s() -> float:
    """Return the CPU time of our children that have ended: those that ask, while the servers live."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _answers(rows: Sequence[tuple[float, int, float]], before_s: float | None = None) -> Answers:
    """Rows are (begin in ms, status, duration in ms); ``before_s`` is what children had used before they were asked for."""
    if not rows:
        raise RuntimeError("nothing was answered")
    began, status, took = (np.array(column) for column in zip(*rows, strict=True))
    elapsed_s = float((began + took).max() - began.min()) / 1000
    own_cpu_s = 0.0 if before_s is None else _ended_cpu_s() - before_s
    return Answers(status.astype(np.int64), took.astype(np.float64), elapsed_s, own_cpu_s)
