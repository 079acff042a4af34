"""The certificate is exchanged while the server serves: real handshakes, each over a connection of its own."""

import asyncio
import operator
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.authority import issue, make_authority, new_key
from certs.bundle import Key, Pair, write_certificates, write_key
from tests.support.certificates import AUTHORITY, FIRST, NAME, NAMES, NOW, SECOND, Mounted
from tests.support.examples import examples
from webhook.http import tls
from webhook.http.tls import Outcome, Refreshed, ServingCertificate, TlsError

DAY = timedelta(days=1)


@cache
def rsa_key() -> Key:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def files(tmp_path: Path) -> Mounted:
    files = Mounted(tmp_path / "tls.crt", tmp_path / "tls.key")
    files.write(FIRST)
    return files


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


async def serve_until(stop: asyncio.Event, context: ssl.SSLContext, port: Future[int]) -> None:
    # Clients here break handshakes off on purpose; what they see is what is tested.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    port.set_result(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    await server.wait_closed()


@contextmanager
def serve(context: ssl.SSLContext) -> Iterator[int]:
    """Serve on loopback as the real server does, by asyncio with one context for its whole life; yields the port."""
    port: Future[int] = Future()
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as thread:
        stop = asyncio.Event()
        done = thread.submit(runner.run, serve_until(stop, context, port))
        try:
            yield port.result(60)
        finally:
            runner.get_loop().call_soon_threadsafe(stop.set)
            done.result(60)


def trusting(*authorities: Pair) -> ssl.SSLContext:
    """Make a client that verifies as strictly as OpenSSL can."""
    pem = write_certificates(authority.certificate for authority in authorities).decode()
    context = ssl.create_default_context(cadata=pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def open_connection(port: int, client: ssl.SSLContext, name: str | None = NAME) -> ssl.SSLSocket:
    return client.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60), server_hostname=name)


def answered(connection: ssl.SSLSocket) -> bool:
    connection.sendall(b"hello\n")
    return connection.recv(100) == b"hello\n"


def shown(port: int, client: ssl.SSLContext, name: str | None = NAME) -> x509.Certificate:
    """Open a connection, exchange a line, and return the certificate that the client verified."""
    with open_connection(port, client, name) as connection:
        assert answered(connection)
        der = connection.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def refresh(serving: ServingCertificate) -> Refreshed:
    return serving.refresh(NOW.timestamp())


@pytest.mark.parametrize("name", [NAME, "127.0.0.1"])  # for an address, clients send no server name
def test_a_client_verifies_before_and_after_a_swap(files: Mounted, name: str) -> None:
    serving = files.serving()
    with serve(serving.context()) as port:
        assert shown(port, trusting(AUTHORITY), name) == FIRST.certificate
        files.write(SECOND)
        assert refresh(serving) == Refreshed(Outcome.SWAPPED)
        assert shown(port, trusting(AUTHORITY), name) == SECOND.certificate


def test_a_client_without_any_name_sees_the_current_certificate(files: Mounted) -> None:
    serving, client = files.serving(), trusting(AUTHORITY)
    client.check_hostname = False
    with serve(serving.context()) as port:
        files.write(SECOND)
        refresh(serving)
        assert shown(port, client, None) == SECOND.certificate


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_key_may_change_its_kind_and_back(files: Mounted, version: ssl.TLSVersion) -> None:
    with_rsa = issue(AUTHORITY, NAMES, NOW, key=rsa_key())
    files.write(with_rsa)
    serving, client = files.serving(), trusting(AUTHORITY)
    client.minimum_version = client.maximum_version = version
    with serve(serving.context()) as port:
        assert shown(port, client) == with_rsa.certificate
        for pair in (FIRST, with_rsa, SECOND):
            files.write(pair)
            assert refresh(serving).outcome == Outcome.SWAPPED
            assert shown(port, client) == pair.certificate


