"""Certificate reload: the files are looked at every second, and each change and each new problem is logged once."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from tests.support.certificates import FIRST, NOW, SECOND, Mounted
from webhook.controllers.certificate_reload import CertificateReload
from webhook.http.tls import ServingCertificate

Step = Callable[[], object]


class Rounds(Event):
    """A stop signal without a clock: before each look at the files it takes a step; after the last, it is set."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self.steps = list(steps)
        self.waits = list[float | None]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        if not self.steps:
            return True
        self.steps.pop(0)()
        return False


@pytest.fixture
def files(tmp_path: Path) -> Mounted:
    mounted = Mounted(tmp_path / "tls.crt", tmp_path / "tls.key")
    mounted.write(FIRST)
    return mounted


def nothing() -> None:
    pass


def run(serving: ServingCertificate, *steps: Step, clock: Callable[[], float] = NOW.timestamp) -> list[float | None]:
    """Run the loop over these steps; return how long it waited before each look."""
    stop = Rounds(*steps)
    CertificateReload(serving, stop, clock).run()
    return stop.waits


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_it_looks_every_second_and_says_nothing_while_nothing_changes(
    files: Mounted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert run(files.serving(), nothing, nothing, nothing) == [1.0] * 4
    assert lines(caplog) == []


def test_a_renewed_certificate_is_served_and_logged_by_its_fingerprint(
    files: Mounted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    serving = files.serving()
    first = serving.fingerprint
    run(serving, nothing, lambda: files.write(SECOND), nothing)
    assert serving.fingerprint != first
    assert lines(caplog) == [("INFO", f"serving the certificate {serving.fingerprint} from now on")]


def test_a_problem_is_logged_once_and_again_only_after_it_was_gone(
    files: Mounted, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        files.certificate.write_text("not a certificate")

    serving = files.serving()
    run(serving, broken, nothing, lambda: files.write(FIRST), nothing, broken, nothing)
    assert [level for level, _ in lines(caplog)] == ["ERROR", "ERROR"]
    assert lines(caplog)[0] == lines(caplog)[1]
    assert str(files.certificate) in lines(caplog)[0][1]


def test_another_problem_is_logged_too(files: Mounted, caplog: pytest.LogCaptureFixture) -> None:
    run(files.serving(), lambda: files.certificate.write_text("x"), files.certificate.unlink)
    told = [message for _, message in lines(caplog)]
    assert len(told) == 2
    assert told[1] == f"{files.certificate}: cannot be read: No such file or directory"


def test_a_certificate_in_use_that_expires_is_a_problem_by_the_clock_that_was_given(
    files: Mounted, caplog: pytest.LogCaptureFixture
) -> None:
    serving = files.serving()
    times = [serving.expires_at - 1, serving.expires_at, serving.expires_at + 1]
    run(serving, nothing, nothing, nothing, clock=lambda: times.pop(0))
    assert len(caplog.records) == 1
    assert "the certificate expired at " in caplog.text


def test_it_does_not_look_once_it_is_stopped(files: Mounted) -> None:
    serving = files.serving()
    first = serving.fingerprint
    files.write(SECOND)
    stop = Event()
    stop.set()
    CertificateReload(serving, stop, NOW.timestamp).run()
    assert serving.fingerprint == first
