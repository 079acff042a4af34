"""The server process with real peers: well-behaved ones, those that stall, and those that want too much."""

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from tests.support.booking_replicas import until
from tests.support.http import dispatcher
from tests.support.replica import ready, review
from tests.support.replica_process import WAITS, Client, Process, read_until_closed, serving
from webhook.http import worker as replica
from webhook.http.listeners import Limits
from webhook.http.messages import LARGEST_BODY

MI = 1 << 20
PATIENCE = 1.5
MANY = 200
LARGE = {True: b"/large", False: b"/metrics"}  # pages of some megabytes, with TLS and without


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A process that waits less than a second where the shipped one waits ten."""
    with serving(tmp_path_factory.mktemp("replica"), Limits(patience=PATIENCE)) as process:
        with process.client() as client:
            client.ask()
            client.ask(path="/large")
        yield process


def allowed(answer: tuple[int, bytes]) -> bool:
    status, body = answer
    assert status == 200, body
    found: bool = json.loads(body)["response"]["allowed"]
    return found


def post(body: bytes, *headers: str, target: str = "/validate") -> bytes:
    """Write a request by hand; without another length it says its own."""
    named = [
        *headers,
        *([] if any("ength" in h or "ransfer" in h for h in headers) else [f"Content-Length: {len(body)}"]),
    ]
    lines = [f"POST {target} HTTP/1.1", "Host: x", "Content-Type: application/json", *named]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def in_chunks(body: bytes, size: int) -> bytes:
    """Write a body in chunks."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def answers(sock: socket.socket, count: int) -> list[bytes]:
    """Read so many answers off a connection; each ends as its length says."""
    found: list[bytes] = []
    with sock.makefile("rb") as stream:
        for _ in range(count):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                assert line, found
                head += line
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            found.append(head + stream.read(length))
    return found


# -- those who behave --------------------------------------------------------------------------------------------------


def test_one_connection_serves_many_requests(process: Process) -> None:
    with process.client() as client:
        for index in range(50):
            assert allowed(client.review(review(f"w{index}", "1Mi", dryRun=True)))
        assert client.ask() == (200, b"ok\n")
        assert client.ask(path="/readyz") == (200, b"ok\n")
        assert client.ask(path="/nothing") == (404, b"Not Found: GET /nothing\n")
        assert client.review(b"{}")[0] == 400
        assert allowed(client.review(review("last", "1Mi", dryRun=True)))


def test_many_connections_at_once(process: Process) -> None:
    def one(index: int) -> bool:
        with process.client() as client:
            return allowed(client.review(review(f"w{index}", "1Mi", dryRun=True)))

    with ThreadPoolExecutor(32) as clients:
        assert all(clients.map(one, range(100)))


def test_pipelined_requests_are_answered_in_order(process: Process) -> None:
    with process.shake_hands() as sock:
        sock.sendall(b"".join(post(review(f"w{index}", "1Mi", dryRun=True)) for index in range(5)))
        found = [json.loads(answer.partition(b"\r\n\r\n")[2])["response"]["uid"] for answer in answers(sock, 5)]
    assert found == [f"review-w{index}" for index in range(5)]


def test_a_peer_may_ask_before_it_sends_its_body(process: Process) -> None:
    body = review(dryRun=True)
    with process.shake_hands() as sock:
        sock.sendall(post(b"", "Expect: 100-continue", f"Content-Length: {len(body)}"))
        assert answers(sock, 1) == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        sock.sendall(body)
        assert answers(sock, 1)[0].startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_peer_that_asks_to_send_too_much_is_told_not_to(process: Process) -> None:
    with process.shake_hands() as sock:
        sock.sendall(post(b"", "Expect: 100-continue", f"Content-Length: {LARGEST_BODY + 1}"))
        assert read_until_closed(sock, PATIENCE).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_peer_that_sends_too_much_hears_so_and_may_go_on(process: Process, chunked: bool) -> None:
    body = b" " * (8 * MI)
    request = post(in_chunks(body, MI), "Transfer-Encoding: chunked") if chunked else post(body)
    with process.shake_hands() as sock:
        sock.sendall(request)
        sock.sendall(post(review(dryRun=True)))
        refused, answered = answers(sock, 2)
    assert refused.startswith(b"HTTP/1.1 413 ")
    assert answered.startswith(b"HTTP/1.1 200 ")


