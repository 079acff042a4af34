"""Which certificate a listener shows, whoever trusts it."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from certs.rotation import fingerprint
from tests.support.certificates import FIRST, Mounted
from webhook.http.handshake import shown


@contextmanager
def listening(context: ssl.SSLContext | None) -> Iterator[int]:
    """Answer one connection: with a handshake, or (None) by closing it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                if context is not None:
                    context.wrap_socket(peer, server_side=True).close()

        thread = Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    files = Mounted(tmp_path / "tls.crt", tmp_path / "tls.key")
    files.write(FIRST)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*files)
    return made


def test_the_certificate_is_shown_by_its_fingerprint(context: ssl.SSLContext) -> None:
    with listening(context) as port:
        assert shown("127.0.0.1", port, 10) == fingerprint(FIRST.certificate)


def test_a_connection_that_is_cut_shows_nothing() -> None:
    with listening(None) as port:
        assert shown("127.0.0.1", port, 10) is None


def test_where_nobody_listens_nothing_is_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert shown("127.0.0.1", port, 10) is None
