"""Replicas that really book, against ConfigMaps over HTTP; tests give them their pods and nodes directly."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kubernetes.client.configuration import Configuration

from tests.support.fake_configmaps import NAMESPACE, FakeConfigMaps
from tests.support.replica import Judge
from webhook.admission.pending import PendingReview
from webhook.admission.pods import PodAdmission
from webhook.controllers.allotments import AllotmentController
from webhook.controllers.relist import RelistController
from webhook.controllers.watches import watch_allotments
from webhook.core.sharing import shared_state as shared
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.shared_state import Shared
from webhook.http.messages import Response
from webhook.kube.client import Api
from webhook.kube.configmaps import ConfigMaps

PATIENCE = 30.0  # seconds; only a failure takes this long


def until(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not so after {seconds:g} s"
        time.sleep(0.005)


def state_of(server: FakeConfigMaps) -> Shared:
    """Return the current state of the shared object."""
    return shared.read(server.data("headroom-allotments")["state.json"])


class Replica:
    """An admission with its allotment controller and its watch of the shared object."""

    def __init__(
        self, server: FakeConfigMaps, judge: Judge, memory: float, timeout: float, prove: Callable[[], None]
    ) -> None:
        self.judge, self.memory = judge, memory
        self.stop = threading.Event()
        self.api = Api(Configuration(host=server.url))
        configmaps = ConfigMaps(self.api, NAMESPACE, timeout)
        state = judge.admission.state
        self.told: list[str] = []
        self._list_is_due = False
        self.rereading = RelistController(state.bookings, self.told.append)
        self.booking = AllotmentController(configmaps, state.bookings, self.stop, prove, self.rereading)
        self.watch = watch_allotments(self.api, NAMESPACE, self.booking, state.begin_again)
        self.rereading.join([self.watch.request_list, self._relist])
        self.booker = threading.Thread(target=self.booking.run)
        self.watcher = threading.Thread(target=self.watch.run)

    def _relist(self, **_: bool) -> None:
        """Deliver requested lists of pods and nodes at once, unless the watch on pods is broken.

        In that case `mend` delivers them, as a reflector does once it reaches the API server again.
        """
        self._list_is_due = True
        if self.admission.state.pods.broken_since is None:
            self.mend()

    def break_pods(self, seconds: float) -> None:
        """Break the watch on pods and let `seconds` pass under the lock, so that no other thread acts in between."""
        with self.admission.state._guarded.lock:
            self.admission.state.tell_broken(self.admission.state.pods, "reset")
            self.judge.clock.wait(seconds)

    def mend(self) -> None:
        """Open the watch on pods again, after a list if one was requested."""
        due, self._list_is_due = self._list_is_due, False
        if due:
            self.judge.sync(self.memory, revision=self.admission.state._guarded.ledger.revision or 100)
        self.admission.state.tell_live(self.admission.state.pods)

    @property
    def admission(self) -> PodAdmission:
        """The admission that answers reviews."""
        return self.judge.admission

    def answer(self, asked: Response | PendingReview) -> Response:
        """Wait for an answer as the dispatcher does, but in real time."""
        if isinstance(asked, Response):
            return asked
        try:
            return asked.answer.result(PATIENCE)
        except TimeoutError:
            self.admission.give_up(asked)
            return asked.answer.result(0)

    def look_round(self) -> None:
        """Wait until the allotment controller has done all work that is due now: it has started, and waits again."""
        state = self.admission.state
        for _ in range(2):  # the first wait may have begun before
            with state._guarded.lock:
                state._guarded.wakeup.wake()
            until(lambda: not state._guarded.wakeup._work)

    def end_booking(self) -> None:
        """Stop the allotment controller's thread and wait for its end."""
        self.stop.set()
        self.booker.join(PATIENCE)
        assert not self.booker.is_alive()


@contextmanager
def replica(
    server: FakeConfigMaps,
    name: str = "r1",
    memory: float = 8,
    *,
    timing: Timing | None = None,
    timeout: float = 20.0,
    seconds: Callable[[], float] | None = None,
    prove: Callable[[], None] | None = None,
    watching: bool = True,
) -> Iterator[Replica]:
    """Run one replica; a proof that it requests comes at once, unless `prove` is given to do that."""
    judge = Judge(name, timing, seconds)
    judge.configure()
    judge.sync(memory)
    state = judge.admission.state
    made = Replica(server, judge, memory, timeout, prove or (lambda: state.prove(state.clock())))
    made.booker.start()
    if watching:
        made.watcher.start()
    try:
        yield made
    finally:
        made.stop.set()
        made.watch.stop()
        for thread in (made.booker, made.watcher):
            if thread.ident is not None:
                thread.join(PATIENCE)
                assert not thread.is_alive()
        made.api.close()


def pass_time(seconds: float, *replicas: Replica) -> None:
    """Let time pass in steps of at most a second; after each step, every allotment controller does its work."""
    while seconds > 0:
        for each in replicas:
            each.judge.clock.wait(min(1.0, seconds))
        for each in replicas:
            each.look_round()
        seconds -= 1.0


def is_ready(replicas: Replica) -> bool:
    """Say whether a replica holds a valid allotment."""
    return replicas.admission.state.readiness.unready() is None
