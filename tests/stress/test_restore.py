"""Etcd is put back to an older state in the middle of a storm, with replicas that live through it."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.replicas import NAMESPACE, Replicas
from tests.stress.churn import Churn
from tests.stress.clients import CANNOT_TELL, CONFLICT, CREATED, TOO_LATE, Tally
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.recovery import AFTER_SECONDS, documented, full_again, patience
from tests.stress.scene import BOUND, POD, SETTLE_SECONDS, SHIPPED, SHORT, Scene, Times, shown
from tests.stress.witness import PODS, Witness

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]  # on a busy machine; a minute on an idle one

REVISIONS = 3_000
FEW = 20 * POD  # what is left of the pods when etcd is put back; at the copy it was all of the bound
AWAY_SECONDS = 6.0  # that a restore takes at the least
WRITERS = 6
READY = r"headroom_ready"
RESTARTS = r"headroom_history_restarts_total"
CONFLICTS = r'headroom_booking_writes_total\{outcome="conflict"\}'


class Copy:
    """Etcd's data as it was when this was made: as after a crash, for its process stands still meanwhile."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self._plane, self._folder = plane, folder
        os.killpg(plane.pid("etcd"), signal.SIGSTOP)
        try:
            shutil.copytree(plane.etcd_data, folder)
        finally:
            os.killpg(plane.pid("etcd"), signal.SIGCONT)

    def put_back(self, *, restart_apiserver: bool = True) -> None:
        """Let etcd go on from here; Kubernetes says that every API server is to be stopped for that."""
        began = time.monotonic()
        if restart_apiserver:
            self._plane.stop_apiserver()
        self._plane.stop_etcd()
        shutil.rmtree(self._plane.etcd_data)
        shutil.copytree(self._folder, self._plane.etcd_data)
        time.sleep(max(0.0, began + AWAY_SECONDS - time.monotonic()))
        self._plane.start_etcd()
        if restart_apiserver:
            self._plane.start_apiserver()


def revision(scene: Scene) -> int:
    """The newest revision of pods."""
    return int(scene.server.get(f"{PODS}?limit=1")["metadata"]["resourceVersion"])


def write_on(scene: Scene, number: int) -> None:
    """Let so many revisions pass, by a ConfigMap that is of no interest to anybody."""
    path = f"/api/v1/namespaces/{scene.namespace}/configmaps"
    scene.plane.api.create(path, {"metadata": {"name": "busy"}})

    def write(writer: int) -> None:
        for each in range(number // WRITERS + 1):
            scene.plane.api.patch(f"{path}/busy", {"data": {f"writer-{writer}": str(each)}})

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(WRITERS)))


@contextmanager
def watched(replicas: Replicas, since: list[float]) -> Iterator[list[float]]:
    """Note, from the moment in `since` on, when each replica was first able to judge again after it was not."""
    ready = [float("inf")] * len(replicas)
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.1):
            for number, replica in enumerate(replicas):
                able = shown(replica, READY) == 1
                if since and not able:
                    ready[number] = float("inf")
                elif since and ready[number] == float("inf"):
                    ready[number] = time.monotonic() - since[0]

    thread = threading.Thread(target=look, name="ready", daemon=True)
    thread.start()
    try:
        yield ready
    finally:
        stop.set()
        thread.join()


def events(scene: Scene) -> list[str]:
    """What `kubectl describe configmap headroom-config` shows of it."""
    found = scene.plane.api.get(f"/api/v1/namespaces/{NAMESPACE}/events")["items"]
    return [event["message"] for event in found if event["reason"] == "HistoryReplaced"]


