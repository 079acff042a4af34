"""What happens in a healthy cluster: one function for each change. Each returns once all is as it was before."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import yaml

from devcluster import gate, nodes
from devcluster.api import Object
from tests.e2e.headroom import CONFIG
from tests.stress.clients import Client, crowd, pod
from tests.stress.figures import MI
from tests.stress.scene import BOUND, NODE_MEMORY, NODES, POD, REQUEST_SECONDS, SHORT, shown
from tests.stress.soak.outages import RESIZED
from tests.stress.soak.phases import Phase
from tests.stress.soak.schedule import Change, Event
from tests.stress.soak.stage import STORMERS, Stage
from tests.stress.wire import Server

REQUEST = "authority publish=3 retire=3"
SHOWN_BOUND = r'headroom_scope_memory_requests_bound_bytes\{scope="cluster"\}'
# By then, every allotment that was booked under the old bound is booked again or too old to grant from, and every
# create that was let in by it is carried out or given up.
SETTLED_SECONDS = SHORT.validity + REQUEST_SECONDS + 1
LESS = "60%"
SHAPE = nodes.Shape(memory=f"{NODE_MEMORY // MI}Mi")
SIZES = (POD // 2, POD, 2 * POD)


class Patching(Server):
    """A server to which bodies are sent as strategic merge patches."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each request."""
        return super().headers | {"Content-Type": "application/strategic-merge-patch+json"}


def _storm(stage: Stage, event: Event) -> None:
    began = time.monotonic_ns()
    deadline = time.monotonic() + event.seconds

    def create(client: Client, number: int) -> None:
        count = 0
        while time.monotonic() < deadline:
            client.create(pod(f"storm-{began:x}-{number}-{count}", POD))
            count += 1

    with crowd(stage.place.server, stage.place.namespace, stage.books, STORMERS) as run:
        run(create)
    stage.adopt()


def _resize(stage: Stage, event: Event) -> None:
    chance = random.Random(event.seconds)
    client = Client(Patching(*stage.place.server), stage.place.namespace, stage.books)
    deadline = time.monotonic() + event.seconds
    while time.monotonic() < deadline:
        names = stage.churn.names
        if not names:
            time.sleep(0.1)
            continue
        client.patch(f"{chance.choice(names)}/resize", _sized(chance.choice(SIZES)), RESIZED)
    client.close()


def _sized(size: int) -> Object:
    memory = {"memory": f"{size // MI}Mi"}
    return {"spec": {"containers": [{"name": "main", "resources": {"requests": memory, "limits": memory}}]}}


def _configure(stage: Stage, event: Event) -> None:
    (shipped,) = yaml.safe_load_all((gate.BASE / "config.yaml").read_text())
    text = shipped["data"]["config.yaml"]
    _write(stage, text.replace("75%", LESS))
    with _lowered(stage, NODES * NODE_MEMORY * 60 // 100):
        time.sleep(event.seconds)
    _write(stage, text)
    _is_shown(stage, BOUND)


def _write(stage: Stage, text: str) -> None:
    kind = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "headroom-config"}}
    stage.insist(lambda: stage.place.plane.api.apply(CONFIG, {**kind, "data": {"config.yaml": text}}))


def _lose_node(stage: Stage, event: Event) -> None:
    """Take a node away, by its condition or altogether, and give it back."""
    plane, name = stage.place.plane, f"node-{NODES}"
    if event.replica:
        stage.insist(lambda: nodes.remove(plane, name))
    else:
        stage.insist(lambda: nodes.set_ready(plane, name, "False"))
    with _lowered(stage, (NODES - 1) * NODE_MEMORY * 75 // 100):
        time.sleep(event.seconds)
    if event.replica:
        stage.insist(lambda: nodes.add_one(plane, name, SHAPE))
    else:
        stage.insist(lambda: nodes.set_ready(plane, name))
    _is_shown(stage, BOUND)


@contextmanager
def _lowered(stage: Stage, bound: int) -> Iterator[None]:
    """Wait until a lower bound is in force; from then until the end of the block, no pod may be added beyond it."""
    _is_shown(stage, bound)
    time.sleep(SETTLED_SECONDS)
    first = stage.revision()
    yield
    stage.phases.append(Phase(first, stage.revision(), bound))


def _is_shown(stage: Stage, bound: int) -> None:
    stage.await_(lambda: all(shown(each, SHOWN_BOUND) == bound for each in stage.replicas), f"a bound of {bound}")


def _rotate(stage: Stage, event: Event) -> None:
    replicas = stage.replicas
    before = stage.insist(replicas.keyring).serving.certificate
    stage.insist(lambda: replicas.ask(REQUEST))

    def is_rotated() -> bool:
        held = replicas.keyring()
        return held.step == "steady" and held.serving.certificate != before

    stage.await_(is_rotated, "the rotation's end")


def _clear(stage: Stage, event: Event) -> None:
    stage.insist(stage.place.clear)


ACTS: Final[Mapping[Change, Callable[[Stage, Event], None]]] = {
    Change.STORM: _storm,
    Change.RESIZE: _resize,
    Change.CONFIGURE: _configure,
    Change.NODE: _lose_node,
    Change.ROTATE: _rotate,
    Change.CLEAR: _clear,
}
