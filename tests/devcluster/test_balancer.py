"""The balancer does what a Service does: new connections to ready backends in turn, established ones left alone."""

import http.client
import ssl
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import devcluster
from devcluster.binaries import binary
from devcluster.ports import free_port
from devcluster.processes import Program, until
from devcluster.replica import ready
from devcluster.replicas import issue_certificates

STAND_IN = Path(devcluster.__file__).with_name("stand_in.py")
SECONDS = 60


class Balanced(NamedTuple):
    """A balancer on `port`, and its backends by their ports."""

    port: int
    backends: dict[int, Program]
    folder: Path
    log: Path

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=SECONDS)

    def set_ready(self, port: int, *, on: bool) -> None:
        mark = self.folder / f"not-ready-{port}"
        mark.unlink() if on else mark.touch()

    def answers(self, calls: int) -> Counter[int]:
        """Which backend answered how many calls, each over a connection of its own."""
        return Counter(ask(self.connect(), close=True) for _ in range(calls))

    def shares(self, calls: int) -> Counter[int]:
        """The same, while all backends stay as ready as they are: one that a busy machine stops for 1 s does not."""
        shares = Counter[int]()

        def undisturbed() -> bool:
            before = self.log.read_text()
            shares.clear()
            shares.update(self.answers(calls))
            return self.log.read_text() == before

        until(undisturbed, "answers while no backend changes", SECONDS)
        return shares

    def serving(self) -> set[int]:
        return set(self.answers(2 * len(self.backends)))


def ask(connection: http.client.HTTPSConnection, *, close: bool = False) -> int:
    """The port of the backend that answers; a POST, which is answered whether it is ready or not."""
    try:
        connection.request("GET", "/port")
        return int(connection.getresponse().read())
    except OSError:
        close = True
        raise
    finally:
        if close:
            connection.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    issue_certificates(folder)
    return folder


@pytest.fixture
def balanced(certificates: Path, tmp_path: Path) -> Iterator[Balanced]:
    backends = {}
    for port in (free_port(), free_port(), free_port()):
        command: list[str | Path] = [sys.executable, STAND_IN, "--listen", f"127.0.0.1:{port}"]
        command += ["--tls-cert-file", certificates / "tls.crt", "--tls-key-file", certificates / "tls.key"]
        backends[port] = Program(f"backend-{port}", command, tmp_path / f"{port}.log")
    for port, backend in backends.items():
        backend.until(lambda port=port: ready(f"https://127.0.0.1:{port}"), "the backend's start", SECONDS)  # type: ignore[misc] # mypy cannot infer a lambda's default
    front = free_port()
    line: list[str | Path] = [binary("balancer"), "--listen", f"127.0.0.1:{front}"]
    for port in backends:
        line += ["--backend", f"127.0.0.1:{port}"]
    balancer = Program("balancer", line, tmp_path / "balancer.log")
    log = tmp_path / "balancer.log"
    balancer.until(lambda: all(f":{port} is ready" in log.read_text() for port in backends), "its start", SECONDS)
    yield Balanced(front, backends, certificates, log)
    for program in (balancer, *backends.values()):
        program.kill()
    for mark in certificates.glob("not-ready-*"):
        mark.unlink()


def test_new_connections_go_to_each_ready_backend_in_turn(balanced: Balanced) -> None:
    until(lambda: balanced.shares(12) == dict.fromkeys(balanced.backends, 4), "four for each", SECONDS)


def test_a_connection_stays_with_its_backend(balanced: Balanced) -> None:
    connection = balanced.connect()
    assert len({ask(connection) for _ in range(10)}) == 1
    connection.close()


def test_a_backend_that_stops_being_ready_keeps_what_it_has_and_gets_nothing_new(balanced: Balanced) -> None:
    connection = balanced.connect()
    mine = ask(connection)
    balanced.set_ready(mine, on=False)
    until(lambda: mine not in balanced.serving(), "its leaving", SECONDS)
    assert ask(connection) == mine
    connection.close()
    others = [port for port in balanced.backends if port != mine]
    until(lambda: balanced.shares(8) == dict.fromkeys(others, 4), "four for each of the others", SECONDS)

    balanced.set_ready(mine, on=True)
    until(lambda: mine in balanced.serving(), "its coming back", SECONDS)


# In CPython 3.11, wrap_socket does not close a socket that is reset before its handshake, and nobody else can.
resets = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@resets
def test_a_backend_that_dies_is_left_out(balanced: Balanced) -> None:
    dead, program = next(iter(balanced.backends.items()))
    program.kill()

    def left_out() -> bool:
        try:
            return dead not in balanced.serving()
        except OSError:  # it was still in turn
            return False

    until(left_out, "its leaving", SECONDS)
    until(lambda: set(balanced.shares(8)) == set(balanced.backends) - {dead}, "the others", SECONDS)


@resets
def test_without_a_ready_backend_connections_are_reset(balanced: Balanced) -> None:
    for port in balanced.backends:
        balanced.set_ready(port, on=False)

    def refused() -> bool:
        with warnings.catch_warnings():
            # Python's ssl forgets to close a socket whose peer resets it before the handshake.
            warnings.simplefilter("ignore", ResourceWarning)
            try:
                ask(balanced.connect(), close=True)
            except (ConnectionResetError, BrokenPipeError):  # whether it came while this end read, or before it wrote
                return True
        return False

    until(refused, "the refusal", SECONDS)
