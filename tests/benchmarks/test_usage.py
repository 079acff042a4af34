"""Usage: the processor time of a program is that of all its threads and children, whoever of them has ended."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.usage import busy_seconds, cpu_seconds, own_seconds

WORK = """
import os, sys, threading, time

def work():
    while time.thread_time() < 0.2:
        pass

thread = threading.Thread(target=work)
thread.start()
thread.join()
if os.fork() == 0:
    work()
    print("done", flush=True)
sys.stdin.read()
"""


@contextmanager
def worker() -> Iterator[int]:
    """Run a program of which a thread that has ended and a child have worked for 0.2 s each."""
    command = [sys.executable, "-c", WORK]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        yield process.pid
        process.communicate("")


def test_what_ended_threads_and_children_have_cost_is_counted() -> None:
    with worker() as pid:
        assert cpu_seconds([pid]) == pytest.approx(0.4, abs=0.3)
        assert cpu_seconds([pid]) > 0.4
        assert cpu_seconds([]) == 0


def test_what_children_and_theirs_have_cost_is_our_own_even_when_they_have_ended() -> None:
    before, busy = own_seconds(), busy_seconds()
    with worker():
        spent = own_seconds() - before
    assert spent > 0.4
    assert busy_seconds() - busy > spent - 0.1  # it is counted in hundredths of a second, on each processor
    assert own_seconds() - before > 0.2  # without the grandchild, for which nobody waited


def test_a_program_that_has_ended_costs_nothing_more() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"], start_new_session=True) as process:
        process.wait()
    assert cpu_seconds([process.pid]) == 0