def test_the_authority_may_change(files: Mounted) -> None:
    other = make_authority("test-ca", NOW)
    serving, pair = files.serving(), issue(other, NAMES, NOW)
    with serve(serving.context()) as port:
        files.write(pair)
        assert refresh(serving).outcome == Outcome.SWAPPED
        assert shown(port, trusting(other)) == pair.certificate
        assert shown(port, trusting(other, AUTHORITY)) == pair.certificate
        with pytest.raises(ssl.SSLCertVerificationError):
            shown(port, trusting(AUTHORITY))


def test_a_connection_outlives_the_swap(files: Mounted) -> None:
    serving = files.serving()
    with serve(serving.context()) as port, open_connection(port, trusting(AUTHORITY)) as connection:
        assert answered(connection)
        files.write(SECOND)
        refresh(serving)
        assert answered(connection)


@pytest.mark.parametrize("offered", [["h2", "http/1.1"], ["http/1.1"]])
def test_http_1_1_is_all_that_is_spoken(files: Mounted, offered: list[str]) -> None:
    serving, client = files.serving(), trusting(AUTHORITY)
    client.set_alpn_protocols(offered)
    with serve(serving.context()) as port:
        for pair in (FIRST, SECOND):
            files.write(pair)
            refresh(serving)
            with open_connection(port, client) as connection:
                assert connection.selected_alpn_protocol() == "http/1.1"


def test_versions_before_tls_1_2_are_refused(files: Mounted) -> None:
    assert files.serving().context().minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_ticket_lets_a_client_resume_with_an_old_certificate(files: Mounted, version: ssl.TLSVersion) -> None:
    client = trusting(AUTHORITY)
    client.minimum_version = client.maximum_version = version
    with serve(files.serving().context()) as port, open_connection(port, client) as connection:
        assert answered(connection)
        assert connection.session is None or not connection.session.has_ticket


@pytest.mark.parametrize("certificate_first", [True, False])
def test_half_a_pair_is_kept_out_until_the_other_half_comes(files: Mounted, certificate_first: bool) -> None:
    halves = [files.write_certificate, files.write_key]
    serving, results = files.serving(), list[Refreshed]()
    with serve(serving.context()) as port:
        for half in halves if certificate_first else reversed(halves):
            assert shown(port, trusting(AUTHORITY)) == FIRST.certificate
            half(SECOND)
            results.append(refresh(serving))
        assert [result.outcome for result in results] == [Outcome.KEPT, Outcome.SWAPPED]
        assert shown(port, trusting(AUTHORITY)) == SECOND.certificate


ENCRYPTED = SECOND.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
BAD = [
    ("tls.crt", None, r"tls\.crt: cannot be read: No such file"),
    ("tls.key", None, r"tls\.key: cannot be read: No such file"),
    ("tls.crt", b"", r"tls\.crt with .*tls\.key: cannot be served, both must be PEM"),
    ("tls.crt", write_certificates([SECOND.certificate])[:-60], "cannot be served, both must be PEM"),
    ("tls.crt", write_certificates([SECOND.certificate]), "KEY_VALUES_MISMATCH"),
    ("tls.key", write_key(SECOND.key), "KEY_VALUES_MISMATCH"),
    ("tls.key", b"garbage", "cannot be served, both must be PEM"),
    ("tls.key", ENCRYPTED, "the key is encrypted"),
]


def spoil(path: Path, content: bytes | None) -> None:
    path.unlink() if content is None else path.write_bytes(content)


@pytest.mark.parametrize(("name", "content", "said"), BAD)
def test_bad_files_keep_the_last_good_pair(files: Mounted, name: str, content: bytes | None, said: str) -> None:
    serving = files.serving()
    spoil(files.key.parent / name, content)
    with serve(serving.context()) as port:
        first, again = refresh(serving), refresh(serving)
        assert shown(port, trusting(AUTHORITY)) == FIRST.certificate
    assert first.outcome == Outcome.KEPT
    with pytest.raises(TlsError, match=said):
        raise TlsError(first.problem)
    assert first == again, "a caller that reports only news would report the same thing for ever"
    files.write(FIRST)
    assert refresh(serving) == Refreshed(Outcome.UNCHANGED)


@pytest.mark.parametrize(("name", "content", "said"), BAD)
def test_a_server_does_not_start_from_bad_files(files: Mounted, name: str, content: bytes | None, said: str) -> None:
    spoil(files.key.parent / name, content)
    with pytest.raises(TlsError, match=said):
        files.serving()


