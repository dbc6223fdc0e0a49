"""The worker loads kernels beside its work: what that says while the process ends is nobody's concern, what it says before is."""

from __future__ import annotations

import threading

import pytest

from twin.server import jobs, warming
from twin.server.long_lived import KeptOnceIdle


@pytest.mark.parametrize("has_ended", [True, False])
def test_a_compiler_that_is_amid_its_work_when_the_process_ends_is_not_told(monkeypatch: pytest.MonkeyPatch, has_ended: bool) -> None:
    begun, may_fail, told = threading.Event(), threading.Event(), []

    def compile_until_the_end() -> None:
        begun.set()
        may_fail.wait(60)
        raise RuntimeError("can't start new thread at interpreter shutdown")

    monkeypatch.setattr(jobs, "_WARM_AFTER_S", 0.0)
    monkeypatch.setattr(warming, "warm_kernels", compile_until_the_end)
    monkeypatch.setattr(threading, "excepthook", told.append)
    before = set(threading.enumerate())
    with jobs._warming(KeptOnceIdle()):
        assert begun.wait(60)
        (beside,) = set(threading.enumerate()) - before
        if not has_ended:
            may_fail.set()
            beside.join(60)
    may_fail.set()
    beside.join(60)
    assert [arguments.exc_type for arguments in told] == ([] if has_ended else [RuntimeError])