@pytest.mark.parametrize(
    ("times", "count"),
    [
        pytest.param(SHORT, 2, id="2"),
        pytest.param(SHORT, 1, id="1", marks=pytest.mark.slow),
        pytest.param(SHORT, 3, id="3", marks=pytest.mark.slow),
        pytest.param(SHIPPED, 2, id="shipped-2", marks=pytest.mark.slow),
    ],
)
def test_replicas_that_live_through_a_restore_are_ready_again_in_time_and_grant_nothing_over(
    bare: Scene, work: Path, figures: Record, tmp_path: Path, times: Times, count: int
) -> None:
    tally, began = Tally(), list[float]()
    with bare.guarded(work, count, times) as replicas:
        churn = Churn(bare, tally, deleters=4, patience=0.1)
        with churn.running(), watched(replicas, began) as ready:
            with Witness(bare.server) as before:
                churn.deletes = False
                until(lambda: before.held == BOUND, "a full cluster", 60)
                copy, copied = Copy(bare.plane, tmp_path / "copy"), revision(bare)
                churn.deletes, churn.level = True, 0
                write_on(bare, REVISIONS)
                until(lambda: before.held <= FEW, "deletions", 60)
                lost = revision(bare) - copied
                assert before.testify().over(BOUND) == []
            churn.level, away = 10**9, time.monotonic()
            copy.put_back()
            began.append(time.monotonic())
            conflicts = sum(shown(replica, CONFLICTS) for replica in replicas)
            with Witness(bare.server) as witness:
                until(lambda: max(ready) < float("inf"), "readiness", patience(times))
                seconds = time.monotonic() - began[0]
                conflicts = sum(shown(replica, CONFLICTS) for replica in replicas) - conflicts
                bare.clear()  # nobody knows the names of those that live again, so nobody else deletes them
                back = full_again(witness, churn, time.monotonic(), SETTLE_SECONDS)
                time.sleep(AFTER_SECONDS)
                seen = witness.testify()
        told, closed = tally.outcomes(since=began[0]), tally.outcomes(since=away)
        restarts = [shown(replica, RESTARTS) for replica in replicas]
        logs = [replica.log.read_text() for replica in replicas]
        until(lambda: bool(events(bare)), "an Event", 30)
    note = (
        f"put back {lost} revisions, ready after {max(ready):.1f} s, {conflicts / seconds:.1f} conflicts/s, "
        f"restarts {restarts}, latest answer {tally.latest():.1f} s"
    )
    figures.append(Figures("etcd put back", str(count), BOUND, seen, tally, note))
    assert lost >= REVISIONS
    assert seen.over(BOUND) == []
    assert max(ready) <= patience(times)
    assert back < float("inf")
    assert told[CREATED] > 0
    # Once the pods are listed again, which may be before the API server is said to be ready, all are refused by a view
    # that is full.
    assert closed[CANNOT_TELL] + closed[TOO_LATE] > 0
    assert tally[CONFLICT] == 0
    assert tally.timeouts() == []
    assert conflicts / seconds < 5
    assert all("etcd was put back" in log for log in logs)


@pytest.mark.slow
def test_while_an_api_server_shows_what_was_before_nothing_is_granted(
    bare: Scene, work: Path, figures: Record, tmp_path: Path
) -> None:
    """It was not restarted with etcd: its lists come from a cache that is ahead, though they are called consistent."""
    tally, began, stale = Tally(), list[float](), documented(SHORT)
    with bare.guarded(work, 2, SHORT) as replicas:
        churn = Churn(bare, tally, deleters=4, patience=0.1)
        with churn.running(), watched(replicas, began) as ready:
            with Witness(bare.server) as before:
                churn.deletes = False
                until(lambda: before.held == BOUND, "a full cluster", 60)
                copy = Copy(bare.plane, tmp_path / "copy")
                churn.deletes, churn.level = True, 0
                write_on(bare, REVISIONS)
                until(lambda: before.held <= FEW, "deletions", 60)
            churn.level = 10**9
            copy.put_back(restart_apiserver=False)
            back = time.monotonic()
            time.sleep(stale)
            conflicts = sum(shown(replica, CONFLICTS) for replica in replicas)
            told = tally.outcomes(since=back + 1.0)
            bare.plane.stop_apiserver()
            time.sleep(AWAY_SECONDS)
            bare.plane.start_apiserver()
            began.append(time.monotonic())
            with Witness(bare.server) as witness:
                until(lambda: max(ready) < float("inf"), "readiness", patience(SHORT))
                bare.clear()
                full = full_again(witness, churn, time.monotonic(), SETTLE_SECONDS)
                time.sleep(AFTER_SECONDS)
                seen = witness.testify()
    note = (
        f"API server restarted {stale:.0f} s later: {told[CREATED]} created until then, {conflicts} conflicts in all, "
        f"ready {max(ready):.1f} s after that"
    )
    figures.append(Figures("etcd put back, API server not restarted", "2", BOUND, seen, tally, note))
    assert told[CREATED] == 0
    assert told[CANNOT_TELL] + told[TOO_LATE] > 0
    assert tally.timeouts() == []
    assert seen.over(BOUND) == []
    assert full < float("inf")
    assert max(ready) <= patience(SHORT)
