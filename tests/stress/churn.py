"""Churn at the bound: some clients create pods as fast as they get answers, others delete pods.

How much is deleted goes by what creators were answered, not by the clock alone: on a slow machine, room would be made
faster than anybody can ask for it.
"""

import itertools
import random
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Self

from tests.stress.clients import CREATED, DELETED, EXISTS, GONE, Client, Tally, crowd, pod
from tests.stress.scene import POD, Scene

chance = random.SystemRandom()

CREATORS, DELETERS = 16, 2
PAUSE_SECONDS = 0.02  # between two deletions by one client, at least
ANSWERS = 4  # that creators get between two deletions, at least, as long as they want more


class Churn:
    """One churn in one namespace; its `creators` always need more room, and wait `patience` seconds when refused."""

    def __init__(
        self,
        scene: Scene,
        tally: Tally,
        *,
        creators: int = CREATORS,
        deleters: int = DELETERS,
        patience: float = 0.0,
    ) -> None:
        self._scene, self._tally, self._patience = scene, tally, patience
        self._creators, self._deleters = creators, deleters
        self._answers = itertools.count()
        self._answered = 0
        self.level = sys.maxsize  # the number of pods from which on no client creates more
        self.deletes = True
        self._numbers = itertools.count()
        self._prefix = f"churn-{chance.getrandbits(32):08x}"
        self._names: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Churn while the `with` block runs; an error in a client is raised at its end."""
        thread = threading.Thread(target=self._run, name="churn", daemon=True)
        self._fault: BaseException | None = None
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()
        if self._fault:
            raise self._fault

    def last(self, seconds: float) -> None:
        """Churn for `seconds`."""
        with self.running():
            time.sleep(seconds)

    @property
    def names(self) -> list[str]:
        """The pods that clients may delete, by name."""
        with self._lock:
            return sorted(self._names)

    def adopt(self, names: Iterable[str]) -> None:
        """Take in pods that clients then delete like their own, such as those of creates that got no answer."""
        with self._lock:
            self._names |= set(names)

    def _run(self) -> None:
        try:
            with crowd(self._scene.server, self._scene.namespace, self._tally, self._creators + self._deleters) as run:
                run(lambda client, number: self._create(client) if number < self._creators else self._delete(client))
        except BaseException as fault:  # noqa: BLE001 - raised at the end of the `with` block
            self._fault = fault

    def _create(self, client: Client) -> None:
        while not self._stop.is_set():
            if len(self._names) >= self.level:
                self._stop.wait(PAUSE_SECONDS)
                continue
            name = f"{self._prefix}-{next(self._numbers)}"
            outcome = client.create(pod(name, POD))
            self._answered = next(self._answers)
            if outcome in {CREATED, EXISTS}:
                with self._lock:
                    self._names.add(name)
            else:
                self._stop.wait(self._patience)

    def _delete(self, client: Client) -> None:
        answered = 0
        while not self._stop.wait(PAUSE_SECONDS):
            wanted = len(self._names) < self.level
            if not self.deletes or (wanted and self._answered < answered + ANSWERS * self._deleters):
                continue
            answered = self._answered
            with self._lock:
                name = chance.choice(sorted(self._names)) if self._names else None
                self._names.discard(name or "")
            if name and client.delete(name) not in {DELETED, GONE}:
                with self._lock:
                    self._names.add(name)
