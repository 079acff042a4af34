"""`python -m benchmarks`: Headroom side by side with webhooks that do nothing, on this machine."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import alone, creates, credit, denials, micro, pod_life, readers, report, scale, stalled, start
from benchmarks.creates import Plan
from benchmarks.figures import Chapter
from benchmarks.stage import SCHEDULED, SMALL, Stage

RESULTS = Path(__file__).parents[1] / ".local" / "bench"
SIZES = (0, 5_000, 150_000)

Part = Callable[[Path], Iterator[Chapter]]


def cluster_size(work: Path) -> Iterator[Chapter]:
    """Whether a create costs the same with 5,000 pods in the cluster as with none."""
    plan = Plan(rivals=(creates.NONE, creates.BYTES, creates.ONE), clients=(1,), fewest=16)
    with Stage(work / "cluster-size") as stage:
        chapter = creates.measure(stage, plan, say)
    chapter.claims = creates.size_claims(chapter, plan.sizes, 0.20)
    yield chapter


def created(work: Path, plan: Plan | None = None) -> Iterator[Chapter]:
    """Creates with each rival, by 1 and 16 clients, with 0 and 5,000 pods in the cluster."""
    plan = plan or Plan()
    with Stage(work / "creates") as stage:
        chapter = creates.measure(stage, plan, say)
    chapter.claims = [*creates.claims(chapter, plan), *creates.size_claims(chapter, plan.sizes, 0.15)]
    yield chapter


def created_by_more(work: Path) -> Iterator[Chapter]:
    """The same with 64 clients as well."""
    return created(work, Plan(clients=(1, 16, 64), seconds=360.0))


def created_small(work: Path) -> Iterator[Chapter]:
    """The same, none in the cluster, with pods that say no more than their size: a webhook is sent all of a pod."""
    plan = Plan(rivals=(creates.NONE, *creates.CLAIMED), sizes=(0,), what="small pods")
    with Stage(work / "creates-small", pod=SMALL) as stage:
        chapter = creates.measure(stage, plan, say)
    chapter.claims = creates.claims(chapter, plan)
    yield chapter


def created_and_deleted(work: Path) -> Iterator[Chapter]:
    """The same with pods that go as they come, of which a quota's controller counts anew what is left."""
    plan = Plan(rivals=(creates.NONE, *creates.CLAIMED), what="pods that are deleted at once", churn=True)
    with Stage(work / "creates-churn") as stage:
        chapter = creates.measure(stage, plan, say)
    chapter.claims = creates.claims(chapter, plan)
    yield chapter


def created_often(work: Path) -> Iterator[Chapter]:
    """Creates by 16 clients in many rounds, for ratios close to their limits; about 25 minutes."""
    plan = Plan(rivals=(creates.NONE, *creates.CLAIMED), clients=(16,), most=200, seconds=700.0)
    with Stage(work / "creates-often") as stage:
        chapter = creates.measure(stage, plan, say)
    chapter.claims = creates.claims(chapter, plan)
    yield chapter


def one_process(work: Path) -> Iterator[Chapter]:
    """Reviews sent straight to one process."""
    chapter = alone.measure(work / "alone", {1: 6, 16: 16}, say)
    chapter.claims = alone.claims(chapter, 16)
    yield chapter


def one_account(_: Path) -> Iterator[Chapter]:
    """The way of a review and of a watch's line, without a network."""
    yield micro.measure(SIZES[:2], say)


def credit_in_bursts(work: Path) -> Iterator[Chapter]:
    """What credit costs a burst of pods, and what share of a create that is."""
    with Stage(work / "credit") as stage:
        whole = creates.measure(stage, credit.CREATES, say)
    yield whole
    chapter = credit.measure(say)
    chapter.claims = credit.claims(chapter, whole)
    yield chapter


def large_cluster(work: Path) -> Iterator[Chapter]:
    """150,000 pods on 5,000 nodes: start, memory, watch, reviews."""
    made = scale.measure(work / "scale", SIZES, 18, say)
    scale.claims(made, SIZES)
    yield from made


