"""A soak from its first pod to the last check: two lanes of events under load, with the witness watching."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.stress.scene import BOUND, PODS, Scene, settle
from tests.stress.soak import changes, faults
from tests.stress.soak.observers import Observers
from tests.stress.soak.places import may_mount
from tests.stress.soak.report import Found
from tests.stress.soak.schedule import Change, Event, Fault, Scale, schedule
from tests.stress.soak.stage import CLIENTS, REPLICAS, Stage, staged
from tests.stress.witness import Witness, holdings


class Length(NamedTuple):
    """How long a soak is in seconds, how long its events are, and when a process has warmed up."""

    seconds: float
    scale: Scale
    warm_up: float


SOAK = Length(600.0, Scale((1.0, 6.0), (2.0, 15.0)), 60.0)
ONCE = Length(0.0, Scale((0.1, 0.3), (0.5, 1.5)), 5.0)
"""Everything once, as soon as possible."""


def soak(place: Scene, work: Path, seed: int, length: Length, say: Callable[[str], None] = lambda _: None) -> Found:
    """Run one soak; raises if something does not get well again, or if an account is wrong at the end."""
    disks = may_mount(work.with_name("trial-mount"))
    kinds = [fault for fault in Fault if disks or fault is not Fault.DISK]
    with staged(place, work, disks=disks) as stage, Witness(place.server) as witness:
        began = time.monotonic()
        done: dict[Fault | Change, list[float]] = defaultdict(list)
        with stage.churn.running(), Observers(stage, length.warm_up) as observers:
            _warm_up(stage)
            lane = _Lane(stage, _dealt(schedule(list(Change), seed + 1, length.scale, REPLICAS), len(Change), length))
            with lane:
                for event in _dealt(schedule(kinds, seed, length.scale, REPLICAS), len(kinds), length):
                    done[event.what].append(_break(stage, event, say))
                    lane.check()
            lane.check()
        ended = time.monotonic()
        held = sum(holdings(place.server.get("/api/v1/pods")["items"]).values())
        settle(stage.replicas, held)
        seen = witness.testify()
        _read_logs(stage)
        return Found(
            seed=seed,
            seconds=ended - began,
            bound=BOUND,
            evidence=seen,
            phases=stage.phases,
            counts=stage.books.counts,
            failed=list(stage.books),
            outages=stage.outages,
            events=done | lane.done,
            lives=observers.lives(),
            stuck=stage.stuck,
            torn=sum(proxy.torn for proxy in stage.proxies),
            refused=sum(len(proxy.refused) for proxy in stage.proxies),
            kills=stage.kills,
            clients=CLIENTS,
        )


class _Lane:
    """The lane of changes, on a thread of its own."""

    def __init__(self, stage: Stage, events: Iterator[Event]) -> None:
        self._stage, self._events = stage, events
        self.done: dict[Fault | Change, list[float]] = defaultdict(list)
        self._fault: BaseException | None = None
        self._broken = threading.Event()
        self._thread = threading.Thread(target=self._run, name="changes", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._broken.set()  # the other lane has failed: no further event
        self._thread.join()

    def check(self) -> None:
        """Raise what went wrong."""
        if self._fault is not None:
            raise self._fault

    def _run(self) -> None:
        try:
            for event in self._events:
                if self._broken.is_set():
                    break
                time.sleep(event.pause)
                began = time.monotonic()
                changes.ACTS[Change(event.what)](self._stage, event)
                self.done[event.what].append(time.monotonic() - began)
        except BaseException as fault:  # noqa: BLE001 - raised by `check`
            self._fault = fault


def _warm_up(stage: Stage) -> None:
    """Have pods hold half of the bound before anything breaks."""
    stage.await_(lambda: len(stage.churn.names) >= PODS // 2, "the first half of the pods")


def _dealt(events: Iterator[Event], deck: int, length: Length) -> Iterator[Event]:
    """Deal all kinds once, and then go on until the time is over."""
    deadline = time.monotonic() + length.seconds
    yield from islice(events, deck)
    while time.monotonic() < deadline:
        yield next(events)


def _break(stage: Stage, event: Event, say: Callable[[str], None]) -> float:
    time.sleep(event.pause)
    began = time.monotonic()
    faults.ACTS[Fault(event.what)](stage, event)
    broken, well = time.monotonic() - began, stage.recover()
    stage.trim()
    say(f"{event.what}, replica {event.replica + 1}: {broken:.1f} s, well again {well:.1f} s later; {stage.books}")
    return well


def _read_logs(stage: Stage) -> None:
    for replica in stage.replicas:  # with the audit lines among those of the log, as a container's output has them
        log = replica.log.read_text()
        assert "Traceback" not in log, log
        assert "drifted" not in log, log
