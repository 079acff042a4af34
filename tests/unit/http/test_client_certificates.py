"""Who is answered over TLS once clients have to prove who they are; everybody else is not even read."""

import json
import shutil
import ssl
import subprocess
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.bundle import write_certificates
from tests.support.booking_replicas import until
from tests.support.certificates import FIRST, NOW, Mounted
from tests.support.client_certificates import API_SERVER, CLIENTS, OTHERS, client, pem
from tests.support.pages import INSTALL
from tests.support.replica import review
from tests.support.replica_main import CLIENTS as FILE
from tests.support.replica_process import Client, Process, read_until_closed, serving
from webhook.http import client_certificates as clients
from webhook.http.listeners import Limits
from webhook.http.tls import Outcome, ServingCertificate, TlsError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="module")
def process(folder: Path) -> Iterator[Process]:
    trust(folder, CLIENTS.certificate)
    with serving(folder, Limits(patience=2.0)) as process:
        yield process


def trust(folder: Path, *authorities: x509.Certificate) -> None:
    """Exchange the authorities as a mounted volume does: at once."""
    (folder / "new").write_bytes(write_certificates(authorities))
    (folder / "new").rename(folder / FILE)


@pytest.fixture(scope="module")
def shown(folder: Path) -> Path:
    path = folder / "client.pem"
    path.write_bytes(pem(client()))
    return path


def post(body: bytes, target: str = "/validate") -> bytes:
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_the_api_server_is_answered(process: Process, shown: Path) -> None:
    with process.client(shown) as client:
        for _ in range(3):
            status, body = client.review(review(dryRun=True))
            assert (status, json.loads(body)["response"]["allowed"]) == (200, True)
        assert client.ask(path="/large")[0] == 200


@pytest.mark.parametrize(
    "alternative", [x509.DNSName(API_SERVER), x509.UniformResourceIdentifier(API_SERVER)], ids=["dns", "uri"]
)
def test_an_alternative_name_will_do(process: Process, tmp_path: Path, alternative: x509.GeneralName) -> None:
    (tmp_path / "client.pem").write_bytes(pem(client("somebody", alternative=[alternative])))
    with process.client(tmp_path / "client.pem") as peer:
        assert peer.review(review(dryRun=True))[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/readyz?verbose"])
def test_the_kubelets_probes_need_no_certificate(process: Process, path: str) -> None:
    with process.client() as client:
        for _ in range(2):
            assert client.ask(path=path) == (200, b"ok\n")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        *(("POST", path) for path in ("/validate", "/validate?timeout=5s", "/workloads", "/config", "/healthz")),
        *(("GET", path) for path in ("/large", "/", "/healthz/", "//healthz", "/%68ealthz", "/healthz/../metrics")),
        *(("PUT", path) for path in ("/readyz", "/validate")),
    ],
)
def test_nobody_else_gets_anything_without_one(process: Process, method: str, target: str) -> None:
    with process.shake_hands() as sock:
        sock.sendall(post(review("forged"), target).replace(b"POST", method.encode()))
        said = read_until_closed(sock, 2)
    assert said.startswith(b"HTTP/1.1 401 ")
    assert said.endswith(b"show a client certificate that an authority of --client-ca-file has signed\n")
    assert said.count(b"HTTP/1.1") == 1


def test_a_probe_with_a_body_is_none(process: Process) -> None:
    with process.shake_hands() as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        assert read_until_closed(sock, 2).startswith(b"HTTP/1.1 401 ")