def starts(work: Path) -> Iterator[Chapter]:
    """From a replica's start to ready, with 0, 5,000 and 150,000 pods, as a process and as a container."""
    yield start.measure(work / "start", SIZES, say)


def stalled_peers(work: Path) -> Iterator[Chapter]:
    """Peers that stop at each stage of a connection."""
    chapter = stalled.measure(work / "stalled", 500, 200, 6, say)
    chapter.claims = [*stalled.claims(chapter), *chapter.claims]
    yield chapter


def readers_of_reports(work: Path) -> Iterator[Chapter]:
    """Reviews while others read reports of the same replica, 150,000 pods on 5,000 nodes."""
    chapter = readers.measure(work / "readers", 10)
    chapter.claims += readers.claims(chapter)
    yield chapter


def refusals(work: Path) -> Iterator[Chapter]:
    """What refusals cost two replicas at a full bound."""
    with Stage(work / "denials", controllers=False) as stage:
        yield denials.measure(stage, 6, say)


def pods_live(work: Path, baseline: Path | None = None) -> Iterator[Chapter]:
    """Processor time of the whole control plane and Headroom for a pod's life, beside rivals; about 12 minutes."""
    with Stage(work / "pod-life", pod=SCHEDULED) as stage:
        chapter = pod_life.measure(stage, say, baseline)
    chapter.claims = pod_life.claims(chapter)
    yield chapter


PARTS: Mapping[str, Part] = {
    "cluster-size": cluster_size,
    "creates": created,
    "creates-64": created_by_more,
    "creates-small": created_small,
    "creates-churn": created_and_deleted,
    "creates-often": created_often,
    "alone": one_process,
    "micro": one_account,
    "credit": credit_in_bursts,
    "scale": large_cluster,
    "start": starts,
    "stalled": stalled_peers,
    "readers": readers_of_reports,
    "denials": refusals,
    "pod-life": pods_live,
}
RUNS: Mapping[str, Sequence[str]] = {
    "quick": ("micro", "alone", "creates"),
    "full": (
        "micro",
        "alone",
        "scale",
        "readers",
        "stalled",
        "denials",
        "creates-64",
        "creates-small",
        "creates-churn",
        "pod-life",
    ),
}


def _checkout(text: str) -> Path:
    path = Path(text).resolve()
    if not (path / "webhook" / "manager.py").exists():
        raise argparse.ArgumentTypeError(f"{text} is not a checkout of Headroom: webhook/manager.py is not in it")
    return path


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one part or several, print their tables, write their JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition(": ")[2])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, parts in RUNS.items():
        commands.add_parser(name, help=", ".join(parts))
    for name, part in PARTS.items():
        commands.add_parser(name, help=part.__doc__)
    for command in commands.choices.values():
        command.add_argument(
            "--output", type=Path, metavar="FILE", help="where the JSON goes (.local/bench/COMMAND.json)"
        )
    commands.choices["pod-life"].add_argument(
        "--baseline", type=_checkout, metavar="DIR", help="another checkout, whose webhook is measured as well"
    )
    given = parser.parse_args(arguments)
    began = time.monotonic()
    life: Part = partial(pods_live, baseline=getattr(given, "baseline", None))
    chosen: Mapping[str, Part] = {**PARTS, "pod-life": life}
    chapters: list[Chapter] = []
    output: Path = given.output or RESULTS / f"{given.command}.json"
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as work:
        for name in RUNS.get(given.command, [given.command]):
            for chapter in chosen[name](Path(work)):
                chapters.append(chapter)
                report.show(chapter)
                # Write after each part, so that its figures are kept even if a later part fails.
                report.write(output, given.command, chapters, time.monotonic() - began)
    report.conclude(chapters)
    print(f"\n{time.monotonic() - began:.0f} s; all figures of all rounds are in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