def test_a_body_in_chunks_is_read(process: Process) -> None:
    with process.shake_hands() as sock:
        sock.sendall(post(in_chunks(review(dryRun=True), 10), "Transfer-Encoding: chunked"))
        assert answers(sock, 1)[0].startswith(b"HTTP/1.1 200 ")


def test_http_2_is_not_spoken(process: Process) -> None:
    with process.shake_hands("h2", "http/1.1") as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert read_until_closed(sock, PATIENCE + 1).startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_nothing_is_upgraded(process: Process, protocol: str) -> None:
    with process.shake_hands() as sock:
        sock.sendall(
            f"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\n"
            "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        sock.settimeout(5)
        assert b" 101 " not in sock.recv(1000).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"what is this\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 50 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 17_000 + b"\r\n\r\n", 431),
        (b"POST /validate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST /validate HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_refused_and_closed(process: Process, request_: bytes, status: int) -> None:
    with process.shake_hands() as sock:
        sock.sendall(request_)
        said = read_until_closed(sock, PATIENCE + 1)
    assert said.startswith(b"HTTP/1.1 %d " % status), said
    assert b"Traceback" not in said


# -- the plain listener ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["X-Odd", "X-Forwarded-Proto", "X-Forwarded-Ssl", "X-Forwarded-Protocol", "Forwarded"]
)
@pytest.mark.parametrize("target", ["/validate", "/validate?timeout=5s", "//validate", "/%76alidate", "/./validate"])
def test_the_plain_listener_answers_no_review(process: Process, header: str, target: str) -> None:
    with closing(process.connect(process.plain_port)) as sock:
        sock.sendall(post(review(memory="1Gi"), f"{header}: {'https' if 'Proto' in header else 'on'}", target=target))
        answer = answers(sock, 1)[0]
    assert answer.split(b" ", 2)[1] in (b"404", b"308", b"400"), answer
    assert b'"allowed"' not in answer


def test_the_plain_listener_shows_how_things_are(process: Process) -> None:
    with Client(process, secure=False) as client:
        assert client.ask() == (200, b"ok\n")
        assert client.ask(path="/readyz") == (200, b"ok\n")
        assert client.ask(path="/metrics")[0] == 200


def test_the_plain_listener_takes_no_tls_and_the_other_nothing_else(process: Process) -> None:
    with closing(process.connect()) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"ok" not in read_until_closed(sock, PATIENCE + 1)


# -- those who stall ---------------------------------------------------------------------------------------------------


def at_tcp(process: Process) -> socket.socket:
    return process.connect()


def in_hello(process: Process) -> socket.socket:
    sock = process.connect()
    sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    return sock


def after_handshake(process: Process) -> socket.socket:
    return process.shake_hands()


def in_headers(process: Process) -> socket.socket:
    sock = process.shake_hands()
    sock.sendall(b"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Ty")
    return sock


def in_body(process: Process) -> socket.socket:
    sock = process.shake_hands()
    sock.sendall(post(b'{"kind": ', "Content-Length: 5000"))
    return sock


def in_chunk(process: Process) -> socket.socket:
    sock = process.shake_hands()
    sock.sendall(post(b"5\r\nab", "Transfer-Encoding: chunked"))
    return sock


def in_plain_headers(process: Process) -> socket.socket:
    sock = process.connect(process.plain_port)
    sock.sendall(b"GET /metr")
    return sock


def is_open(sock: socket.socket) -> bool:
    sock.settimeout(0.01)
    try:
        return bool(sock.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.parametrize(
    "stall",
    [at_tcp, in_hello, after_handshake, in_headers, in_body, in_chunk, in_plain_headers],
    ids=lambda f: f.__name__,
)
def test_peers_that_stall_disturb_nobody_and_are_cut_off(
    process: Process, stall: Callable[[Process], socket.socket]
) -> None:
    before = process.settled_descriptors()
    with ExitStack() as stack:
        with ThreadPoolExecutor(16) as opening:
            peers = [stack.enter_context(closing(sock)) for sock in opening.map(stall, [process] * MANY)]
        with process.client() as client:
            for index in range(5):
                assert allowed(client.review(review(f"w{index}", "1Mi", dryRun=True)))
                with process.client() as another:
                    assert another.ask() == (200, b"ok\n")
        assert is_open(peers[-1]), "the others were served while peers stalled"
        for peer in peers:
            read_until_closed(peer, PATIENCE + 2)
        assert process.comes_down_to(before, 1.0)


def trickle(sock: socket.socket, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sock.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.long
def test_a_peer_that_trickles_is_cut_off_too(process: Process) -> None:
    with process.client() as client:
        client.ask()
        sock = client.sock
        sock.sendall(post(b"", "Content-Length: 5000"))
        began = time.monotonic()
        with pytest.raises((ConnectionError, ssl.SSLError)):
            trickle(sock, 4 * PATIENCE)
    assert PATIENCE * 0.9 <= time.monotonic() - began < 3 * PATIENCE


@pytest.mark.long
@pytest.mark.parametrize("secure", [False, True])
def test_a_peer_that_reads_no_answer_is_cut_off(process: Process, secure: bool) -> None:
    before = process.settled_descriptors()
    with closing(process.shake_hands() if secure else process.connect(process.plain_port)) as sock:
        sock.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % LARGE[secure] * 20)
        time.sleep(PATIENCE)
        assert process.comes_down_to(before, 5.0)


@pytest.mark.long
def test_a_peer_that_never_says_goodbye_is_cut_off(process: Process) -> None:
    before = process.settled_descriptors()
    with closing(process.shake_hands()) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.1)
        assert process.comes_down_to(before, 2 * PATIENCE)


@pytest.mark.long
def test_a_connection_that_was_of_use_may_be_idle(process: Process) -> None:
    with process.client() as client:
        client.ask()
        time.sleep(1.5 * PATIENCE)
        assert client.ask() == (200, b"ok\n")


@pytest.mark.long
def test_one_that_is_idle_for_too_long_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(idle=0.5)) as process, process.client() as client:
        client.ask()
        began = time.monotonic()
        assert read_until_closed(client.sock, 20) == b""
        assert time.monotonic() - began > 0.4


