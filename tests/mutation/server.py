"""The process that runs tests for a sandbox: it has imported what no fault is put into, and forks for each run.

Started as a program with the folder that it may write to. Each line of its input is an order, each line of its output
the exit code of that run; one that takes too long is ended, with all that it started, and has failed.
"""

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

_MEMORY = 4 << 30  # bytes: what a fault may make the tests take before they fail
_LOOK = 0.02  # seconds
_ENDED = 1  # the exit code of what was ended

Order = dict[str, Any]
"""`tests`: paths in the current directory; `seconds`: how long they may take; `room`: whose durations to go by;
`keep`: whether compiled files may be kept."""


def main(scratch: Path) -> None:
    """Carry out orders until there are no more."""
    os.nice(10)
    signal.signal(signal.SIGTERM, _stop)
    sys.path[0] = str(scratch)  # for the plugin; this file's own folder is of no use to anybody
    for line in sys.stdin:
        _import_all(scratch / "modules.json")
        print(_carried_out(json.loads(line), scratch), flush=True)


def _import_all(names: Path) -> None:
    """Import what an earlier run needed from outside the tree."""
    with contextlib.suppress(FileNotFoundError):
        for name in json.loads(names.read_text()):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        names.unlink()


def _stop(*_: object) -> NoReturn:
    sys.exit(1)  # as an exception, so that the tests that run are ended


def _carried_out(order: Order, scratch: Path) -> int:
    child = os.fork()
    if not child:
        _run(order, scratch)
    until = time.monotonic() + order["seconds"]
    ended = None
    try:
        while ended is None and time.monotonic() < until:
            time.sleep(_LOOK)
            ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    finally:
        _end(child)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if ended is not None else _ENDED


def _end(child: int) -> None:
    """End a child, and all that it started. Nobody has waited for it yet, so its number is still its own."""
    os.kill(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)


def _run(order: Order, scratch: Path) -> NoReturn:
    """Run the tests and end, in the child."""
    code = _ENDED
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        said = os.open(scratch / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(said, stream)
        sys.dont_write_bytecode = not order["keep"]
        os.environ["MUTANTS_ROOM"], os.environ["MUTANTS_SCRATCH"] = order["room"], str(scratch)
        sys.path.insert(0, str(Path.cwd()))
        options = ["-x", "-q", "--assert=plain", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "mutants_plugin"]
        code = int(pytest.main([*options, "--hypothesis-profile=mutants", *order["tests"]]))
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
