"""How busy the machine is: how long a write takes beside a storm, by somebody who has nothing to do with Headroom.

A replica gives a review up after about four seconds. In that time it may need several writes of its own and of others.
"""

import threading
import time
from types import TracebackType
from typing import Self

from devcluster.api import Api, timed_out

EVERY_SECONDS = 0.3
SLOW_SECONDS = 0.2  # of one write in ten; an idle machine takes a few milliseconds


class Pulse:
    """Writes one object again and again while the `with` block runs."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._collection = f"/api/v1/namespaces/{namespace}/configmaps"
        self._took: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        self._api.create(self._collection, {"metadata": {"name": "pulse"}})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._api.delete(f"{self._collection}/pulse")

    @property
    def seconds(self) -> float:
        """How long writes took: one in ten took longer. 0 if there was none yet."""
        took = sorted(self._took)
        return took[len(took) * 9 // 10] if took else 0.0

    @property
    def slow(self) -> bool:
        """Whether the machine is so busy that a replica may well be too late to book in time."""
        return self.seconds > SLOW_SECONDS

    def __str__(self) -> str:
        return f"a write took up to {self.seconds * 1000:.0f} ms"

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            began = time.monotonic()
            body = {"data": {"beat": str(len(self._took))}}
            timed_out(lambda body=body: self._api.patch(f"{self._collection}/pulse", body))  # type: ignore[misc]  # mypy knows no defaults in a lambda
            self._took.append(time.monotonic() - began)
