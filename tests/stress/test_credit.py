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
from devcluster.processes import until
from devcluster.replicas import Replicas
from tests.e2e.headroom import document
from tests.e2e.probes import gone
from tests.e2e.story import DENIED, LATE
from tests.stress.bystander import REFUSAL, refusing, standing_by
from tests.stress.clients import CREATED, pod
from tests.stress.conftest import Record
from tests.stress.deployments import apps, deployment
from tests.stress.figures import MI, Figures
from tests.stress.recovery import PROOF_SECONDS
from tests.stress.scene import (
    BOUND,
    NODE_MEMORY,
    SETTLE_SECONDS,
    SHIPPED,
    STEADY,
    Scene,
    Times,
    audited,
    configure,
    refusals,
    settle,
)
from tests.stress.witness import Witness

pytestmark = pytest.mark.live
slow = pytest.mark.slow

COUNT = 2  # replicas
PROBE = BOUND // 18 // MI * MI
LARGE = BOUND // 12  # of 18Gi, that is 1.5Gi
AWAITING = "AwaitingEarlierPods"


class Pace(NamedTuple):
    """How fast a story goes: for how long, and how often the large pod is tried and the probes are made."""

    times: Times
    seconds: float
    tried: float
    probed: float


QUICK = Pace(STEADY, 27.0, 2.2, 0.45)
TWO_MINUTES = Pace(SHIPPED, 120.0, 10.0, 2.0)
TEN_MINUTES_SCALED = Pace(STEADY, 600.0 * STEADY.lapse / SHIPPED.lapse, 2.2, 0.45)
TEN_MINUTES = Pace(SHIPPED, 600.0, 10.0, 2.0)


class Probes:
    """What came of the probes: when Headroom refused each, counted from the beginning, and what else was said."""

    def __init__(self, cluster: Cluster, namespace: str, every: float) -> None:
        self._cluster, self._every = cluster, every
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self.began = time.monotonic()
        self.answered = 0
        self.refused: list[float] = []
        self.texts: Counter[str] = Counter()
        self.otherwise: Counter[str] = Counter()

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
            kept_out = error.message.startswith(DENIED) and LATE not in error.message
            (self.texts if kept_out else self.otherwise)[error.message[:200]] += 1
            self.refused += [at] * kept_out
        else:
            until(lambda: gone(self._cluster.api, f"{self._path}/{name}"), f"the end of {name}", SETTLE_SECONDS)

    def seconds_refused(self, since: float = 0.0, until: float = float("inf")) -> float:
        """For how long probes were refused between two moments."""
        return sum(self._every for at in self.refused if since <= at < until)


@contextmanager
def probing(cluster: Cluster, every: float, first: Callable[[], object] = lambda: None) -> Iterator[Probes]:
    """Probe from a namespace of its own for as long as `with` lasts; `first` is called just before."""
    stop = threading.Event()
    with namespaces.temporary(cluster) as namespace:
        first()
        probes = Probes(cluster, namespace, every)
        thread = threading.Thread(target=probes.run, args=(stop,), name="probes", daemon=True)
        thread.start()
        try:
            yield probes
        finally:
            stop.set()
            thread.join()


class Tries:
    """Something that is tried again and again; `told` counts what the API server said: one refusal, if several refuse.

    The first try comes before the probes: it is to find all room free.
    """

    def __init__(self, act: Callable[[], object], pace: Pace) -> None:
        self._act, self._pace = act, pace
        self.told: Counter[str] = Counter()

    def once(self) -> None:
        """Try once."""
        try:
            self._act()
            self.told[CREATED] += 1
        except ApiError as error:
            self.told[_word(error.message)] += 1

    def again(self) -> None:
        """Try for as long as the pace says."""
        ends = time.monotonic() + self._pace.seconds
        while (began := time.monotonic()) < ends:
            self.once()
            time.sleep(max(0.0, began + self._pace.tried - time.monotonic()))


def tries(place: Scene, made: Callable[[int], Object], pace: Pace) -> Tries:
    """Create pods, one after the other."""
    numbers = count()
    return Tries(lambda: place.plane.api.create(place.pods, made(next(numbers))), pace)


