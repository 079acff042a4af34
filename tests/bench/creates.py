"""Creates: pods created at a real API server, by each rival in turn, at several sizes of the cluster."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.bench import rivals
from tests.bench.figures import Chapter, Claim, Spread, difference
from tests.bench.rivals import Nobody, Rival
from tests.bench.stage import Stage

NONE, QUOTA, GO, BYTES, FLASK, GTHREAD, LISTS = "none", "quota", "go", "bytes", "flask", "flask-gthread", "lists"
ONE, TWO = "headroom-1", "headroom-2"
COLUMNS = ("per_second", "p50_ms", "p90_ms", "p99_ms", "failures")
EVERYBODY = (NONE, GO, BYTES, FLASK, GTHREAD, LISTS, QUOTA, ONE, TWO)


class Load(NamedTuple):
    """So many clients, until so many pods or seconds; `warm` creates of each client come before."""

    clients: int
    creates: int
    seconds: float = 3.0
    warm: int = 10


LOADS = {1: Load(1, 300, warm=50), 16: Load(16, 1600), 64: Load(64, 2400, warm=4)}


class Plan(NamedTuple):
    """What to measure."""

    rivals: Sequence[str] = EVERYBODY
    sizes: Sequence[int] = (0, 5000)
    clients: Sequence[int] = (1, 16)
    rounds: int = 6


def case(clients: int, pods: int) -> str:
    """What a table is headed with."""
    return f"{clients} client{'s' if clients > 1 else ''}, {pods:,} pods"


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Chapter:
    """Measure all rivals at all sizes."""
    chapter = Chapter("Creates at the API server", COLUMNS)
    taking_part = [_rival(name, stage) for name in plan.rivals]
    stage.admit([rival for rival in taking_part if rival.name != QUOTA])
    for size in plan.sizes:
        if size > stage.crowd:
            say(f"{size:,} pods are created")
            stage.gather(size)
        for number in range(1, plan.rounds + 1):
            say(f"{size:,} pods, round {number} of {plan.rounds}")
            # Each round begins with another rival, so that none always follows the same one.
            start = number % len(taking_part)
            for rival in (*taking_part[start:], *taking_part[:start]):
                _take_turn(stage, rival, plan, number, chapter)
    return chapter


def _take_turn(stage: Stage, rival: Rival, plan: Plan, number: int, chapter: Chapter) -> None:
    rival.start()
    try:
        for clients in plan.clients:
            work = LOADS[clients]
            # A review that lists the whole cluster takes seconds: it is not waited for as long as for the others.
            warm = 1 if rival.name == LISTS else work.warm
            seen = stage.create(rival.name, clients=clients, count=work.creates, seconds=work.seconds, warm=warm)
            chapter.add(case(clients, stage.crowd), rival.name, number, seen.figures("201"))
    finally:
        rival.stop()
    stage.clear(rival.name)


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
        TWO: lambda: rivals.Headroom(TWO, files, 2),
    }
    return makers[name]()


def size_claims(chapter: Chapter, sizes: Sequence[int], limit: float) -> list[Claim]:
    """Whether the cost over a webhook that does nothing is the same at all sizes."""
    ratios = {size: chapter.ratio(case(1, size), ONE, BYTES, "p50_ms") for size in sizes}
    for size, ratio in ratios.items():
        chapter.notes.append(f"p50 of a create, Headroom over a do-nothing webhook, {size:,} pods: {ratio}")
    least, most = (pick(ratios.values(), key=lambda ratio: ratio.median) for pick in (min, max))
    text = (
        "p50 over a do-nothing webhook's: difference between " + " and ".join(f"{size:,}" for size in sizes) + " pods"
    )
    return [Claim(text, difference(least, most), limit)]


def claims(chapter: Chapter, plan: Plan) -> list[Claim]:
    """What Headroom promises of creates."""
    made: list[Claim] = []

    def claim(text: str, value: Spread, limit: float, *, least: bool = False) -> None:
        made.append(Claim(text, value, limit, least))

    for size in plan.sizes:
        single, many, pods = case(1, size), case(16, size), f"{size:,} pods"
        claim(f"p50 over ResourceQuota's, 1 client, {pods}", chapter.ratio(single, ONE, QUOTA, "p50_ms"), 0.75)
        claim(f"p50 over do-nothing's, 1 client, {pods}", chapter.ratio(single, ONE, BYTES, "p50_ms"), 1.1)
        for name in (ONE, TWO):
            rate = chapter.ratio(many, name, QUOTA, "per_second")
            claim(f"{name}: creates/s over ResourceQuota's, 16 clients, {pods}", rate, 1.0, least=True)
            rate = chapter.ratio(many, name, GO, "per_second")
            claim(f"{name}: creates/s over do-nothing Go's, 16 clients, {pods}", rate, 0.8, least=True)
            p99 = chapter.ratio(many, name, QUOTA, "p99_ms")
            claim(f"{name}: p99 over ResourceQuota's, 16 clients, {pods}", p99, 1.25)
    return made