@pytest.mark.long
def test_a_review_may_wait_for_longer_than_a_peer(tmp_path: Path) -> None:
    with (
        serving(tmp_path, Limits(patience=0.3), hold=True) as process,
        ThreadPoolExecutor(1) as thread,
        process.client() as client,
    ):
        client.ask()
        asked = thread.submit(client.review, review(memory=WAITS))
        process.await_waiting()
        time.sleep(1.0)
        process.book()
        assert allowed(asked.result(30))


# -- those who are too many --------------------------------------------------------------------------------------------


def idle_after(client: Client, *, reviewed: bool = False) -> Client:
    client.ask()
    if reviewed:
        assert allowed(client.review(review(dryRun=True)))
    return client


def is_cut_off(sock: socket.socket) -> bool:
    sock.settimeout(0.2)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.long
def test_when_there_are_too_many_those_go_that_never_sent_a_review(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(connections=20, patience=60)) as process, ExitStack() as stack:
        kept = [idle_after(stack.enter_context(process.client()), reviewed=True) for _ in range(2)]
        strangers = [stack.enter_context(closing(process.connect())) for _ in range(8)]
        idle = [idle_after(stack.enter_context(process.client())) for _ in range(10)]
        for number in range(15):
            newcomer = stack.enter_context(process.client())
            assert allowed(newcomer.review(review(f"w{number}", "1Mi", dryRun=True)))
        assert [is_cut_off(client.sock) for client in idle] == [True] * 10
        assert [is_cut_off(sock) for sock in strangers] == [True] * 5 + [False] * 3
        assert [allowed(client.review(review(dryRun=True))) for client in kept] == [True] * 2
        assert process.log.read_text().count("there are 20 connections") == 1, "said once in a while"


