"""Denials: what a refusal costs two replicas at a full bound, beside what an admission does."""

import json
from collections.abc import Callable

from tests.bench import load
from tests.bench.figures import Chapter, Claim, Spread
from tests.bench.rivals import Headroom
from tests.bench.stage import CONFIG, Stage, taking_turn
from tests.bench.usage import cpu_seconds
from tests.cluster.replicas import NAMESPACE

COLUMNS = ("cpu_us", "per_second", "p50_ms", "p99_ms")
CASE = "16 clients, 2 replicas"
ADMITTED, REFUSED = "admitted", "refused"
CLIENTS = 16
CREATES = 400
# Of three nodes with 16Ti: room for about 1,000 of the pods that are created.
SETTINGS = """apiVersion: headroom.dev/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 0.4%}}
"""


def measure(stage: Stage, rounds: int, say: Callable[[str], None]) -> Chapter:
    """Measure refusals and admissions in turn."""
    chapter = Chapter("The processor time of a refusal", COLUMNS)
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CONFIG}"
    stage.plane.api.patch(path, {"data": {"config.yaml": SETTINGS}})
    headroom = Headroom("headroom-full", stage.files, 2)
    stage.admit([headroom])
    refusals = 0
    for number in range(1, rounds + 1):
        say(f"refusals, round {number} of {rounds}")
        with taking_turn(headroom):
            _turn(stage, headroom, number, ADMITTED, chapter)
            filled = stage.create(headroom.name, clients=CLIENTS, refusals=CLIENTS)
            refused = _turn(stage, headroom, number, REFUSED, chapter)
            refusals += sum(seen.outcomes["403"].count for seen in (filled, refused))
            stage.clear(headroom.name)
    _conclude(chapter, headroom, refusals)
    return chapter


def _turn(stage: Stage, headroom: Headroom, number: int, kind: str, chapter: Chapter) -> load.Measured:
    headroom.resume()  # that is, once nothing is left to do
    before = cpu_seconds(headroom.pids)
    seen = stage.create(headroom.name, clients=CLIENTS, count=CREATES)
    headroom.resume()  # what follows an admission (the watch, a booking) belongs to it
    spent = cpu_seconds(headroom.pids) - before
    code = "201" if kind == ADMITTED else "403"
    if seen.outcomes.keys() != {code}:
        raise RuntimeError(f"not all were {kind}: {seen.errors}")
    figures = seen.figures(code) | {"cpu_us": spent / seen.answers * 1e6}
    chapter.add(CASE, kind, number, {name: figures[name] for name in COLUMNS})
    return seen


def _conclude(chapter: Chapter, headroom: Headroom, refusals: int) -> None:
    text = "processor time of a refused review over that of an admitted one"
    chapter.claims.append(Claim(text, chapter.ratio(CASE, REFUSED, ADMITTED, "cpu_us"), 1.2))
    lines = [json.loads(line) for each in headroom.replicas for line in each.audit_file.read_text().splitlines()]
    denied = sum(line.get("decision") == "deny" for line in lines)
    share = Spread.of([denied / refusals])
    chapter.claims.append(Claim(f"audit lines for each of {refusals:,} refusals", share, 1.0, least=True))
    # Standard output and error go to one file: what is more than the audit lines is the operational log.
    logged = sum(each.log.stat().st_size - each.audit_file.stat().st_size for each in headroom.replicas)
    chapter.notes.append(f"operational logs of both replicas, start included: {logged:,} bytes")
