"""A process is looked at from outside, and what grew between its parts of life is a leak."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devcluster.ports import free_port
from devcluster.processes import until
from tests.stress.figures import MI
from tests.stress.soak.samples import STEADY, life
from tests.stress.soak.vitals import DESCRIPTORS, SHORTEST, THREADS, Life, Vitals, leaks, look


def test_a_steady_life_leaks_nothing() -> None:
    assert leaks(life(STEADY)) == []
    assert leaks(life(STEADY._replace(memory=110 * MI, threads=31, descriptors=45, inbound=900))) == []


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (STEADY._replace(memory=140 * MI), "memory of 100 Mi became 140 Mi"),
        (STEADY._replace(threads=30 + THREADS + 1), "30 threads became 35"),
        (STEADY._replace(descriptors=40 + DESCRIPTORS + 1), "40 descriptors became 53"),
    ],
)
def test_what_grew_is_a_leak(last: Vitals, said: str) -> None:
    assert leaks(life(last)) == [f"replica 1, pid 100: {said}"]


def test_one_moment_of_more_is_no_leak_and_a_short_life_is_not_judged() -> None:
    spike = STEADY._replace(descriptors=400)
    calm = life(STEADY).samples
    assert leaks(Life(1, 100, (*calm, spike._replace(at=SHORTEST + 1)))) == []
    assert leaks(life(spike, seconds=SHORTEST - 1)) == []


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_it_sees_threads_descriptors_and_who_has_connected(listener: socket.socket, tmp_path: Path) -> None:
    port = listener.getsockname()[1]
    before = look(os.getpid(), [port], 1.0)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    with ExitStack() as stack:
        thread.start()
        stack.enter_context((tmp_path / "file").open("w"))
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        stack.enter_context(listener.accept()[0])
        after = look(os.getpid(), [port], 2.0)
        ended.set()
        thread.join()
    assert before is not None
    assert after is not None
    assert (after.threads, after.descriptors, after.inbound) == (before.threads + 1, before.descriptors + 2, 1)
    assert before.memory > MI


def test_before_a_process_listens_it_is_not_looked_at() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert look(os.getpid(), [free.getsockname()[1]], 0.0) is None


LISTEN = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"


def test_of_a_process_that_has_ended_nothing_is_seen() -> None:
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", LISTEN, str(port)], stdin=subprocess.PIPE) as process:
        until(lambda: look(process.pid, [port], 0.0) is not None, "a process that listens", 60)
        assert process.stdin is not None
        process.stdin.close()
        until(lambda: look(process.pid, [port], 0.0) is None, "its end, for which nobody has waited yet", 60)
    assert look(process.pid, [port], 0.0) is None
