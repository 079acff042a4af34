"""A pod's life: the processor time of everything while pods are created, scheduled, run and deleted.

Unlike a create, this counts what a webhook costs after its answer: its watch, its writes, and what the API server, etcd
and the controllers do because of it. Headroom runs only during its own turns, because the API server would go on
encoding events for a watch whose reader is stopped, and all rivals would pay for that.
"""

import re
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import urllib3

from benchmarks import load, rivals
from benchmarks.figures import Chapter, Claim, in_turn
from benchmarks.pace import PACE, measured
from benchmarks.rivals import Command, Files, Headroom, Nobody, Rival
from benchmarks.spreads import Spread
from benchmarks.stage import SECONDS, Stage, taking_turn
from benchmarks.usage import cpu_seconds
from devcluster.namespaces import NAMESPACES
from devcluster.processes import until

NONE, QUOTA, BYTES, ONE, TWO = "none", "quota", "bytes", "headroom-1", "headroom-2"
BEFORE = {ONE: "before-1", TWO: "before-2"}
CASE = "one pod after the other"
CPU = "cpu_ms"
APISERVER, ETCD, OTHERS, WEBHOOK, WRITES = "apiserver_ms", "etcd_ms", "controllers_ms", "webhook_ms", "writes"
COLUMNS = (CPU, APISERVER, ETCD, OTHERS, WEBHOOK, WRITES, "seconds", "failures", PACE)
PODS, WARM = 120, 10
_WRITTEN = re.compile(r'^headroom_booking_writes_total\{outcome="written"\} (\S+)', re.MULTILINE)
FEWEST, MOST = 6, 30
MINUTES = 10.0
OVER_QUOTA, OVER_BEFORE = 0.8, 1.03


class Restarted(Headroom):
    """Replicas that are started for each turn and end with it; `checkout` is that of the webhook, None for this one."""

    watches = False

    def __init__(self, name: str, files: Files, count: int, checkout: Path | None = None) -> None:
        super().__init__(name, files, count)
        serve: Command = [*serve_from(checkout), *files.tls_flags, "--kubeconfig", files.kubeconfig]
        for each in self.replicas:
            each._serve = serve

    def start(self) -> None:
        """Do nothing: the replicas run only during their turns."""

    def resume(self) -> None:
        """Begin the turn."""
        super().start()

    def pause(self) -> None:
        """End the turn as Kubernetes ends pods, so that the next replicas find no allotment of these."""
        for each in self.replicas:
            each.stop()

    stop = pause


def serve_from(checkout: Path | None) -> Command:
    """Return the command line of a replica, by the code of a checkout, with the packages of this environment."""
    here = [sys.executable, "-P", "-m", "benchmarks.one_port", "serve"]
    return ["/usr/bin/env", f"PYTHONPATH={checkout or Path(__file__).parents[1]}", *here]


def measure(stage: Stage, say: Callable[[str], None], baseline: Path | None = None) -> Chapter:
    """Measure all rivals in rounds; `baseline` is another checkout whose Headroom takes part as well."""
    chapter = Chapter("Processor time of a pod's life, all processes together", COLUMNS)
    taking_part = _rivals(stage, baseline)
    stage.admit([each for each in taking_part if each.name != QUOTA])
    end = time.monotonic() + MINUTES * 60
    for number in range(1, MOST + 1):
        if number > FEWEST and time.monotonic() > end:
            break
        say(f"pod-life, round {number}")
        for rival in in_turn(taking_part, number):
            with taking_turn(rival):
                _live(stage, rival.name, WARM)
                stage.settle()
                _turn(stage, rival, number, chapter)
    chapter.notes += notes(chapter, stage.unsettled)
    return chapter


def _rivals(stage: Stage, baseline: Path | None) -> Sequence[Rival]:
    files = stage.files
    found: list[Rival] = [Nobody(NONE), stage.limit(QUOTA), rivals.python_webhook(BYTES, "bytes", files)]
    found += [Restarted(ONE, files, 1), Restarted(TWO, files, 2)]
    if baseline is not None:
        found += [Restarted(BEFORE[ONE], files, 1, baseline), Restarted(BEFORE[TWO], files, 2, baseline)]
    return found


