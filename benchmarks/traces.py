"""Traces: counts what refusals leave behind, from outside: audit lines, lines of the operational log, Events."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from benchmarks.rivals import Headroom
from devcluster.controlplane import ControlPlane
from webhook.core.events.aggregator import INTERVAL
from webhook.observability.event_writer import COMPONENT

# One of the API server's own metrics, its labels in alphabetical order.
WRITES = re.compile(
    r'^apiserver_request_total\{code="2\d\d",.*resource="events",.*verb="(?:POST|PATCH|PUT)",.*\} (\S+)$', re.MULTILINE
)


class Line(msgspec.Struct):
    """A line of the audit log."""

    decision: str = ""
    reason: str = ""
    namespace: str = ""
    name: str = ""


class Traces(NamedTuple):
    """The traces of all replicas so far.

    `refused` counts audit lines by pod, `reasons` by reason. `unlike` counts lines that are in only one of the audit
    file and standard output, `logged` the lines of the operational log. `events` says what each Event is about, and its
    count; `writes` is how often an Event was written.
    """

    refused: Counter[str]
    reasons: Counter[str]
    unlike: int
    logged: int
    events: Sequence[tuple[str, int]]
    writes: int

    def amiss(self, refusals: int) -> int:
        """Return how many of `refusals` have no audit line, and how many audit lines are too many."""
        return abs(refusals - len(self.refused)) + self.refused.total() - len(self.refused)

    def allowed_writes(self, seconds: float) -> float:
        """Return how often one replica may write the existing Events: once at first, then once an interval."""
        return len(self.events) * (seconds / INTERVAL + 1)


def left_by(headroom: Headroom, plane: ControlPlane) -> Traces:
    """Count the traces."""
    files, audit, operational = Counter[str](), Counter[str](), 0
    for each in headroom.replicas:
        files.update(each.audit_file.read_text().splitlines())
        printed, logged = split(each.log.read_text())
        audit.update(printed)
        operational += len(logged)
    lines = [msgspec.json.decode(text, type=Line) for text in files.elements()]
    refusals = [line for line in lines if line.decision == "deny"]
    return Traces(
        Counter(f"{line.namespace}/{line.name}" for line in refusals),
        Counter(line.reason for line in refusals),
        ((files - audit) + (audit - files)).total(),
        operational,
        _events(plane),
        sum(int(float(count)) for count in WRITES.findall(plane.api.text("/metrics"))),
    )


def split(log: str) -> tuple[Sequence[str], Sequence[str]]:
    """Separate audit lines (standard output) from the operational log (standard error): both are in one file."""
    lines = log.splitlines()
    return [line for line in lines if line.startswith("{")], [line for line in lines if not line.startswith("{")]


def _events(plane: ControlPlane) -> Sequence[tuple[str, int]]:
    listed = plane.api.items("/api/v1/events")
    ours = (each for each in listed if each["source"].get("component") == COMPONENT)
    return [(each["involvedObject"]["kind"], each["count"]) for each in ours]
