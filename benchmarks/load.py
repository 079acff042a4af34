"""Runs the load generator: flags go in, measured values come out."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from devcluster.binaries import binary

DATA = Path(__file__).parent / "data"
LONGEST = 300.0  # seconds for any one load


class Latency(msgspec.Struct):
    """Latencies in milliseconds."""

    count: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


class Measured(msgspec.Struct):
    """What one load measured; outcomes are HTTP codes, `deleted`, or `allowed` and `refused` for replayed reviews."""

    seconds: float
    answers: int
    per_second: float
    outcomes: dict[str, Latency]
    errors: dict[str, int]
    cpu_seconds: float  # of the load generator itself

    def figures(self, outcome: str) -> dict[str, float]:
        """Return the figures of a round; latencies are those of one outcome, failures are all errors."""
        counted = {"per_second": self.per_second, "failures": float(sum(self.errors.values()))}
        latency = self.outcomes.get(outcome)
        if latency is None:
            return counted
        return counted | {"p50_ms": latency.p50_ms, "p90_ms": latency.p90_ms, "p99_ms": latency.p99_ms}


class Lost(msgspec.Struct):
    """How many stalled connections the server ended, and after how many seconds."""

    peers: int
    ended: int
    first_s: float
    median_s: float
    last_s: float


def run(command: str, flags: Mapping[str, object], *switches: str, token: str = "") -> Measured:
    """Run `load create` or `load replay` to its end."""
    line = [str(binary("load")), command, *_flags(flags), *switches]
    done = subprocess.run(
        line, capture_output=True, text=True, check=False, timeout=LONGEST, env=os.environ | {"TOKEN": token}
    )
    if done.returncode != 0:
        raise RuntimeError(f"load {command} ended with {done.returncode}: {done.stderr.strip()}")
    return msgspec.json.decode(done.stdout, type=Measured)


class Stalled:
    """Connections that stop at one stage and stay open, for a `with` statement, until `release`.

    With `lossy`, those that the server ends on their way there are counted as ended, and are no error.
    """

    def __init__(self, url: str, ca_file: Path, stage: str, peers: int, *, lossy: bool = False) -> None:
        flags = {"url": url, "ca-file": ca_file, "stage": stage, "peers": peers}
        self._process = subprocess.Popen(
            [str(binary("load")), "stall", *_flags(flags), f"--lossy={str(lossy).lower()}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "stalled\n":
            self._end()
            raise RuntimeError("the peers could not be brought to their stage")
        return self

    def release(self) -> Lost:
        """Close all connections, and return how many the server had ended before."""
        said, _ = self._process.communicate("\n", timeout=LONGEST)
        return msgspec.json.decode(said, type=Lost)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()  # closes the pipes, too


def _flags(flags: Mapping[str, object]) -> Sequence[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