THIRD = issue(AUTHORITY, NAMES, NOW)
CHAINED = write_certificates([SECOND.certificate, AUTHORITY.certificate])


@pytest.mark.parametrize(
    ("loaded", "key", "left"),
    [
        (write_certificates([THIRD.certificate]), THIRD.key, THIRD),  # replaced
        (write_certificates([THIRD.certificate]), THIRD.key, SECOND),  # and put back again
        (CHAINED, SECOND.key, SECOND),  # the same certificate with another chain
    ],
)
def test_a_pair_replaced_while_it_is_loaded_is_left_for_the_next_time(
    files: Mounted, monkeypatch: pytest.MonkeyPatch, loaded: bytes, key: Key, left: Pair
) -> None:
    serving, load_cert_chain = files.serving(), ssl.SSLContext.load_cert_chain

    def meanwhile(context: ssl.SSLContext, *arguments: Any, **options: Any) -> None:
        files.certificate.write_bytes(loaded)
        files.key.write_bytes(write_key(key))
        load_cert_chain(context, *arguments, **options)
        if loaded != CHAINED:
            files.write(left)

    files.write(SECOND)
    with monkeypatch.context() as patched:
        patched.setattr(ssl.SSLContext, "load_cert_chain", meanwhile)
        result = refresh(serving)
    assert result.outcome == Outcome.KEPT
    assert "replaced while they were read" in result.problem
    assert refresh(serving) == Refreshed(Outcome.SWAPPED)
    assert serving.fingerprint == left.certificate.fingerprint(SHA256()).hex(":").upper()


def test_a_certificate_waits_for_its_first_moment(files: Mounted) -> None:
    serving, early = files.serving(), issue(AUTHORITY, NAMES, NOW + DAY)
    files.write(early)
    waiting = refresh(serving)
    assert waiting.outcome == Outcome.KEPT
    assert "not valid before" in waiting.problem
    assert serving.refresh((NOW + DAY).timestamp()) == Refreshed(Outcome.SWAPPED)


def test_an_expired_certificate_replaces_no_valid_one(files: Mounted) -> None:
    serving, short = files.serving(), issue(AUTHORITY, NAMES, NOW, life=DAY)
    files.write(short)
    result = serving.refresh((NOW + DAY).timestamp())
    assert result.outcome == Outcome.KEPT
    assert "expired at" in result.problem


def test_an_expired_certificate_is_served_but_complained_of_until_a_better_one_comes(files: Mounted) -> None:
    files.write(issue(AUTHORITY, NAMES, NOW, life=DAY))
    serving, later = files.serving(), (NOW + DAY).timestamp()
    assert refresh(serving) == Refreshed(Outcome.UNCHANGED)
    complaint = serving.refresh(later)
    assert complaint.outcome == Outcome.UNCHANGED
    assert "expired at" in complaint.problem
    files.write(issue(AUTHORITY, NAMES, NOW + 2 * DAY))
    swapped = serving.refresh(later)
    assert swapped.outcome == Outcome.SWAPPED
    assert "not valid before" in swapped.problem
    assert serving.refresh((NOW + 3 * DAY).timestamp()) == Refreshed(Outcome.UNCHANGED)


def test_the_expiry_is_that_of_the_certificate_served(files: Mounted) -> None:
    serving, longer = files.serving(), issue(AUTHORITY, NAMES, NOW, life=500 * DAY)
    assert serving.expires_at == FIRST.certificate.not_valid_after_utc.timestamp()
    files.write(longer)
    refresh(serving)
    assert serving.expires_at == longer.certificate.not_valid_after_utc.timestamp()