def _word(message: str) -> str:
    words = (REFUSAL, AWAITING, LATE, "already exists", "would be", "AccountUnavailable")
    return next((word for word in words if word in message), message[:200])


def until_refused(place: Scene, replicas: Replicas) -> None:
    """Wait for the audit line of a refusal for lack of credit; a thread writes it after the answer."""
    until(lambda: refusals(replicas, place.namespace, AWAITING) > 0, "a refusal for lack of credit", SETTLE_SECONDS)


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
    tried = tries(bare, lambda number: pod(f"large-{number}", BOUND), pace)
    with bare.guarded(work, COUNT, pace.times) as replicas, Witness(bare.server) as witness:
        with (
            standing_by(bare.plane, work / "bystander", bare.namespace, refusing),
            probing(bare.plane, pace.probed, tried.once) as probes,
        ):
            tried.again()
        until_refused(bare, replicas)
        seen = witness.testify()
    early = probes.seconds_refused(until=pace.times.lapse * 120 / 45)
    note = (
        f"probes refused for {early:.1f} s at first, {probes.seconds_refused():.1f} of {pace.seconds:.0f} s; "
        f"{tried.told}"
    )
    figures.append(Figures("a large pod refused elsewhere", str(COUNT), BOUND, seen, note=note))
    assert tried.told[CREATED] == 0
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
            standing_by(place.plane, work / "bystander", place.namespace, refusing) as bystander,
            probing(place.plane, pace.probed) as probes,
        ):
            place.plane.api.create(apps(place), deployment("web", 1, LARGE))
            time.sleep(pace.seconds)
            until(lambda: len(bystander.refused) > 1, "another try of the ReplicaSet", SETTLE_SECONDS)
        denied = sum(line["decision"] == "deny" for line in audited(replicas, place.namespace))
        seen = witness.testify()
    note = f"{len(probes.refused)} of {probes.answered} probes refused; {denied} of its pods refused by Headroom itself"
    figures.append(Figures("a ReplicaSet refused elsewhere", str(COUNT), BOUND, seen, note=note))
    assert probes.refused == [], probes.texts
    assert seen.over(BOUND) == []


def test_a_resize_that_another_webhook_refuses_again_and_again_shuts_others_out_for_one_lapse(
    bare: Scene, work: Path, figures: Record
) -> None:
    pace = Pace(STEADY, 27.0, 0.6, 0.45)
    memory = {"memory": f"{BOUND // MI - 1}Mi"}
    grown = {"spec": {"containers": [{"name": "main", "resources": {"requests": memory, "limits": memory}}]}}
    tried = Tries(lambda: bare.plane.api.patch(f"{bare.pods}/live/resize", grown, "strategic"), pace)
    with bare.guarded(work, COUNT, pace.times) as replicas, Witness(bare.server) as witness:
        bare.plane.api.create(bare.pods, pod("live", 8 * MI))
        settle(replicas, 8 * MI)
        with (
            standing_by(bare.plane, work / "bystander", bare.namespace, refusing, resizes=True),
            probing(bare.plane, pace.probed, tried.once) as probes,
        ):
            tried.again()
        until_refused(bare, replicas)
        seen = witness.testify()
    note = f"probes refused for {probes.seconds_refused():.1f} of {pace.seconds:.0f} s; {tried.told}"
    figures.append(Figures("a resize refused elsewhere", str(COUNT), BOUND, seen, note=note))
    assert tried.told[CREATED] == 0
    assert 0 < probes.seconds_refused() <= pace.times.lapse + PROOF_SECONDS


@slow
def test_changes_to_a_pod_that_has_ended_go_bail_for_nobody(bare: Scene, work: Path, figures: Record) -> None:
    pace = Pace(STEADY, 27.0, 1.0, 0.45)
    tried = tries(bare, lambda number: _labelled(bare, "done", pod(f"large-{number}", BOUND)), pace)
    with bare.guarded(work, COUNT, pace.times) as replicas, Witness(bare.server) as witness:
        bare.plane.api.create(bare.pods, pod("done", BOUND))
        bare.plane.api.patch(f"{bare.pods}/done/status", {"status": {"phase": "Succeeded"}})
        settle(replicas, 0)
        with (
            standing_by(bare.plane, work / "bystander", bare.namespace, refusing),
            probing(bare.plane, pace.probed, tried.once) as probes,
        ):
            tried.again()
        seen = witness.testify()
    note = f"probes refused for {probes.seconds_refused():.1f} of {pace.seconds:.0f} s; {tried.told}"
    figures.append(Figures("beside an ended pod that is labelled", str(COUNT), BOUND, seen, note=note))
    assert 0 < probes.seconds_refused() <= pace.times.lapse + PROOF_SECONDS


