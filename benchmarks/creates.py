"""Creates: pods created at a real API server, which calls each rival in turn, at several sizes of the cluster."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks import rivals
from benchmarks.figures import Chapter, Claim, in_turn
from benchmarks.pace import PACE, measured
from benchmarks.rivals import Nobody, Rival
from benchmarks.spreads import Spread, furthest
from benchmarks.stage import Stage, taking_turn
from benchmarks.usage import cpu_seconds

NONE, QUOTA, GO, BYTES, FLASK, GTHREAD, LISTS = "none", "quota", "go", "bytes", "flask", "flask-gthread", "lists"
ONE, TWO = "headroom-1", "headroom-2"
AROUND = "around_cpu_ms"  # the processor time of a create, without the webhook's own part
COLUMNS = (
    "per_second",
    "p50_ms",
    "p90_ms",
    "p99_ms",
    "webhook_cpu_ms",
    "plane_cpu_ms",
    "load_cpu_ms",
    "failures",
    PACE,
)
CLAIMED = (GO, BYTES, QUOTA, ONE, TWO)
EVERYBODY = (*CLAIMED, NONE, FLASK, GTHREAD, LISTS)


class Load(NamedTuple):
    """One turn: `clients` create pods until there are `creates` of them or `seconds` are over.

    Before that, each client creates `warm` pods. A rival that no claim is about has a `brief` turn. Turns are short,
    because half of a round is spent between turns, mostly to delete pods; and for a median, twice the rounds are worth
    more than twice the creates.
    """

    clients: int
    creates: int
    brief: int
    warm: int
    seconds: float = 3.0


LOADS = {
    1: Load(1, 60, brief=40, warm=6),
    16: Load(16, 320, brief=120, warm=3),
    64: Load(64, 640, brief=240, warm=2),
}


class Plan(NamedTuple):
    """What to measure.

    Each size has `seconds`, with as many rounds as fit into them, from `fewest` to `most`. Rivals that no claim is
    about take part only in the first `fewest` rounds. `what` is the word for the pods in the title. In a `churn`, each
    client deletes each pod before it creates the next one.
    """

    rivals: Sequence[str] = EVERYBODY
    sizes: Sequence[int] = (0, 5000)
    clients: Sequence[int] = (1, 16)
    fewest: int = 6
    most: int = 20
    seconds: float = 260.0
    what: str = "pods"
    churn: bool = False


def case(clients: int, pods: int) -> str:
    """Return the heading of a table."""
    return f"{clients} client{'s' if clients > 1 else ''}, {pods:,} pods"


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Chapter:
    """Measure all rivals at all sizes."""
    chapter = Chapter(f"Creates of {plan.what} at the API server", COLUMNS)
    taking_part = [_rival(name, stage) for name in plan.rivals]
    stage.admit([rival for rival in taking_part if rival.name != QUOTA])
    for size in plan.sizes:
        if size > stage.crowd:
            say(f"{size:,} pods are created")
            stage.gather(size)
        end = time.monotonic() + plan.seconds
        for number in range(1, plan.most + 1):
            if number > plan.fewest and time.monotonic() > end:
                break
            say(f"{size:,} pods, round {number}")
            present = [rival for rival in taking_part if rival.name in CLAIMED or number <= plan.fewest]
            _round(stage, present, plan, number, chapter)
    chapter.notes += notes(chapter, stage.unsettled)
    return chapter


def _round(stage: Stage, present: Sequence[Rival], plan: Plan, number: int, chapter: Chapter) -> None:
    # The rival that lists has the last turn, because the lists leave much work behind in the API server.
    others = [rival for rival in present if rival.name != LISTS]
    order = [*in_turn(others, number), *(rival for rival in present if rival.name == LISTS)]
    for clients in plan.clients:
        for rival in order:
            with taking_turn(rival):
                stage.settle()
                _turn(stage, rival, LOADS[clients], number, chapter, churn=plan.churn)
            # Delete the pods, so that the next rival finds as many pods in the cluster as this one did.
            with ExitStack() as awake:
                for other in present:
                    if other.watches:
                        awake.enter_context(taking_turn(other))
                stage.clear(rival.name)


def _turn(stage: Stage, rival: Rival, load: Load, number: int, chapter: Chapter, *, churn: bool) -> None:
    # A review that lists the whole cluster takes seconds, so this rival gets a shorter turn.
    warm, seconds = (0, 1.0) if rival.name == LISTS else (load.warm, load.seconds)
    count = load.creates if rival.name in CLAIMED else load.brief
    webhook, plane = cpu_seconds(rival.pids), cpu_seconds(stage.pids)
    with measured() as pace:
        seen = stage.create(rival.name, clients=load.clients, count=count, seconds=seconds, warm=warm, churn=churn)
    webhook, plane = cpu_seconds(rival.pids) - webhook, cpu_seconds(stage.pids) - plane
    creates = seen.answers + warm * load.clients
    figures = pace.figures | seen.figures("201")
    figures |= {"plane_cpu_ms": plane * 1000 / creates, "load_cpu_ms": seen.cpu_seconds * 1000 / seen.answers}
    figures[AROUND] = figures["plane_cpu_ms"] + figures["load_cpu_ms"]
    if rival.pids:
        figures["webhook_cpu_ms"] = webhook * 1000 / creates
    chapter.add(case(load.clients, stage.crowd), rival.name, number, figures)


def _rival(name: str, stage: Stage) -> Rival:
    files = stage.files
    makers: dict[str, Callable[[], Rival]] = {
        NONE: lambda: Nobody(NONE),
        QUOTA: lambda: stage.limit(QUOTA),
        GO: lambda: rivals.go_nothing(files),
        BYTES: lambda: rivals.python_webhook(BYTES, "bytes", files),
        FLASK: lambda: rivals.python_webhook(FLASK, "flask", files),
        GTHREAD: lambda: rivals.python_webhook(GTHREAD, "flask-gthread", files),
        LISTS: lambda: rivals.python_webhook(LISTS, "lists", files),
        ONE: lambda: rivals.Headroom(ONE, files),
        TWO: lambda: rivals.Headroom(TWO, files, 2, stage.second_home()),
    }
    return makers[name]()


def notes(chapter: Chapter, unsettled: int) -> list[str]:
    """Say whether the load generator is the bottleneck, and whether all turns began at rest."""
    shares = []
    for case_ in chapter.cases():
        values = (chapter.values(case_, NONE, figure) for figure in ("load_cpu_ms", "per_second"))
        spent, rate = (Spread.of(list(each.values())).median for each in values)
        shares.append(f"{spent * rate / 10 / (os.cpu_count() or 1):.0f} % ({case_})")
    return [
        f"of all processors' time the load generator takes, without a webhook: {', '.join(shares)}",
        f"turns that began while the control plane was still busy with what went before: {unsettled}",
    ]


def size_claims(chapter: Chapter, sizes: Sequence[int], limit: float) -> list[Claim]:
    """Return the claims that Headroom's extra cost over a webhook that does nothing is the same at all sizes."""
    ratios = {size: chapter.ratio(case(1, size), ONE, BYTES, "p50_ms") for size in sizes}
    for size, ratio in ratios.items():
        chapter.notes.append(f"p50 of a create, Headroom over a do-nothing webhook, {size:,} pods: {ratio}")
    text = (
        "p50 over a do-nothing webhook's: difference between " + " and ".join(f"{size:,}" for size in sizes) + " pods"
    )
    return [Claim(text, furthest(ratios.values()), limit)]


