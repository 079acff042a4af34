"""Start: how long one replica takes from its process's start until it can judge, by the size of the cluster.

Beside the process from this checkout stands the container of the image, where that was built (`make image`).
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.feed import Feed
from benchmarks.figures import Chapter
from benchmarks.pace import measured
from devcluster.image.build import Wanted
from devcluster.image.buildah import Buildah, missing
from devcluster.image.container import Container, Server

NODES: Final = 5_000
STARTS: Final = 3
PROCESS, CONTAINER = "process", "container"


def measure(work: Path, sizes: Sequence[int], say: Callable[[str], None], starts: int = STARTS) -> Chapter:
    """Start each `starts` times at each size, in turns."""
    chapter = Chapter("From a replica's start to ready", ("ready_s", "others"))
    image = built()
    if image is None:
        chapter.notes.append(f"no container: `make image` builds {Wanted().name}, which needs root, buildah and runc")
    with ExitStack() as stack:
        feeds = [stack.enter_context(Feed(work / f"feed-{size}", size, NODES)) for size in sizes]
        for number in range(1, starts + 1):
            for feed in feeds:
                case = f"{feed.pods:,} pods"
                kinds = {PROCESS: partial(_process, feed)}
                if image is not None:
                    kinds[CONTAINER] = partial(_container, image, feed, work / f"container-{feed.pods}-{number}")
                for kind, start in kinds.items():
                    figures = _timed(start)
                    say(f"{case}, {kind}, start {number} of {starts}: {figures['ready_s']:.2f} s")
                    chapter.add(case, kind, number, figures)
    return chapter


def built() -> str | None:
    """Return the name of the image that `make image` built; None if it did not, or a container cannot run here."""
    name = Wanted().name
    return name if not missing() and Buildah().exists(name) else None


def _timed(ready: Callable[[], float]) -> dict[str, float]:
    with measured() as pace:
        took = ready()
    return pace.figures | {"ready_s": took}


def _process(feed: Feed) -> float:
    began = time.monotonic()
    with feed.headroom():
        return time.monotonic() - began


def _container(image: str, feed: Feed, work: Path) -> float:
    """The time from the start of runc; what is written and mounted before that, the node does once for an image."""
    work.mkdir()
    server = Server(feed.url, feed.files.ca_file, "bench")
    with Container(image, work, server, feed.files.cert_file.parent) as container:
        container.wait()
        return container.ready_seconds
