"""`python -m tests.bench`: Headroom side by side with webhooks that do nothing, on this machine."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import creates, micro, report
from tests.bench.creates import Plan
from tests.bench.figures import Chapter
from tests.bench.stage import Stage

RESULTS = Path(__file__).parents[2] / ".local" / "bench"


def cluster_size(work: Path) -> list[Chapter]:
    """Whether a create costs the same with 5,000 pods in the cluster as with none."""
    plan = Plan(rivals=(creates.GO, creates.BYTES, creates.ONE), clients=(1,), rounds=16)
    with Stage(work) as stage:
        chapter = creates.measure(stage, plan, say)
    chapter.claims = creates.size_claims(chapter, plan.sizes, 0.20)
    return [chapter]


def creates_only(work: Path) -> list[Chapter]:
    """Creates by all rivals, 1 and 16 clients, 0 and 5,000 pods."""
    plan = Plan()
    with Stage(work) as stage:
        chapter = creates.measure(stage, plan, say)
    chapter.claims = [*creates.claims(chapter, plan), *creates.size_claims(chapter, plan.sizes, 0.15)]
    return [chapter]


def microbenchmark(_: Path) -> list[Chapter]:
    """The way of a review and of a watch's line, without a network."""
    return [micro.measure((0, 5_000), say)]


COMMANDS: dict[str, Callable[[Path], list[Chapter]]] = {
    "cluster-size": cluster_size,
    "creates": creates_only,
    "micro": microbenchmark,
}


def say(text: str) -> None:
    """Show that something goes on."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, print its tables, write its JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args(arguments)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as work:
        chapters = COMMANDS[given.command](Path(work))
    for chapter in chapters:
        report.show(chapter)
    output = given.output or RESULTS / f"{given.command}.json"
    seconds = time.monotonic() - start
    report.write(output, given.command, chapters, seconds)
    print(f"\n{seconds:.0f} s; all figures of all rounds are in {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
