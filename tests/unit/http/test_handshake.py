"""A handshake as a client makes it: what is a result, what is none, and that nothing hangs."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs.authority import issue, make_authority
from certs.bundle import Pair, write_certificates
from tests.support.certificates import AUTHORITY, FIRST, NAME, NAMES, NOW, Mounted
from webhook.http.handshake import HandshakeRefusedError, loopback, shake_hands

OWN = write_certificates([AUTHORITY.certificate]).decode()
FOREIGN = write_certificates([make_authority("another", NOW).certificate]).decode()
SECONDS = 10.0


@contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[tuple[str, int]]:
    """Listen on loopback, and answer one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(SECONDS)


@contextmanager
def serving(folder: Path, pair: Pair = FIRST) -> Iterator[tuple[str, int]]:
    files = Mounted(folder / "tls.crt", folder / "tls.key")
    files.write(pair)
    context = files.serving().context()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):  # the client may refuse it
            context.wrap_socket(connection, server_side=True).close()

    with answering(answer) as at:
        yield at


LEAF = write_certificates([FIRST.certificate]).decode()


@pytest.mark.parametrize("authorities", [None, OWN, FOREIGN + OWN, pytest.param(LEAF, id="not self-signed, as Go")])
def test_a_chain_that_is_trusted_is_accepted(tmp_path: Path, authorities: str | None) -> None:
    with serving(tmp_path) as at:
        shake_hands(at, NAME, authorities, SECONDS)


def test_an_address_may_stand_for_a_name(tmp_path: Path) -> None:
    with serving(tmp_path) as at:
        shake_hands(at, "127.0.0.1", OWN, SECONDS)


@pytest.mark.parametrize(
    ("name", "authorities", "why"),
    [
        (NAME, FOREIGN, "unable to get local issuer certificate|self-signed certificate"),
        ("other.example", OWN, "Hostname mismatch"),
    ],
)
def test_a_chain_that_is_not_trusted_is_refused_and_it_says_why(
    tmp_path: Path, name: str, authorities: str, why: str
) -> None:
    with serving(tmp_path) as at, pytest.raises(HandshakeRefusedError, match=why):
        shake_hands(at, name, authorities, SECONDS)


@contextmanager
def issued(tmp_path: Path, moment: datetime) -> Iterator[tuple[tuple[str, int], str]]:
    """Serve a certificate that was issued then; yield the address, and what to trust."""
    authority = make_authority("old", moment)
    trusted = write_certificates([authority.certificate]).decode()
    pair = issue(authority, NAMES, moment)
    files = Mounted(tmp_path / "tls.crt", tmp_path / "tls.key")
    files.write(pair)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    with answering(answer) as at:
        yield at, trusted


def test_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    served = issued(tmp_path, NOW - timedelta(days=4000))
    with served as (at, trusted), pytest.raises(HandshakeRefusedError, match="expired"):
        shake_hands(at, NAME, trusted, SECONDS)


def test_a_clock_that_is_behind_refuses_no_certificate_and_still_no_chain(tmp_path: Path) -> None:
    with issued(tmp_path, datetime.now(UTC) + timedelta(days=30)) as (at, trusted):
        shake_hands(at, NAME, trusted, SECONDS)
    with issued(tmp_path, datetime.now(UTC) + timedelta(days=30)) as (at, _), pytest.raises(HandshakeRefusedError):
        shake_hands(at, NAME, FOREIGN, SECONDS)


@pytest.mark.parametrize(
    "authorities", ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"]
)
def test_authorities_that_cannot_be_read_are_a_refusal(tmp_path: Path, authorities: str) -> None:
    with pytest.raises(HandshakeRefusedError, match="the authorities cannot be read"):
        shake_hands(("127.0.0.1", 1), NAME, authorities, SECONDS)


def test_what_speaks_no_tls_is_a_refusal() -> None:
    with (
        answering(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as at,
        pytest.raises(HandshakeRefusedError),
    ):
        shake_hands(at, NAME, None, SECONDS)


def test_nobody_who_listens_is_no_result() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        at = listener.getsockname()
    with pytest.raises(OSError, match="refused"):
        shake_hands(at, NAME, OWN, SECONDS)


def test_a_connection_that_is_cut_is_no_result() -> None:
    with answering(lambda connection: connection.recv(1)) as at, pytest.raises(OSError):  # noqa: PT011 - whichever it is
        shake_hands(at, NAME, OWN, SECONDS)


def test_silence_is_no_result_and_takes_no_longer_than_asked() -> None:
    done = threading.Event()
    with answering(lambda _: done.wait(SECONDS)) as at:
        with pytest.raises(TimeoutError):
            shake_hands(at, NAME, OWN, 0.2)
        done.set()


@pytest.mark.parametrize(
    ("bound", "reached"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.7", "10.0.0.7"), ("localhost", "localhost")],
)
def test_a_listener_of_all_addresses_is_reached_on_loopback(bound: str, reached: str) -> None:
    assert loopback(bound) == reached
