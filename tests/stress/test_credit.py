"""Pods that Headroom lets in and somebody else refuses: they take room from nobody for long, and bursts do not notice.

A probe is a create of an 18th of the bound in another namespace, once as a dry run and once for real.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from devcluster import namespaces
from devcluster.api import ApiError, Object
from devcluster.cluster import Cluster
from tests.e2e.headroom import document
from tests.stress.bystander import REFUSAL, refusing, standing_by
from tests.stress.clients import CREATED, pod
from tests.stress.conftest import Record
from tests.stress.deployments import REFUSALS, apps, deployment
from tests.stress.figures import MI, Figures
from tests.stress.recovery import PROOF_SECONDS
from tests.stress.scene import BOUND, NODE_MEMORY, SHIPPED, SHORT, Scene, Times, configure, shown
from tests.stress.witness import Witness

pytestmark = pytest.mark.live
slow = pytest.mark.slow

COUNT = 2  # replicas
PROBE = BOUND // 18 // MI * MI
LARGE = BOUND // 12  # of 18Gi, that is 1.5Gi
ROOM = "MemoryCommitmentExceeded"


class Pace(NamedTuple):
    """How fast a story goes: for how long, and how often the large pod is tried and the probes are made."""

    times: Times
    seconds: float
    tried: float
    probed: float


QUICK = Pace(SHORT, 27.0, 2.2, 0.45)
TWO_MINUTES = Pace(SHIPPED, 120.0, 10.0, 2.0)
TEN_MINUTES_SCALED = Pace(SHORT, 600.0 * SHORT.lapse / SHIPPED.lapse, 2.2, 0.45)
TEN_MINUTES = Pace(SHIPPED, 600.0, 10.0, 2.0)


class Probes:
    """What came of the probes: when each was refused, counted from the beginning."""

    def __init__(self, cluster: Cluster, namespace: str, every: float) -> None:
        self._cluster, self._every = cluster, every
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self.began = time.monotonic()
        self.answered = 0
        self.refused: list[float] = []
        self.texts: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Probe until told to stop."""
        while not stop.is_set():
            began = time.monotonic()
            self._probe(f"probe-{self.answered}")
            stop.wait(max(0.0, began + self._every - time.monotonic()))

    def _probe(self, name: str) -> None:
        self.answered += 1
        at = time.monotonic() - self.began
        try:
            self._cluster.api.create(self._path, pod(name, PROBE), dryRun="All")
            self._cluster.api.create(self._path, pod(name, PROBE))
        except ApiError as error:
            self.refused.append(at)
            self.texts[error.message[:200]] += 1
        else:
            self._cluster.api.delete_now(f"{self._path}/{name}")

    def seconds_refused(self, since: float = 0.0, until: float = float("inf")) -> float:
        """For how long probes were refused between two moments."""
        return sum(self._every for at in self.refused if since <= at < until)


@contextmanager
def probing(cluster: Cluster, every: float) -> Iterator[Probes]:
    """Probe from a namespace of its own for as long as `with` lasts."""
    stop = threading.Event()
    with namespaces.temporary(cluster) as namespace:
        probes = Probes(cluster, namespace, every)
        thread = threading.Thread(target=probes.run, args=(stop,), name="probes", daemon=True)
        thread.start()
        try:
            yield probes
        finally:
            stop.set()
            thread.join()


def tries(place: Scene, made: Callable[[int], Object], pace: Pace) -> Counter[str]:
    """Create a pod again and again, and say what was said."""
    numbers = count()
    return _again(lambda: place.plane.api.create(place.pods, made(next(numbers))), pace)


def _again(act: Callable[[], object], pace: Pace) -> Counter[str]:
    """Do something again and again, and say what was said."""
    told: Counter[str] = Counter()
    ends = time.monotonic() + pace.seconds
    while (began := time.monotonic()) < ends:
        try:
            act()
            told[CREATED] += 1
        except ApiError as error:
            told[_word(error.message)] += 1
        time.sleep(max(0.0, began + pace.tried - time.monotonic()))
    return told


def _word(message: str) -> str:
    words = (REFUSAL, "AwaitingEarlierPods", "already exists", "would be", "AccountUnavailable")
    return next((word for word in words if word in message), message)


