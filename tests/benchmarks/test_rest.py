"""Rest: it is waited for, but not for ever."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks import rest
from benchmarks.rest import comes_to_rest


@pytest.fixture(autouse=True)
def _strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a machine that is shared, even a busy program may get little of a processor.
    monkeypatch.setattr(rest, "AT_REST", 0.001)


@contextmanager
def busy(seconds: float) -> Iterator[int]:
    """Run a program that works for so long and then does nothing."""
    work = f"import sys, time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass\nsys.stdin.read()"
    command = [sys.executable, "-c", work]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process.pid
        process.communicate(b"")


def test_it_is_waited_for() -> None:
    with busy(0.7) as pid:
        began = time.monotonic()
        assert comes_to_rest([pid])
        assert time.monotonic() - began > 0.5


def test_whoever_does_not_rest_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "SETTLE_SECONDS", 0.2)
    with busy(0.6) as pid:
        assert not comes_to_rest([pid])