@pytest.mark.long
def test_when_all_have_sent_reviews_the_one_goes_that_has_been_idle_for_longest(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(connections=5)) as process, ExitStack() as stack:
        clients = [idle_after(stack.enter_context(process.client()), reviewed=True) for _ in range(5)]
        assert allowed(clients[0].review(review(dryRun=True)))
        idle_after(stack.enter_context(process.client()), reviewed=True)
        assert [is_cut_off(client.sock) for client in clients] == [False, True, False, False, False]


@pytest.mark.long
def test_when_all_wait_for_their_answers_a_new_one_has_to_wait(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(connections=3), hold=True) as process, ExitStack() as stack:
        clients = [stack.enter_context(process.client()) for _ in range(3)]
        threads = stack.enter_context(ThreadPoolExecutor(3))
        asked = [threads.submit(client.review, review(f"w{n}", memory=WAITS)) for n, client in enumerate(clients)]
        process.await_waiting(3)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            process.client()
        process.book()
        assert [each.result(30)[0] for each in asked] == [200] * 3
        idle_after(stack.enter_context(process.client()))


@pytest.mark.long
def test_one_address_may_have_so_many_that_never_sent_a_review(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(strangers=5, patience=60)) as process, ExitStack() as stack:
        kept = [idle_after(stack.enter_context(process.client()), reviewed=True) for _ in range(10)]
        idle = [idle_after(stack.enter_context(process.client())) for _ in range(8)]
        assert [is_cut_off(client.sock) for client in idle] == [True] * 3 + [False] * 5
        assert [is_cut_off(client.sock) for client in kept] == [False] * 10


@pytest.mark.long
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("large", [False, True])
def test_a_flood_at_one_listener_leaves_the_other_alone(process: Process, secure: bool, large: bool) -> None:
    """Of whoever asks for a page of some megabytes and never reads it, too."""

    with ExitStack() as stack:

        def flood(_: int) -> None:
            with suppress(OSError):  # it may have had to make room already, before its handshake was over or after
                sock = process.shake_hands() if secure else process.connect(process.plain_port)
                stack.enter_context(closing(sock))
                sock.sendall(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % (LARGE[secure] if large else b"/healthz"))

        with ThreadPoolExecutor(16) as opening:
            list(opening.map(flood, range(Limits().plain + 20)))
        for other in (secure, not secure):
            with Client(process, secure=other) as client:
                assert client.ask(path="/readyz") == (200, b"ok\n")
        with Client(process, secure=not secure) as client:
            assert client.ask(path=LARGE[not secure].decode())[0] == 200


def is_served(process: Process) -> bool:
    try:
        with process.client() as client:
            return client.ask() == (200, b"ok\n")
    except (ConnectionError, ssl.SSLError):
        return False


@pytest.mark.long
def test_connections_that_end_are_counted_no_more(tmp_path: Path) -> None:
    with serving(tmp_path, Limits(connections=10)) as process:
        for _ in range(30):
            until(lambda: is_served(process))
            process.connect().close()
        before = process.settled_descriptors()
        with ExitStack() as stack:
            for _ in range(10):
                stack.enter_context(process.client()).ask()
        assert process.comes_down_to(before, 5.0)


# -- at the start ------------------------------------------------------------------------------------------------------


def test_an_address_may_be_ipv6(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(tmp_path, host="::1") as process, process.client() as client:
        assert client.ask() == (200, b"ok\n")


def test_an_address_that_is_taken_is_an_error() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="Address already in use"):
        replica.serve(dispatcher(ready().admission), context, f"127.0.0.1:{taken.getsockname()[1]}")