@pytest.mark.parametrize(
    "pace",
    [
        pytest.param(QUICK, id="quick"),
        pytest.param(TWO_MINUTES, id="2-minutes", marks=slow),
        pytest.param(TEN_MINUTES_SCALED, id="10-minutes-scaled", marks=slow),
        pytest.param(TEN_MINUTES, id="10-minutes", marks=[slow, pytest.mark.timeout(900)]),
    ],
)
def test_a_pod_as_large_as_the_bound_that_another_webhook_refuses_shuts_others_out_for_one_lapse(
    bare: Scene, work: Path, figures: Record, pace: Pace
) -> None:
    with bare.guarded(work, COUNT, pace.times), Witness(bare.server) as witness:
        with (
            standing_by(bare.plane, work / "bystander", bare.namespace, refusing),
            probing(bare.plane, pace.probed) as probes,
        ):
            told = tries(bare, lambda number: pod(f"large-{number}", BOUND), pace)
        seen = witness.testify()
    early = probes.seconds_refused(until=pace.times.lapse * 120 / 45)
    note = f"probes refused for {early:.1f} s at first, {probes.seconds_refused():.1f} of {pace.seconds:.0f} s; {told}"
    figures.append(Figures("a large pod refused elsewhere", str(COUNT), BOUND, seen, note=note))
    assert told[CREATED] == 0
    assert told["AwaitingEarlierPods"] > 0
    assert early <= pace.times.lapse + PROOF_SECONDS
    assert probes.seconds_refused() <= max(early, pace.seconds / 5)
    assert seen.over(BOUND) == []


@pytest.mark.parametrize(
    "pace", [pytest.param(QUICK, id="quick"), pytest.param(TWO_MINUTES, id="2-minutes", marks=slow)]
)
def test_a_replica_set_of_one_whose_pods_another_webhook_refuses_takes_room_from_nobody(
    controlled: Scene, work: Path, figures: Record, pace: Pace
) -> None:
    place = controlled
    with place.guarded(work, COUNT, pace.times) as replicas, Witness(place.server) as witness:
        with (
            standing_by(place.plane, work / "bystander", place.namespace, refusing),
            probing(place.plane, pace.probed) as probes,
        ):
            place.plane.api.create(apps(place), deployment("web", 1, LARGE))
            time.sleep(pace.seconds)
        refusals = sum(shown(replica, REFUSALS) for replica in replicas)
        seen = witness.testify()
    note = f"{len(probes.refused)} of {probes.answered} probes refused; {refusals} refusals in all"
    figures.append(Figures("a ReplicaSet refused elsewhere", str(COUNT), BOUND, seen, note=note))
    assert probes.refused == [], probes.texts
    assert seen.over(BOUND) == []


def test_a_resize_that_another_webhook_refuses_again_and_again_shuts_others_out_for_one_lapse(
    bare: Scene, work: Path, figures: Record
) -> None:
    pace = Pace(SHORT, 27.0, 0.6, 0.45)
    memory = {"memory": f"{BOUND // MI - 1}Mi"}
    grown = {"spec": {"containers": [{"name": "main", "resources": {"requests": memory, "limits": memory}}]}}
    with bare.guarded(work, COUNT, pace.times), Witness(bare.server) as witness:
        bare.plane.api.create(bare.pods, pod("live", 8 * MI))
        with (
            standing_by(bare.plane, work / "bystander", bare.namespace, refusing, resizes=True),
            probing(bare.plane, pace.probed) as probes,
        ):
            told = _again(lambda: bare.plane.api.patch(f"{bare.pods}/live/resize", grown, "strategic"), pace)
        seen = witness.testify()
    note = f"probes refused for {probes.seconds_refused():.1f} of {pace.seconds:.0f} s; {told}"
    figures.append(Figures("a resize refused elsewhere", str(COUNT), BOUND, seen, note=note))
    assert told["AwaitingEarlierPods"] > 0
    assert 0 < probes.seconds_refused() <= pace.times.lapse + PROOF_SECONDS / 2


