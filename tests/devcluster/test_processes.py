"""Programs are ended by pid and start time, never by pid alone, and never outlive the tests that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devcluster.journal import Journal
from devcluster.processes import Identity, NotReadyError, Program, start_time, stopped, until

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
DEAF = (sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf'); time.sleep(60)")


def test_a_pid_that_now_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    program = Program("sleep", SLEEP, tmp_path / "log")
    earlier = Identity("sleep", program.pid, program.identity.started - 1)
    earlier.end()
    assert not earlier.alive()
    program.check()  # it still runs
    program.kill()
    assert not program.identity.alive()


def test_a_program_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = Program("deaf", (sys.executable, "-u", *DEAF[1:]), log)
    program.until(lambda: "deaf" in log.read_text(), "the start", 30)
    begun = time.monotonic()
    program.stop(grace=0.3)
    assert not program.identity.alive()
    assert time.monotonic() - begun >= 0.3


def test_a_paused_program_can_be_ended(tmp_path: Path) -> None:
    program = Program("sleep", SLEEP, tmp_path / "log")
    program.pause()
    assert stopped(program.pid)
    begun = time.monotonic()
    program.stop(grace=50)
    assert time.monotonic() - begun < 40  # it heard SIGTERM, and was not killed after its grace
    assert not program.identity.alive()


def test_a_program_that_dies_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    program = Program("sick", (sys.executable, "-c", "raise SystemExit('no port left')"), tmp_path / "log")
    with pytest.raises(NotReadyError, match=r"sick ended with 1; .*\n(.*\n)*no port left"):
        program.until(lambda: False, "the start", 30)
    program.stop()


def test_a_program_that_is_not_ready_in_time_is_reported(tmp_path: Path) -> None:
    program = Program("slow", SLEEP, tmp_path / "log")
    with pytest.raises(NotReadyError, match="the start took over 0 s"):
        program.until(lambda: False, "the start", 0.1)
    program.kill()


def test_a_zombie_does_not_count_as_running() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        until(lambda: _state(child.pid) == "Z", "the end of the child", 30)
        assert start_time(child.pid) is None


@pytest.mark.parametrize("kept", [False, True], ids=["tethered", "with a journal"])
def test_only_programs_with_a_journal_outlive_who_started_them(tmp_path: Path, kept: bool) -> None:
    journal = Journal(tmp_path / "programs")
    starter = f"""
from pathlib import Path
from devcluster.journal import Journal
from devcluster.processes import Program, until
folder = Path({str(tmp_path)!r})
command = ({sys.executable!r}, "-u", "-c", "import time; print('up'); time.sleep(60)")
program = Program("sleep", command, folder / "log", journal=Journal(folder / "programs") if {kept} else None)
until(lambda: "up" in (folder / "log").read_text(), "the start", 30)
print(program.pid, program.identity.started)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-u", "-c", starter], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    identity = Identity("sleep", *map(int, done.stdout.split()))
    if kept:
        assert journal.read() == [identity]
        assert journal.end() == [identity]
    until(lambda: not identity.alive(), "the end of the program", 30)
    assert journal.end() == []


def test_a_journal_ends_the_last_started_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "programs")
    programs = [Program(name, SLEEP, tmp_path / name, journal=journal) for name in ("first", "second")]
    # Not of our doing: a pid that was ours once, and is this test's own process now.
    journal.add(Identity("stale", os.getpid(), 1))
    assert [identity.name for identity in journal.end()] == ["second", "first"]
    for program in programs:
        program.stop()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
