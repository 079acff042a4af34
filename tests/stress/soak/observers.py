"""Observers beside a soak: what each process of a replica holds, and whether this machine stands still."""

import threading
import time
from collections import defaultdict
from types import TracebackType
from typing import Self

from tests.stress.soak.outages import Down, Outage
from tests.stress.soak.stage import Stage
from tests.stress.soak.vitals import Life, Vitals, look

EVERY_SECONDS = 0.5
STILL_SECONDS = 1.0  # by which a sleep may be too long before calls may well be too late


class Observers:
    """One thread that looks at all replicas while the `with` block runs, at a process `warm_up` s after it listened."""

    def __init__(self, stage: Stage, warm_up: float) -> None:
        self._stage, self._warm_up = stage, warm_up
        self._begun: dict[tuple[int, int], float] = {}
        self._samples: dict[tuple[int, int], list[Vitals]] = defaultdict(list)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def lives(self) -> list[Life]:
        """Return every life that outlasted its warm-up."""
        return [Life(*key, tuple(samples)) for key, samples in sorted(self._samples.items())]

    def _run(self) -> None:
        expected = time.monotonic() + EVERY_SECONDS
        while not self._stop.wait(EVERY_SECONDS):
            now = time.monotonic()
            if now > expected + STILL_SECONDS:
                self._stage.outages.append(Outage(Down.STILL, expected - EVERY_SECONDS, now + STILL_SECONDS))
            self._look(now)
            expected = time.monotonic() + EVERY_SECONDS

    def _look(self, now: float) -> None:
        for replica in self._stage.replicas:
            program = replica._program
            if program is None:
                continue
            key = (replica.number, program.pid)
            seen = look(program.pid, (replica.port, replica.metrics_port), now)
            if seen is not None and now >= self._begun.setdefault(key, now) + self._warm_up:
                self._samples[key].append(seen)