def _labelled(place: Scene, name: str, made: Object) -> Object:
    """Change a label of a pod, and return another one."""
    labels = {"for": made["metadata"]["name"]}
    place.plane.api.patch(f"{place.pods}/{name}", {"metadata": {"labels": labels}})
    return made


@slow
def test_a_name_that_a_finalizer_keeps_is_not_held_by_one_replica_after_the_other(
    bare: Scene, work: Path, figures: Record
) -> None:
    pace = Pace(STEADY, 40.0, 0.5, 0.45)
    tried = tries(bare, lambda _: pod("held", BOUND - 8 * MI), pace)
    held = pod("held", 8 * MI)
    held["metadata"]["finalizers"] = ["tenant.example/hold"]
    with bare.guarded(work, COUNT, pace.times) as replicas, Witness(bare.server) as witness:
        bare.plane.api.create(bare.pods, held)
        settle(replicas, 8 * MI)
        bare.plane.api.delete_now(f"{bare.pods}/held")
        time.sleep(0.5)
        with probing(bare.plane, pace.probed, tried.once) as probes:
            tried.again()
        until_refused(bare, replicas)
        seen = witness.testify()
        bare.plane.api.patch(f"{bare.pods}/held", {"metadata": {"finalizers": None}})
    note = f"probes refused for {probes.seconds_refused():.1f} of {pace.seconds:.0f} s; {tried.told}"
    figures.append(Figures("a name that a finalizer keeps", str(COUNT), BOUND, seen, note=note))
    assert 0 < probes.seconds_refused() <= pace.times.lapse + PROOF_SECONDS


def test_a_create_under_the_name_of_a_living_pod_takes_room_from_nobody(
    bare: Scene, work: Path, figures: Record
) -> None:
    small = 8 * MI
    pace = Pace(STEADY, 8.0, 2.0, 0.4)
    tried = tries(bare, lambda _: pod("live", BOUND // 2), pace)
    with bare.guarded(work, COUNT, pace.times) as replicas, Witness(bare.server) as witness:
        bare.plane.api.create(bare.pods, pod("live", small))
        settle(replicas, small)
        with probing(bare.plane, pace.probed) as probes:
            tried.again()
        seen = witness.testify()
    note = f"{len(probes.refused)} of {probes.answered} probes refused; {tried.told}"
    figures.append(Figures("the name of a living pod", str(COUNT), BOUND, seen, note=note))
    assert tried.told.keys() - {LATE} == {AWAITING}
    assert probes.refused == [], probes.texts


@slow
def test_a_namespace_that_only_warns_takes_no_more_room_than_its_credit(
    bare: Scene, work: Path, figures: Record
) -> None:
    pace = QUICK
    # One of them fits beside the probes, two do not; a node could hold each, or nothing would be reserved.
    tried = tries(bare, lambda number: pod(f"large-{number}", NODE_MEMORY * 15 // 16), pace)
    with bare.guarded(work, COUNT, pace.times) as replicas, Witness(bare.server) as witness:
        warning = [{"namespaces": [bare.namespace], "mode": "warn"}]
        configure(bare.plane, replicas, document({"requests": "75%"}, overrides=warning))
        with (
            standing_by(bare.plane, work / "bystander", bare.namespace, refusing),
            probing(bare.plane, pace.probed) as probes,
        ):
            tried.again()
        seen = witness.testify()
    note = f"{len(probes.refused)} of {probes.answered} probes refused; {tried.told}"
    figures.append(Figures("a namespace that warns", str(COUNT), BOUND, seen, note=note))
    assert tried.told == {REFUSAL: tried.told.total()}
    assert probes.refused == [], probes.texts