def _turn(stage: Stage, rival: Rival, number: int, chapter: Chapter) -> None:
    began, before, written = time.monotonic(), _spent(stage, rival), _writes(rival)
    with measured() as pace:
        failures = _live(stage, rival.name, PODS)
        stage.settle()
    spent = {part: (seconds - before[part]) * 1000 / PODS for part, seconds in _spent(stage, rival).items()}
    figures = {CPU: sum(spent.values()), **spent, "seconds": time.monotonic() - began, "failures": failures}
    if isinstance(rival, Headroom):
        figures[WRITES] = (_writes(rival) - written) / PODS
    chapter.add(CASE, rival.name, number, pace.figures | figures)


def _spent(stage: Stage, rival: Rival) -> dict[str, float]:
    """Return the processor seconds that each part has taken so far."""
    named = {"kube-apiserver": APISERVER, "etcd": ETCD}
    spent = {APISERVER: 0.0, ETCD: 0.0, OTHERS: 0.0}
    for name, pid in stage.parts.items():
        spent[named.get(name, OTHERS)] += cpu_seconds([pid])
    return {**spent, WEBHOOK: cpu_seconds(rival.pids)} if rival.pids else spent


def _writes(rival: Rival) -> float:
    """Return how often the replicas of Headroom have written their shared object; 0 for all others."""
    if not isinstance(rival, Headroom):
        return 0.0
    pages = [urllib3.request("GET", f"{each.metrics_url}/metrics", timeout=30.0).data for each in rival.replicas]
    return sum(float(found[1]) for page in pages for found in _WRITTEN.finditer(page.decode()))


def _live(stage: Stage, namespace: str, pods: int) -> float:
    """Let pods live from their create to their end; return how many creates failed."""
    seen = stage.create(namespace, clients=1, count=pods, seconds=load.LONGEST)
    until(partial(_all_run, stage, namespace), f"{pods} running pods", SECONDS)
    path = f"{NAMESPACES}/{namespace}/pods"
    stage.plane.api.request("DELETE", path, timeout=load.LONGEST)
    until(lambda: not stage.plane.api.items(path, limit=1), f"an empty {namespace}", SECONDS)
    return float(sum(seen.errors.values()))


def _all_run(stage: Stage, namespace: str) -> bool:
    path = f"{NAMESPACES}/{namespace}/pods"
    return not stage.plane.api.items(path, fieldSelector="status.phase!=Running", limit=1)


def notes(chapter: Chapter, unsettled: int) -> list[str]:
    """Set what each costs beyond no webhook beside what one that does nothing costs."""
    none = chapter.values(CASE, NONE, CPU)
    told = []
    for name in chapter.rivals(CASE):
        more = [value - none[number] for number, value in chapter.values(CASE, name, CPU).items() if number in none]
        if name != NONE and more:
            told.append(f"{name}: {Spread.of(more)} ms of a pod's life beyond no webhook")
    return [
        *told,
        f"each turn: {PODS} pods, one client; the idle control plane's own time is in all figures",
        f"turns that began or ended while the control plane was still busy: {unsettled}",
    ]


def claims(chapter: Chapter) -> list[Claim]:
    """Return what Headroom promises."""
    made = [Claim("failures of all, in all rounds", Spread.of([chapter.total("failures")]), 0)]
    for name in (ONE, TWO):
        made.append(
            Claim(f"{name}: processor time over ResourceQuota's", chapter.ratio(CASE, name, QUOTA, CPU), OVER_QUOTA)
        )
        if BEFORE[name] in chapter.rivals(CASE):
            text = f"{name}: processor time over that of the other checkout"
            made.append(Claim(text, chapter.ratio(CASE, name, BEFORE[name], CPU), OVER_BEFORE))
    return made