def test_a_mounted_secret_changes_by_its_link_with_the_same_size_and_time(tmp_path: Path) -> None:
    generations = {}
    for name, pair in (("..1", FIRST), ("..2", SECOND)):
        (tmp_path / name).mkdir()
        generations[name] = Mounted(tmp_path / name / "tls.crt", tmp_path / name / "tls.key")
        generations[name].write(pair)
        for path in generations[name]:
            os.utime(path, (1, 1))
    (tmp_path / "..data").symlink_to("..1")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    serving = ServingCertificate(tmp_path / "tls.crt", tmp_path / "tls.key")
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert refresh(serving) == Refreshed(Outcome.SWAPPED)
    with serve(serving.context()) as port:
        assert shown(port, trusting(AUTHORITY)) == SECOND.certificate


def test_unchanged_files_are_neither_loaded_nor_tried(files: Mounted, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = files.serving()

    def load(*_arguments: object) -> None:
        raise AssertionError("loaded though nothing changed")

    monkeypatch.setattr(tls, "_load", load)
    files.certificate.touch()
    assert all(refresh(serving) == Refreshed(Outcome.UNCHANGED) for _ in range(1000))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="a second opinion, where openssl is installed")
def test_the_fingerprint_is_the_one_that_openssl_prints(files: Mounted) -> None:
    command = ["openssl", "x509", "-in", str(files.certificate), "-noout", "-fingerprint", "-sha256"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert printed.strip().partition("=")[2] == files.serving().fingerprint


class Rotation(NamedTuple):
    """One exchange: with a new authority or the old, of which kind the key is, and which half is written first."""

    new_authority: bool
    with_rsa: bool
    certificate_first: bool


def connects(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Shake hands in memory; raises what the client raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for side in sides * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert sides[0].getpeercert()


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(st.builds(Rotation, st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=4))
def test_no_verifying_client_fails_while_both_authorities_are_trusted_during_the_swap(
    rotations: list[Rotation],
) -> None:
    with TemporaryDirectory() as directory:
        files = Mounted(Path(directory) / "tls.crt", Path(directory) / "tls.key")
        authority = AUTHORITY
        files.write(FIRST)
        serving = files.serving()

        def all_connect(*trusted: Pair) -> None:
            for name in (NAME, "127.0.0.1"):
                connects(serving.context(), trusting(*trusted), name)

        for rotation in rotations:
            old, authority = authority, make_authority("test-ca", NOW) if rotation.new_authority else authority
            pair = issue(authority, NAMES, NOW, key=rsa_key() if rotation.with_rsa else new_key())
            all_connect(old, authority)
            halves = [files.write_certificate, files.write_key]
            for half in halves if rotation.certificate_first else reversed(halves):
                half(pair)
                refresh(serving)
                all_connect(old, authority)
            assert refresh(serving) == Refreshed(Outcome.UNCHANGED)
            all_connect(authority)


class Callers:
    """Clients in threads, each of which connects anew for every call with what is trusted at that moment."""

    def __init__(self, port: int, trusted: ssl.SSLContext) -> None:
        self.trusted = trusted
        self.seen: set[int] = set()
        self.calls = [0] * 3
        self.failures: list[str] = []
        self._port, self._stop = port, threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(len(self.calls))]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def settle(self) -> None:
        """Wait until every call that began before now has ended."""
        before, deadline = list(self.calls), time.monotonic() + 120
        while any(map(operator.eq, before, self.calls)):
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def _call(self, number: int) -> None:
        while not self._stop.is_set():
            try:
                self.seen.add(shown(self._port, self.trusted).serial_number)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a client that failed
                self.failures.append(repr(error))
            self.calls[number] += 1


def test_no_fresh_connection_fails_during_a_storm_of_rotations(files: Mounted) -> None:
    serving, old, made = files.serving(), AUTHORITY, {FIRST.certificate.serial_number}
    with serve(serving.context()) as port, Callers(port, trusting(old)) as callers:
        for number in range(10):
            new = make_authority("test-ca", NOW)
            callers.trusted = trusting(new, old)
            callers.settle()
            pair = issue(new, NAMES, NOW, key=rsa_key() if number % 2 else new_key())
            files.write(pair)
            assert refresh(serving) == Refreshed(Outcome.SWAPPED)
            callers.settle()
            made.add(pair.certificate.serial_number)
            old, callers.trusted = new, trusting(new)
            callers.settle()
    assert callers.failures == []
    assert callers.seen == made
