"""Denials: what a refusal costs two replicas at a full bound, compared with an admission, and what it leaves behind.

Both are of the same pods from the same clients; only the room differs. No controllers run: they are not needed for
either, and would delete pods that they did not create.
"""

import time
from collections.abc import Callable, Sequence

from benchmarks import load, workloads
from benchmarks.figures import Chapter, Claim
from benchmarks.pace import PACE, measured
from benchmarks.rivals import Headroom
from benchmarks.spreads import Spread
from benchmarks.stage import CONFIG, Stage, taking_turn
from benchmarks.traces import Traces, left_by
from benchmarks.usage import cpu_seconds
from devcluster.replicas import NAMESPACE
from webhook.core.events.aggregator import INTERVAL

COLUMNS = ("cpu_us", "per_second", "p50_ms", "p99_ms", "idle_share", PACE)
CASE = "16 clients, 2 replicas"
ADMITTED, REFUSED = "admitted", "refused"
CODES = {ADMITTED: "201", REFUSED: "403"}
CLIENTS = 16
CREATES = 600
OWNERS = 8
REPLICAS = 2
IDLE_SECONDS = 1.0
# On three nodes with 16Ti, this is room for about 1,000 of the created pods.
SETTINGS = """apiVersion: headroom.internal/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 0.4%}}
"""
# The operational log writes this many lines of one kind in 10 s; a storm of refusals must not cause more in total.
MOST_LOG_LINES = 20


class Denials:
    """Two replicas whose bound is filled and emptied, and the cost of their refusals."""

    def __init__(self, stage: Stage) -> None:
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CONFIG}"
        stage.plane.api.patch(path, {"data": {"config.yaml": SETTINGS}})
        self.chapter = Chapter("The processor time of a refusal", COLUMNS)
        self.headroom = Headroom("headroom-full", stage.files, REPLICAS)
        stage.admit([self.headroom])
        owners = workloads.make(stage.plane.api, self.headroom.name, OWNERS)
        self._stage = stage
        self._flags = {
            "body": workloads.owned_pod(stage.files.work / "owned-pod.json"),
            "owners": workloads.owners_file(stage.files.work / "owners", owners),
            "clients": CLIENTS,
        }
        self.refusals = 0

    def round(self, number: int) -> None:
        """Measure admissions and refusals; which comes first alternates between rounds."""
        with taking_turn(self.headroom):
            self._rest()
            idle = self._idle()
            for kind in (ADMITTED, REFUSED) if number % 2 else (REFUSED, ADMITTED):
                if kind == REFUSED:
                    self._count(self._create(refusals=CLIENTS))
                self._turn(number, kind, idle)
                if kind == REFUSED or number % 2 == 0:
                    self._stage.clear(self.headroom.name)

    def _idle(self) -> float:
        """Return the share of a processor that both replicas together use without any requests."""
        before, began = cpu_seconds(self.headroom.pids), time.monotonic()
        time.sleep(IDLE_SECONDS)
        return (cpu_seconds(self.headroom.pids) - before) / (time.monotonic() - began)

    def _turn(self, number: int, kind: str, idle: float) -> None:
        self._rest()
        before, began = cpu_seconds(self.headroom.pids), time.monotonic()
        with measured() as pace:
            seen = self._count(self._create(count=CREATES))
            self._rest()  # later work for it is counted, too: events and a booking, or audit lines and Events
        spent = cpu_seconds(self.headroom.pids) - before - idle * (time.monotonic() - began)
        if seen.outcomes.keys() != {CODES[kind]}:
            raise RuntimeError(f"not all were {kind}: {seen.errors}")
        figures = pace.figures | seen.figures(CODES[kind]) | {"cpu_us": spent / seen.answers * 1e6, "idle_share": idle}
        self.chapter.add(CASE, kind, number, {name: figures[name] for name in COLUMNS})

    def _create(self, **flags: object) -> load.Measured:
        return self._stage.create(self.headroom.name, **self._flags, **flags)

    def _count(self, seen: load.Measured) -> load.Measured:
        refused = seen.outcomes.get(CODES[REFUSED])
        self.refusals += refused.count if refused else 0
        return seen

    def _rest(self) -> None:
        self.headroom.resume()
        self._stage.settle()


def measure(stage: Stage, rounds: int, say: Callable[[str], None]) -> Chapter:
    """Measure refusals and admissions in turn, on a stage without controllers."""
    denials = Denials(stage)
    before, began = left_by(denials.headroom, stage.plane), time.monotonic()
    for number in range(1, rounds + 1):
        say(f"refusals, round {number} of {rounds}")
        denials.round(number)
    with taking_turn(denials.headroom):
        time.sleep(INTERVAL + 1)  # until the last Events are written
    after, seconds = left_by(denials.headroom, stage.plane), time.monotonic() - began
    cost = denials.chapter.ratio(CASE, REFUSED, ADMITTED, "cpu_us")
    text = "processor time of a refused review over that of an admitted one"
    denials.chapter.claims = [Claim(text, cost, 1.2), *claims(denials.refusals, seconds, before, after)]
    denials.chapter.notes = notes(denials.refusals, seconds, before, after)
    return denials.chapter


def claims(refusals: int, seconds: float, before: Traces, after: Traces) -> Sequence[Claim]:
    """Return what Headroom promises about what refusals leave behind."""
    written = (after.writes - before.writes) / max(1.0, REPLICAS * after.allowed_writes(seconds))
    claimed: Sequence[tuple[str, float, float]] = [
        (f"of {refusals:,} refusals, those without exactly one audit line", after.amiss(refusals), 0),
        ("audit lines that are only in one of file and standard output", after.unlike, 0),
        ("lines in both operational logs meanwhile", after.logged - before.logged, MOST_LOG_LINES),
        (f"Events in the cluster, about the pods of {OWNERS} Deployments", len(after.events), OWNERS),
        ("writes of Events, over what the time allows each replica", written, 1.0),
    ]
    return [Claim(text, Spread.of([value]), limit) for text, value, limit in claimed]


def notes(refusals: int, seconds: float, before: Traces, after: Traces) -> list[str]:
    """Return the other counts, as notes."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(after.reasons.items()))
    told = sum(count for _, count in after.events)
    kinds = ", ".join(sorted({kind for kind, _ in after.events})) or "nothing"
    return [
        "cpu_us is without what both replicas use when nobody asks (idle_share, of one processor)",
        f"{refusals:,} creates were refused in {seconds:.0f} s; their reasons in the audit log: {reasons}",
        f"Events about {kinds}: {len(after.events)}, written {after.writes - before.writes} times, counting {told:,}",
        f"operational logs of both replicas: {after.logged - before.logged} lines meanwhile, {after.logged} in all",
    ]
