"""How the server process ends: what is in flight is answered, and nobody who is idle keeps it."""

import json
import signal
import ssl
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.replica import review
from tests.support.replica_process import WAITS, Client, Process, serving
from webhook.http.listeners import Limits

AT_ONCE = 20.0  # seconds; a busy machine takes some of them
FOR_LONG = Limits(patience=120, drain=120)  # of whoever waits where nothing is to be waited for


def refuses(process: Process) -> bool:
    try:
        process.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def waiting(process: Process, client: Client, thread: ThreadPoolExecutor) -> "Future[tuple[int, bytes]]":
    """Ask for what waits to be booked, and return once it does."""
    asked = thread.submit(client.review, review(memory=WAITS))
    process.await_waiting()
    assert not asked.done()
    return asked


def await_refusals(process: Process) -> None:
    """Return once it takes no new connections."""
    deadline = time.monotonic() + AT_ONCE
    while not refuses(process):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def await_unready(process: Process) -> None:
    """Return once it says that it is not ready."""
    deadline = time.monotonic() + AT_ONCE
    said = (200, b"ok\n")
    while said != (503, b"reviews are not served now: the replica starts or stops\n"):
        assert time.monotonic() < deadline
        with process.client() as client:
            said = client.ask(path="/readyz")


def ends(process: Process, number: signal.Signals, within: float = AT_ONCE) -> str:
    """Send a signal; return what the process says when it ends, which must be in time and in good order."""
    began = time.monotonic()
    process.send(number)
    assert process.wait() == 0
    assert time.monotonic() - began < within
    return process.log.read_text()


@pytest.mark.long
def test_a_process_with_nothing_to_do_ends_at_once(tmp_path: Path) -> None:
    with serving(tmp_path) as process:
        assert ends(process, signal.SIGTERM) == "drained\n"


def test_what_is_in_flight_is_answered_and_new_connections_are_refused(tmp_path: Path) -> None:
    with serving(tmp_path, hold=True) as process, ThreadPoolExecutor(1) as thread, process.client() as client:
        asked = waiting(process, client, thread)
        process.send(signal.SIGTERM)
        await_refusals(process)
        assert not asked.done()
        process.book()
        status, body = asked.result(30)
        assert status == 200
        assert json.loads(body)["response"]["allowed"]
        assert process.wait(AT_ONCE) == 0
        assert process.log.read_text() == "drained\n"


@pytest.mark.long
def test_an_answer_after_the_signal_says_that_the_connection_ends(tmp_path: Path) -> None:
    with serving(tmp_path, hold=True) as process, ThreadPoolExecutor(1) as thread, process.client() as client:
        asked = thread.submit(client.request, "POST", "/validate?timeout=30s", review(memory=WAITS))
        process.await_waiting()
        process.send(signal.SIGTERM)
        await_refusals(process)
        process.book()
        answer = asked.result(30)
        assert answer.getheader("Connection") == "close"
        assert answer.read()
        assert process.wait() == 0