def test_another_name_gets_nothing(process: Process, tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_bytes(pem(client("kube-apiserver-kubelet-client")))
    with process.client(tmp_path / "client.pem") as peer:
        status, body = peer.review(review("forged"))
    assert (status, b"is not for kube-apiserver, the name that --client-name expects" in body) == (403, True)


BAD = {
    "another authority": client(authority=OTHERS),
    "a server's": client(usage=ExtendedKeyUsageOID.SERVER_AUTH),
    "expired": client(age=timedelta(days=2)),
}


WHY = {
    "another authority": "unable to get local issuer certificate",
    "a server's": "un",  # unsuitable or unsupported, as OpenSSL's version has it
    "expired": "certificate has expired",
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("path", ["/validate", "/healthz"])
def test_a_bad_certificate_ends_the_handshake(process: Process, tmp_path: Path, what: str, path: str) -> None:
    (tmp_path / "client.pem").write_bytes(pem(BAD[what]))
    before = len(process.log.read_text())
    with pytest.raises((ssl.SSLError, ConnectionError)), process.client(tmp_path / "client.pem") as peer:
        peer.ask("POST", path, review("forged"))
    assert f"refused a client's certificate: {WHY[what]}" in process.log.read_text()[before:]


def test_a_body_is_not_even_waited_for(process: Process) -> None:
    with process.shake_hands() as sock:
        sock.sendall(post(b"")[:-4].replace(b": 0", b": 7000000") + b"\r\n\r\n")
        assert read_until_closed(sock, 2).startswith(b"HTTP/1.1 401 ")


def test_another_authority_takes_over_and_the_old_one_is_done(folder: Path, process: Process, shown: Path) -> None:
    other = folder / "other.pem"
    other.write_bytes(pem(client(authority=OTHERS)))
    with process.client(shown) as idle, process.client(shown) as busy:
        for peer in (idle, busy):
            assert peer.review(review(dryRun=True))[0] == 200
        trust(folder, CLIENTS.certificate, OTHERS.certificate)
        until(lambda: is_answered(process, other))
        assert is_answered(process, shown)
        trust(folder, OTHERS.certificate)
        until(lambda: not is_answered(process, shown))
        assert is_answered(process, other)
        assert read_until_closed(idle.sock, 5) == b"", "whom it let in before is asked to come again"
    trust(folder, CLIENTS.certificate)
    until(lambda: is_answered(process, shown))


def is_answered(process: Process, certificate: Path) -> bool:
    try:
        with process.client(certificate) as peer:
            return peer.review(review(dryRun=True))[0] == 200
    except (OSError, ssl.SSLError):
        return False


def test_the_plain_listener_asks_nobody_who_it_is(process: Process) -> None:
    with Client(process, secure=False) as client:
        assert client.ask(path="/metrics")[0] == 200
        assert client.review(review("forged"))[0] == 404


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the documented commands are openssl's")
def test_the_documented_commands_make_a_certificate_that_is_answered(tmp_path: Path) -> None:
    blocks = [block.partition("```")[0] for block in INSTALL.read_text().split("```sh\n")]
    (commands,) = [block for block in blocks if "openssl" in block]
    subprocess.run(textwrap.dedent(commands), shell=True, cwd=tmp_path, check=True, capture_output=True, timeout=60)  # noqa: S602
    (tmp_path / FILE).write_bytes((tmp_path / "clients-ca.crt").read_bytes())
    shown = tmp_path / "client.pem"
    shown.write_bytes((tmp_path / "client.crt").read_bytes() + (tmp_path / "client.key").read_bytes())
    with serving(tmp_path) as process, process.client(shown) as peer:
        assert peer.review(review(dryRun=True))[0] == 200


# -- the file of authorities -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [None, b"", b"garbage", write_certificates([CLIENTS.certificate])[:-60]])
def test_authorities_that_cannot_be_read_are_an_error_at_the_start_and_ignored_later(
    tmp_path: Path, content: bytes | None
) -> None:
    files, path = Mounted(tmp_path / "tls.crt", tmp_path / "tls.key"), tmp_path / FILE
    files.write(FIRST)
    path.write_bytes(write_certificates([CLIENTS.certificate]))
    certificate = ServingCertificate(*files, path)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(TlsError, match=FILE):
        ServingCertificate(*files, path)
    kept = certificate.refresh(NOW.timestamp())
    assert (kept.outcome, FILE in kept.problem) == (Outcome.KEPT, True)
    path.write_bytes(write_certificates([OTHERS.certificate]))
    assert certificate.refresh(NOW.timestamp()).outcome == Outcome.SWAPPED


def test_all_names_of_a_certificate_count_and_no_other() -> None:
    described = {
        "subject": ((("organizationName", "o"),), (("commonName", "a"),)),
        "subjectAltName": (("DNS", "b"), ("URI", "c"), ("IP Address", "1.2.3.4"), ("email", "d")),
    }
    assert clients.names(described) == {"a", "b", "c"}
    assert clients.names({}) == set()