@slow
def test_changes_to_a_pod_that_has_ended_go_bail_for_nobody(bare: Scene, work: Path, figures: Record) -> None:
    pace = Pace(SHORT, 27.0, 1.0, 0.45)
    with bare.guarded(work, COUNT, pace.times), Witness(bare.server) as witness:
        bare.plane.api.create(bare.pods, pod("done", BOUND))
        bare.plane.api.patch(f"{bare.pods}/done/status", {"status": {"phase": "Succeeded"}})
        with (
            standing_by(bare.plane, work / "bystander", bare.namespace, refusing),
            probing(bare.plane, pace.probed) as probes,
        ):
            told = tries(bare, lambda number: _labelled(bare, "done", pod(f"large-{number}", BOUND)), pace)
        seen = witness.testify()
    note = f"probes refused for {probes.seconds_refused():.1f} of {pace.seconds:.0f} s; {told}"
    figures.append(Figures("beside an ended pod that is labelled", str(COUNT), BOUND, seen, note=note))
    assert 0 < probes.seconds_refused() <= pace.times.lapse + PROOF_SECONDS / 2


def _labelled(place: Scene, name: str, made: Object) -> Object:
    """Change a label of a pod, and return another one."""
    labels = {"for": made["metadata"]["name"]}
    place.plane.api.patch(f"{place.pods}/{name}", {"metadata": {"labels": labels}})
    return made


@slow
def test_a_name_that_a_finalizer_keeps_is_not_held_by_one_replica_after_the_other(
    bare: Scene, work: Path, figures: Record
) -> None:
    pace = Pace(SHORT, 40.0, 0.5, 0.45)
    held = pod("held", 8 * MI)
    held["metadata"]["finalizers"] = ["tenant.example/hold"]
    with bare.guarded(work, COUNT, pace.times), Witness(bare.server) as witness:
        bare.plane.api.create(bare.pods, held)
        bare.plane.api.delete_now(f"{bare.pods}/held")
        time.sleep(0.5)
        with probing(bare.plane, pace.probed) as probes:
            told = tries(bare, lambda _: pod("held", BOUND - 8 * MI), pace)
        seen = witness.testify()
        bare.plane.api.patch(f"{bare.pods}/held", {"metadata": {"finalizers": None}})
    note = f"probes refused for {probes.seconds_refused():.1f} of {pace.seconds:.0f} s; {told}"
    figures.append(Figures("a name that a finalizer keeps", str(COUNT), BOUND, seen, note=note))
    assert told["AwaitingEarlierPods"] > 0
    assert 0 < probes.seconds_refused() <= pace.times.lapse + PROOF_SECONDS / 2


def test_a_create_under_the_name_of_a_living_pod_takes_room_from_nobody(
    bare: Scene, work: Path, figures: Record
) -> None:
    small = 8 * MI
    pace = Pace(SHORT, 8.0, 2.0, 0.4)
    with bare.guarded(work, COUNT), Witness(bare.server) as witness:
        bare.plane.api.create(bare.pods, pod("live", small))
        with probing(bare.plane, pace.probed) as probes:
            told = tries(bare, lambda _: pod("live", BOUND // 2), pace)
        seen = witness.testify()
    note = f"{len(probes.refused)} of {probes.answered} probes refused; {told}"
    figures.append(Figures("the name of a living pod", str(COUNT), BOUND, seen, note=note))
    assert told == {"AwaitingEarlierPods": sum(told.values())}
    assert probes.refused == [], probes.texts


@slow
def test_a_namespace_that_only_warns_takes_no_more_room_than_its_credit(
    bare: Scene, work: Path, figures: Record
) -> None:
    pace = QUICK
    with bare.guarded(work, COUNT, pace.times) as replicas, Witness(bare.server) as witness:
        warning = [{"namespaces": [bare.namespace], "mode": "warn"}]
        configure(bare.plane, replicas, document({"requests": "75%"}, overrides=warning))
        with (
            standing_by(bare.plane, work / "bystander", bare.namespace, refusing),
            probing(bare.plane, pace.probed) as probes,
        ):
            # One of them fits beside the probes, two do not; a node could hold each, or nothing would be reserved.
            told = tries(bare, lambda number: pod(f"large-{number}", NODE_MEMORY * 15 // 16), pace)
        seen = witness.testify()
    note = f"{len(probes.refused)} of {probes.answered} probes refused; {told}"
    figures.append(Figures("a namespace that warns", str(COUNT), BOUND, seen, note=note))
    assert told == {REFUSAL: sum(told.values())}
    assert probes.refused == [], probes.texts