@pytest.mark.long
def test_a_second_request_on_its_way_in_is_still_read(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(farewell=60, drain=60)) as process, process.client() as client:
        client.ask()
        body = review(dryRun=True)
        fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue"
        client.sock.sendall(f"POST /validate HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        assert client.sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        process.send(signal.SIGTERM)
        await_refusals(process)
        client.sock.sendall(body)
        assert client.sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        client.close()
        assert process.wait() == 0


@pytest.mark.long
def test_who_goes_on_asking_is_told_to_stop_and_is_never_hung_up_on(tmp_path: Path) -> None:
    with serving(tmp_path, FOR_LONG) as process, process.client() as client:
        threading.Timer(0.3, process.send, [signal.SIGTERM]).start()
        deadline = time.monotonic() + AT_ONCE
        while (answer := client.request("GET", "/healthz")).getheader("Connection") != "close":
            assert answer.read() == b"ok\n"
            assert time.monotonic() < deadline
        assert answer.read() == b"ok\n"
        client.close()
        assert process.wait() == 0


@pytest.mark.long
@pytest.mark.parametrize("many", [1, 30])
def test_idle_connections_do_not_delay_it(tmp_path: Path, many: int) -> None:
    with serving(tmp_path, FOR_LONG) as process, ExitStack() as stack:
        for _ in range(many):
            stack.enter_context(process.client()).ask()
        assert ends(process, signal.SIGTERM) == "drained\n"


@pytest.mark.long
def test_peers_that_stall_do_not_delay_it(tmp_path: Path) -> None:
    with serving(tmp_path, FOR_LONG) as process, ExitStack() as stack:
        peers = [process.connect(), process.connect(process.plain_port), process.shake_hands(), process.shake_hands()]
        for peer in peers:
            stack.enter_context(peer)
        peers[0].sendall(b"\x16\x03\x01")
        peers[2].sendall(b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        time.sleep(0.1)
        assert ends(process, signal.SIGTERM) == "drained\n"


@pytest.mark.long
def test_a_peer_that_reads_nothing_does_not_delay_it(tmp_path: Path) -> None:
    with serving(tmp_path, FOR_LONG) as process, closing(process.shake_hands()) as sock:
        sock.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        time.sleep(1.0)
        ends(process, signal.SIGTERM)


@pytest.mark.long
def test_it_waits_only_so_long_for_what_is_in_flight(tmp_path: Path) -> None:
    limits = Limits(drain=0.5)
    with (
        serving(tmp_path, limits, hold=True) as process,
        ThreadPoolExecutor(1) as thread,
        process.client() as client,
    ):
        asked = waiting(process, client, thread)
        ends(process, signal.SIGTERM, 0.5 + AT_ONCE)
        with pytest.raises((OSError, ssl.SSLError)):
            asked.result(30)


@pytest.mark.long
def test_an_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    with (
        serving(tmp_path, FOR_LONG, hold=True) as process,
        ThreadPoolExecutor(1) as thread,
        process.client() as client,
    ):
        asked = waiting(process, client, thread)
        assert ends(process, signal.SIGINT) == "interrupted\n"
        with pytest.raises((OSError, ssl.SSLError)):
            asked.result(30)


@pytest.mark.long
def test_an_interrupt_ends_a_stop_that_waits(tmp_path: Path) -> None:
    with (
        serving(tmp_path, FOR_LONG, hold=True) as process,
        ThreadPoolExecutor(1) as thread,
        process.client() as client,
    ):
        asked = waiting(process, client, thread)
        process.send(signal.SIGTERM)
        await_refusals(process)
        assert ends(process, signal.SIGINT) == "interrupted\n"
        with pytest.raises((OSError, ssl.SSLError)):
            asked.result(30)


@pytest.mark.long
def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, hold=True) as process, ThreadPoolExecutor(1) as thread, process.client() as client:
        asked = waiting(process, client, thread)
        process.send(signal.SIGTERM)
        await_refusals(process)
        process.send(signal.SIGTERM)
        time.sleep(0.3)
        process.book()
        assert asked.result(30)[0] == 200
        assert process.wait() == 0


@pytest.mark.long
def test_in_the_delay_it_serves_as_not_ready_and_each_response_closes_its_connection(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(delay=60)) as process, process.client() as kept:
        assert kept.ask()[0] == 200
        process.send(signal.SIGTERM)
        await_unready(process)
        answer = kept.request("POST", "/validate", review(dryRun=True))
        assert (answer.status, answer.getheader("Connection")) == (200, "close")
        with process.client() as new:
            answer = new.request("POST", "/validate", review(dryRun=True))
            assert (answer.status, answer.getheader("Connection")) == (200, "close")
        assert ends(process, signal.SIGINT) == "interrupted\n"


@pytest.mark.long
def test_after_the_delay_it_closes_what_was_idle_all_along_and_ends(tmp_path: Path) -> None:
    with (
        serving(tmp_path, Limits(delay=1.0)) as process,
        process.client() as used,
        closing(process.shake_hands()) as sock,
    ):
        assert used.ask()[0] == 200
        began = time.monotonic()
        process.send(signal.SIGTERM)
        assert sock.recv(1) == b""  # it was not reset
        assert time.monotonic() >= began + 1.0
        assert process.wait() == 0
        assert process.log.read_text() == "drained\n"
