"""`headroom serve`: what its options mean, what it refuses, and what it hands on to the manager."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from certs import names
from tests.support.certificates import FIRST, Mounted
from webhook import manager as server
from webhook.cli.main import main
from webhook.core.sharing.allotment import Timing
from webhook.http.tls import TlsError
from webhook.kube.stream import KubeError, Unconfigured
from webhook.manager import Options
from webhook.observability import logging as logbook

NEEDED = ("--tls-cert-file", "/tls.crt", "--tls-key-file", "/tls.key")


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, arguments)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """What would have been served."""
    found: list[Options] = []
    monkeypatch.setattr(server, "serve", lambda options, _: found.append(options))
    monkeypatch.setattr(logbook, "begin", lambda *_: None)  # the test's own logging stays
    return found


def test_help_of_serve_names_every_option_and_default() -> None:
    result = run("serve", "--help")
    assert result.exit_code == 0
    text = " ".join(result.output.split())
    for said in (
        *("--listen HOST:PORT", "0.0.0.0:8443", "--metrics-listen", "--tls-cert-file", "--tls-key-file"),
        *("--certificates [files|self]", "--tls-name"),
        *("--client-ca-file", "--client-name", "kube-apiserver"),
        *("--kubeconfig", "--namespace", "headroom-system", "--audit-file", "--lapse", "45.0", "--log-level"),
        "--log-format",
        "HEADROOM_SERVE_LISTEN",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("serve",), "give --tls-cert-file and --tls-key-file, or --certificates=self"),
        (("serve", "--tls-cert-file", "/tls.crt"), "give --tls-cert-file and --tls-key-file, or --certificates=self"),
        (("serve", *NEEDED, "--certificates", "self"), "leave out --tls-cert-file and --tls-key-file"),
        (("serve", *NEEDED, "--tls-name", "a.test"), "--tls-name needs --certificates=self"),
        (("serve", "--certificates", "self", "--tls-name", "a b"), "'a b' is not a DNS name"),
        (("serve", "--certificates", "none"), "'none' is not one of"),
        (("serve", *NEEDED, "--listen", "8443"), "'8443' is not an address: write host:port, such as 0.0.0.0:8443"),
        (("serve", *NEEDED, "--metrics-listen", "::1:8080"), "'::1:8080' is not an address"),
        (("serve", *NEEDED, "--lapse", "0"), "0.0 is not in the range x>0"),
        (("serve", *NEEDED, "--lapse", "soon"), "'soon' is not a valid float"),
        (("serve", *NEEDED, "--log-level", "loud"), "'loud' is not one of"),
        (("serve", *NEEDED, "--nonsense"), "No such option '--nonsense'"),
        (("serve", *NEEDED, "more"), "Got unexpected extra argument (more)"),
    ],
)
def test_bad_usage_is_2_and_says_what_is_wrong(arguments: tuple[str, ...], told: str, served: list[Options]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.output
    assert served == []


def test_options_become_what_is_served(served: list[Options]) -> None:
    result = run(
        *("serve", *NEEDED, "--listen", "[::]:9443", "--metrics-listen", "127.0.0.1:9080", "--kubeconfig", "/config"),
        *("--namespace", "other", "--audit-file", "/audit", "--lapse", "3.5"),
        *("--client-ca-file", "/clients.crt", "--client-name", "api"),
    )
    assert result.exit_code == 0, result.output
    assert served == [
        Options(
            listen="[::]:9443",
            metrics_listen="127.0.0.1:9080",
            tls_cert_file=Path("/tls.crt"),
            tls_key_file=Path("/tls.key"),
            client_ca_file=Path("/clients.crt"),
            client_name="api",
            kubeconfig="/config",
            namespace="other",
            audit_file="/audit",
            timing=Timing(lapse=3.5),
        )
    ]


def test_every_option_can_be_set_in_the_environment(served: list[Options]) -> None:
    result = run(
        "serve",
        HEADROOM_SERVE_LISTEN="127.0.0.1:1",
        HEADROOM_SERVE_METRICS_LISTEN="127.0.0.1:2",
        HEADROOM_SERVE_TLS_CERT_FILE="/c",
        HEADROOM_SERVE_TLS_KEY_FILE="/k",
        HEADROOM_SERVE_CLIENT_CA_FILE="/clients.crt",
        HEADROOM_SERVE_CLIENT_NAME="api",
        HEADROOM_SERVE_KUBECONFIG="/config",
        HEADROOM_SERVE_NAMESPACE="other",
        HEADROOM_SERVE_AUDIT_FILE="/audit",
        HEADROOM_SERVE_LAPSE="7",
        HEADROOM_SERVE_LOG_LEVEL="debug",
    )
    assert result.exit_code == 0, result.output
    files, clients = (Path("/c"), Path("/k")), (Path("/clients.crt"), "api")
    assert served == [
        Options("127.0.0.1:1", "127.0.0.1:2", *files, *clients, "/config", "other", "/audit", Timing(lapse=7.0))
    ]


def test_what_is_not_said_is_the_default(served: list[Options]) -> None:
    assert run("serve", *NEEDED).exit_code == 0
    files, clients = (Path("/tls.crt"), Path("/tls.key")), (None, "kube-apiserver")
    expected = Options("0.0.0.0:8443", None, *files, *clients, None, "headroom-system", None, Timing())
    assert served == [expected]


def test_an_argument_goes_before_the_environment(served: list[Options]) -> None:
    run("serve", *NEEDED, "--namespace", "argument", HEADROOM_SERVE_NAMESPACE="environment")
    assert served[0].namespace == "argument"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            Unconfigured("no token; name a usable file with --kubeconfig"),
            "no token; name a usable file with --kubeconfig",
        ),
        (KubeError("it failed"), "it failed"),
        (TlsError("/tls.crt: has expired"), "/tls.crt: has expired"),
        (OSError(98, "Address already in use"), "[Errno 98] Address already in use"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_1(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, served: list[Options]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(server, "serve", fail)
    result = run("serve", *NEEDED)
    assert result.exit_code == 1
    assert result.output.splitlines() == [f"Error: {told}"]


def test_the_log_begins_as_the_options_say_and_the_replica_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, writers = list[tuple[object, ...]](), list[object]()

    def begin(*given: object) -> tuple[object, ...]:
        begun.append(given)
        return given

    monkeypatch.setattr(logbook, "begin", begin)
    monkeypatch.setattr(server, "serve", lambda _, log_writer: writers.append(log_writer))
    assert run("serve", *NEEDED, "--log-level", "debug", "--log-format", "json").exit_code == 0
    assert run("serve", *NEEDED).exit_code == 0
    assert [(level, form) for level, _, form, _ in begun] == [("debug", "json"), ("info", "text")]
    assert writers == begun


def headroom(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command as it is installed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KUBERNETES_")}
    command = [Path(sys.executable).with_name("headroom"), "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def test_a_missing_certificate_is_one_line_and_1(tmp_path: Path) -> None:
    result = headroom("--tls-cert-file", tmp_path / "no.crt", "--tls-key-file", tmp_path / "no.key")
    assert result.returncode == 1
    assert result.stderr == f"Error: {tmp_path}/no.crt: cannot be read: No such file or directory\n"
    assert result.stdout == ""


def test_no_cluster_is_one_line_and_1(tmp_path: Path) -> None:
    files = Mounted(tmp_path / "tls.crt", tmp_path / "tls.key")
    files.write(FIRST)
    result = headroom("--tls-cert-file", files.certificate, "--tls-key-file", files.key)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: cannot use the pod's service account: ")
    assert result.stderr.count("\n") == 1


def test_an_audit_file_that_cannot_be_opened_is_one_line_and_1(tmp_path: Path) -> None:
    files = Mounted(tmp_path / "tls.crt", tmp_path / "tls.key")
    files.write(FIRST)
    kubeconfig = {
        "current-context": "c",
        "users": [{"name": "u", "user": {"token": "t"}}],
        "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }
    (tmp_path / "config").write_text(json.dumps(kubeconfig))
    result = headroom(
        *("--tls-cert-file", files.certificate, "--tls-key-file", files.key),
        *("--kubeconfig", tmp_path / "config", "--audit-file", tmp_path / "none" / "audit"),
    )
    assert result.returncode == 1
    assert result.stderr == f"Error: [Errno 2] No such file or directory: '{tmp_path}/none/audit'\n"


def test_certificates_of_ones_own_are_for_the_services_name_and_what_is_added(served: list[Options]) -> None:
    result = run("serve", "--certificates", "self", "--namespace", "ns", "--tls-name", "a.test", "--tls-name", "::1")
    assert result.exit_code == 0, result.output
    assert served[0].names == names.parse(["headroom.ns.svc", "a.test"], ["::1"])
    assert (served[0].tls_cert_file, served[0].tls_key_file) == (None, None)


def test_with_files_there_are_no_names(served: list[Options]) -> None:
    assert run("serve", *NEEDED).exit_code == 0
    assert served[0].names is None