def claims(chapter: Chapter, plan: Plan) -> list[Claim]:
    """Return what Headroom promises about creates."""
    # If pods are deleted as well, the quota's controller and the creates write the same object, and the API server
    # answers a create that loses too often with 409.
    apart = QUOTA if plan.churn else LISTS
    failures = Spread.of([chapter.total("failures", without=apart)])
    made = [Claim(f"failures of all but {apart}, in all rounds", failures, 0)]
    if plan.churn:
        lost = chapter.total("failures") - chapter.total("failures", without=QUOTA)
        chapter.notes.append(f"calls that failed under ResourceQuota, in all rounds: {lost:.0f}")
    for size in plan.sizes:
        if 1 in plan.clients:
            made += _claims_of_one_client(chapter, size)
        if 16 in plan.clients:
            made += _claims_of_many_clients(chapter, size)
    return made


def _claims_of_one_client(chapter: Chapter, size: int) -> list[Claim]:
    single = case(1, size)
    ratio = chapter.ratio(single, BYTES, QUOTA, "p50_ms")
    chapter.notes.append(f"a do-nothing webhook's own p50_ms over ResourceQuota's, {single}: {ratio}")
    return [
        Claim(f"p50 over {whose}, 1 client, {size:,} pods", chapter.ratio(single, ONE, rival, "p50_ms"), limit)
        for whose, rival, limit in (("ResourceQuota's", QUOTA, 0.75), ("do-nothing's", BYTES, 1.1))
    ]


def _claims_of_many_clients(chapter: Chapter, size: int) -> list[Claim]:
    many, pods = case(16, size), f"16 clients, {size:,} pods"
    made = []
    for name in (ONE, TWO):
        rates = [chapter.ratio(many, name, rival, "per_second") for rival in (QUOTA, GO)]
        made += [
            Claim(f"{name}: creates/s over ResourceQuota's, {pods}", rates[0], 1.0, least=True),
            Claim(f"{name}: creates/s over do-nothing Go's, {pods}", rates[1], 0.8, least=True),
            Claim(f"{name}: p99 over ResourceQuota's, {pods}", chapter.ratio(many, name, QUOTA, "p99_ms"), 1.25),
        ]
    for figure in ("per_second", "p99_ms"):
        ratio = chapter.ratio(many, BYTES, QUOTA, figure)
        chapter.notes.append(f"a do-nothing webhook's own {figure} over ResourceQuota's, {many}: {ratio}")
        for name in (ONE, TWO):
            ratio = chapter.ratio(many, name, BYTES, figure)
            chapter.notes.append(f"{name}: {figure} over a do-nothing webhook's on the same server, {many}: {ratio}")
    ratio = chapter.ratio(many, QUOTA, BYTES, AROUND)
    chapter.notes.append(
        "creates/s over ResourceQuota's that a webhook could reach whose own processes took no time at all, with "
        f"processors that are always busy, {many}: {ratio}"
    )
    return made
