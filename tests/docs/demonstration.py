"""`make demo` as somebody at a terminal has it, who then tries what it says and ends it."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from contextlib import suppress

from tests.docs.shell import Done, Shell

SECONDS = 200.0
STAYS = "and then, for instance:"
_COMMAND = re.compile(r"^ {3}(export|kubectl|curl) .*$", re.MULTILINE)


def demo(shell: Shell) -> Done:
    """Run it at a terminal; type what it shows at its end, which must succeed; press Ctrl-C."""
    terminal, inner = pty.openpty()
    with subprocess.Popen(
        ["make", "demo"],
        cwd=shell.folder,
        env=shell.environment | {"COLUMNS": "200"},
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    ) as program:
        os.close(inner)
        try:
            told = _read(terminal, until=STAYS)
            tried = _try(shell.copy(), told) if STAYS in told else Done(1, "it did not stay up")
            os.killpg(program.pid, signal.SIGINT)  # to all that runs there, as a terminal does
            told += _read(terminal)
            program.wait(SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            os.close(terminal)
    return Done(tried.code if "bye" in told else 1, told + tried.printed)


def _try(shell: Shell, told: str) -> Done:
    printed = ""
    lines = [each[0].strip() for each in _COMMAND.finditer(told.partition("stays up until")[2])]
    for line in lines:
        done = shell.run(line)
        printed += f"$ {line}\n{done.printed}"
        if done.code != 0:
            return Done(done.code, printed)
    wanted = ("only 18 of 30 replicas fit", "headroom.internal/admission", "headroom_scope_memory_limits_bound_bytes")
    return Done(0 if len(lines) > 3 and all(each in printed for each in wanted) else 1, printed)


def _read(terminal: int, until: str | None = None) -> str:
    """What appears there, to its end or for a moment longer than `until` appears."""
    told, deadline = b"", time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        quiet = until is not None and until.encode() in told
        if not select.select([terminal], [], [], 1.0 if quiet else 0.5)[0]:
            if quiet:
                break
            continue
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        told += data
    return told.decode(errors="replace").replace("\r\n", "\n")
