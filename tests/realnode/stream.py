"""Clients that create pods without a pause, and note what became of each; the pods are a simulated node's."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

import urllib3

from devcluster.api import Api, ApiError, Object
from devcluster.nodes import Shape
from devcluster.realnode.install import REFUSED

LABEL = {"headroom.internal/simulated": "true"}
TAINT = {"key": "headroom.internal/simulated", "value": "true", "effect": "NoSchedule"}
SIMULATED = Shape(memory="16Gi", cpu="64", pods=20000, labels=LABEL, taints=[TAINT])

PACE = 0.1
"""Seconds from one create to the next."""


class Create(NamedTuple):
    """One create: when it began (time.monotonic), how long it took (s), and why it failed, if it did."""

    began: float
    seconds: float
    refused: str = ""
    failed: str = ""


class Creates(list[Create]):
    """What became of the creates of one stream."""

    @property
    def failed(self) -> list[Create]:
        """Those that got no answer of Headroom's."""
        return [each for each in self if each.failed]

    @property
    def refused(self) -> list[Create]:
        """Those that Headroom refused."""
        return [each for each in self if each.refused]

    def __str__(self) -> str:
        slowest = max((each.seconds for each in self), default=0.0)
        counts = f"{len(self)} creates, {len(self.failed)} failed, {len(self.refused)} refused"
        return f"{counts}, slowest {slowest * 1000:.0f} ms"


class Stream:
    """Creates pods of 1Mi in one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._pods = api, f"/api/v1/namespaces/{namespace}/pods"
        self._numbers = count()

    @contextmanager
    def paced(self, at_least: int) -> Iterator[Creates]:
        """One create every 100 ms, however long each takes, while the block runs and until there are `at_least`."""
        creates, pending, done = Creates(), list[Future[Create]](), threading.Event()
        with ThreadPoolExecutor(64) as pool:

            def feed() -> None:
                due = time.monotonic()
                while not done.is_set() or len(pending) < at_least:
                    pending.append(pool.submit(self.create))
                    due += PACE
                    time.sleep(max(0.0, due - time.monotonic()))

            feeder = threading.Thread(target=feed)
            feeder.start()
            try:
                yield creates
            finally:
                done.set()
                feeder.join()
                creates.extend(each.result() for each in pending)

    @contextmanager
    def crowd(self, clients: int) -> Iterator[Creates]:
        """Clients that create and delete pods one after the other, as fast as they can, while the block runs."""
        creates, done = Creates(), threading.Event()

        def client() -> None:
            while not done.is_set():
                creates.append(self.create())

        threads = [threading.Thread(target=client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield creates
        finally:
            done.set()
            for thread in threads:
                thread.join()

    def create(self) -> Create:
        """Create one pod, and delete it at once, so that they do not add up; the deletion asks no webhook."""
        name = f"pod-{next(self._numbers)}"
        began = time.monotonic()
        said = _said(lambda: self._api.create(self._pods, _pod(name)))
        seconds = time.monotonic() - began
        if not said:
            self._remove(f"{self._pods}/{name}")
        refused = REFUSED in said
        return Create(began, seconds, said if refused else "", "" if refused else said)

    def _remove(self, path: str) -> None:
        try:
            self._api.delete_now(path)
        except (ApiError, urllib3.exceptions.HTTPError):
            return  # it goes with its namespace


def _said(create: Callable[[], Object]) -> str:
    try:
        create()
    except ApiError as error:
        return error.message or str(error)
    except urllib3.exceptions.HTTPError as error:
        return repr(error)
    return ""


def _pod(name: str) -> Object:
    memory = {"memory": "1Mi"}
    container = {"name": "main", "image": "none", "resources": {"requests": memory, "limits": memory}}
    spec = {"nodeSelector": LABEL, "tolerations": [TAINT], "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
