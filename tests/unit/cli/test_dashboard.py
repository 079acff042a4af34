"""`headroom dashboard`: one frame with --once; at a terminal it is drawn again, until q."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from tests.support import accounts
from tests.support.reports import blocked
from tests.support.served import Account, Refused, served
from webhook.cli.cluster import CannotTell
from webhook.cli.dashboard import look, look_again
from webhook.cli.main import main
from webhook.cli.source import Source
from webhook.core.reporting.rows import Commitment

SECONDS = 30
PROGRAM = "from webhook.cli.main import main; main()"


def run(url: str, *arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, ["dashboard", "--server", url, *arguments])


def test_one_frame_without_a_terminal_has_80_columns_and_no_colours(account: Account) -> None:
    with served(account, Refused(blocked=[blocked("web", missing=2)])) as url:
        result = run(url, "--once", COLUMNS="80", LINES="24")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Room for 6Gi of requests. 1 workload is waiting."
    assert "Waiting now (1)" in lines
    assert any(line.split()[:2] == ["default", "12"] for line in lines)
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in result.stdout


def test_a_frame_of_an_account_over_its_threshold_is_1(account: Account) -> None:
    ledger = accounts.ledger("", accounts.node("n1"), requests="50%")
    ledger.see(accounts.pod("big", 6, "n1"))
    with served(Account(ledger)) as url:
        assert run(url, "--once").exit_code == 1


def test_without_a_terminal_it_says_what_to_do(server: str) -> None:
    result = run(server)
    assert result.exit_code == 2
    assert "--once prints one frame" in result.stderr


def test_nobody_answers() -> None:
    assert run("http://127.0.0.1:1", "--once").exit_code == 3


class _Fails:
    def commitment(self) -> Commitment:
        raise CannotTell("Headroom does not answer")


def test_without_an_answer_the_last_frame_stays_and_says_why(server: str) -> None:
    from webhook.cli.cluster import Target  # noqa: PLC0415
    from webhook.cli.source import source  # noqa: PLC0415

    before = look(source(Target(None, None, "headroom-system", server, direct=False)))
    failing: Source = _Fails()  # type: ignore[assignment]  # it is asked for nothing else
    after = look_again(failing, before)
    assert after.commitment == replace(before.commitment, problem="Headroom does not answer")
    assert after.namespaces == before.namespaces


@contextmanager
def at_a_terminal(url: str, **environment: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run it in a terminal of its own, of 80 columns and 24 lines."""
    ours, its = pty.openpty()
    command = [sys.executable, "-c", PROGRAM, "dashboard", "--refresh", "1", "--server", url]
    usual = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=os.environ | usual | environment) as program:
        os.close(its)
        try:
            yield ours, program
        finally:
            program.kill()
            os.close(ours)


def read_until(terminal: int, text: str) -> str:
    """Return what a terminal has been sent, once `text` is in it."""
    said, deadline = b"", time.monotonic() + SECONDS
    while text not in said.decode(errors="replace"):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, said
        said += os.read(terminal, 1 << 16)
    return said.decode(errors="replace")


@pytest.mark.parametrize("ends", [b"q", signal.SIGINT, signal.SIGTERM])
def test_at_a_terminal_it_goes_on_until_it_is_ended_and_leaves_it_as_it_was(
    account: Account, ends: bytes | signal.Signals
) -> None:
    with served(account) as url, at_a_terminal(url, NO_COLOR="1") as (terminal, program):
        first = read_until(terminal, "Last refusals")
        assert "\x1b[?1049h" in first  # a screen of its own
        assert "Room for 6Gi of requests." in first
        assert not re.search(r"\x1b\[(?:\d+;)*3\dm", first)  # no colour
        if isinstance(ends, bytes):
            account._ledger.see(accounts.pod("more", 1, "node-1"))
            read_until(terminal, "Room for 5Gi of requests.")
            os.write(terminal, ends)
        else:
            program.send_signal(ends)
        assert "Traceback" not in read_until(terminal, "\x1b[?1049l")
        assert program.wait(SECONDS) == 0
