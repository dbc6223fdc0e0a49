"""The template of workers: kept between builds, ended when idle or closed, and none that is killed or ends fails a build."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tiles import worker_processes
from tiles.worker_processes import ProcessWorkers, WorkerTemplate
from tiles.workers import WorkerError

SILENT = "import os, pathlib, sys, time; os.close(int(sys.argv[1])); pathlib.Path({path!r}).write_text(str(os.getpid())); time.sleep(600)"
"""A template that does not listen any more and yet has not ended."""


@dataclass(frozen=True)
class Named:
    """A task that says whose child its process is, and which that is."""

    def run(self) -> tuple[int, int]:
        return os.getppid(), os.getpid()


def built(template: WorkerTemplate) -> tuple[int, int]:
    """Return the processes of the template and of the worker of a build of one task."""
    with ProcessWorkers(1, template=template) as workers:
        return workers.submit(Named()).result()


def wait_until(holds: Callable[[], bool]) -> None:
    """Return once it ``holds``; a failure after a minute."""
    last = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < last
        time.sleep(0.02)


def is_gone(process: int) -> bool:
    """Return whether nothing is left of it, not even a zombie."""
    return not Path(f"/proc/{process}").exists()


def children() -> set[int]:
    """Return the children of this process, zombies too."""
    found: set[int] = set()
    for listed in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that ended meanwhile
            found |= {int(number) for number in listed.read_text().split()}
    return found


def test_a_template_is_kept_between_builds_and_replaced_when_it_has_ended() -> None:
    with WorkerTemplate() as template:
        first, drawer = built(template)
        again, another = built(template)
        assert again == first
        assert another != drawer
        wait_until(lambda: is_gone(drawer))  # while its template lives: afterwards whoever inherits it has to reap it
        os.kill(first, signal.SIGKILL)
        last, _ = built(template)
        assert last != first
    assert is_gone(first)
    assert is_gone(last)


def test_a_template_that_is_killed_with_what_was_asked_of_it_is_replaced() -> None:
    with WorkerTemplate() as template:
        first, _ = built(template)
        os.kill(first, signal.SIGSTOP)
        with ProcessWorkers(1, template=template) as workers:
            asked = workers.submit(Named())
            time.sleep(0.1)
            os.kill(first, signal.SIGKILL)
            assert asked.result()[0] != first


def test_a_killed_template_leaves_nothing_though_no_build_follows() -> None:
    with WorkerTemplate() as template:
        first, _ = built(template)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: is_gone(first))


def test_a_template_that_listens_no_more_but_has_not_ended_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = tmp_path / "process"
    silent = f"import os\nif not os.path.exists({str(said)!r}): {SILENT.format(path=str(said))}\n"
    monkeypatch.setattr(worker_processes, "_BOOT", silent + worker_processes._BOOT)
    with WorkerTemplate() as template:
        template.start()
        wait_until(said.exists)
        assert built(template)[0] != int(said.read_text())


def test_an_idle_template_ends_and_another_one_serves_the_next_build() -> None:
    before = children()
    with WorkerTemplate(idle_s=0.05) as template:
        built(template)
        wait_until(lambda: children() <= before)
        built(template)


def test_close_ends_a_template_that_is_still_coming_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = tmp_path / "process"
    monkeypatch.setattr(worker_processes, "_BOOT", SILENT.format(path=str(said)).replace("os.close(int(sys.argv[1]))", "pass"))
    with WorkerTemplate() as template:
        template.start()
        wait_until(lambda: said.exists() and said.read_text() != "")
    assert is_gone(int(said.read_text()))
    with pytest.raises(WorkerError):
        template.start()


def test_a_template_that_never_comes_up_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "_BOOT", "raise SystemExit(1)")
    with WorkerTemplate() as template, pytest.raises(WorkerError, match="template"):
        built(template)


def test_where_no_process_can_be_watched_none_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_process: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    before = children()
    monkeypatch.setattr(os, "pidfd_open", refused)
    with WorkerTemplate() as template, pytest.raises(WorkerError, match="Operation not permitted"):
        template.fork(None)
    assert children() <= before
