"""Which replica does what only one should do: the holder of a Lease, as client-go's leader election has it.

A holder renews the Lease by compare-and-swap. Another replica takes it over once it has seen the same record for as
long as the record says, by its own clock: clocks of two replicas are never compared. Two holders for a moment are
possible where one was stopped, so whatever a holder writes must be a compare-and-swap as well.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from webhook.kube.objects import Found, Object, Objects
from webhook.kube.stream import Conflict, NotFound

log = logging.getLogger(__name__)

DURATION: Final = 15  # seconds, as client-go's default
RENEW: Final = 5.0  # seconds


class Election:
    """Holds one Lease, or tries to. One thread calls it; every call may raise `KubeError`."""

    def __init__(
        self, leases: Objects, namespace: str, name: str, identity: str, clock: Callable[[], float]
    ) -> None:
        self._leases = leases
        self._namespace, self._name, self._identity = namespace, name, identity
        self._clock = clock
        self._renewed = float("-inf")
        self._observed: tuple[Any, ...] = ()
        self._since = float("-inf")
        self._abstains_until = float("-inf")

    @property
    def is_held(self) -> bool:
        """Whether this replica holds the Lease; any thread may ask."""
        return self._clock() < self._renewed + DURATION

    def hold(self) -> bool:
        """Renew the Lease, or take it if nobody holds it; say whether it is held."""
        now = self._clock()
        if now < self._renewed + RENEW:
            return True
        if now < self._abstains_until:
            return False
        try:
            self._renew(now)
        except (Conflict, NotFound):  # somebody else was first
            self._renewed = float("-inf")
        return self.is_held

    def abstain(self) -> None:
        """Give the Lease up, so that another replica does the work, and do not ask for it for a while."""
        held, self._renewed = self.is_held, float("-inf")
        self._abstains_until = self._clock() + 2 * DURATION
        if held:
            self.release()

    def release(self) -> None:
        """Leave the Lease to others at once, if this replica holds it."""
        self._renewed = float("-inf")
        found = self._leases.get(self._name)
        if found is not None and _spec(found).get("holderIdentity") == self._identity:
            self._write(found, "", 1)

    def _renew(self, now: float) -> None:
        found = self._leases.get(self._name)
        if found is None:
            self._leases.create(self._lease())
        elif not self._is_ours_or_free(found, now):
            self._renewed = float("-inf")
            return
        else:
            self._write(found, self._identity, DURATION)
        if not self.is_held:
            log.info("this replica holds the Lease %s", self._name)
        self._renewed = now

    def _is_ours_or_free(self, found: Found, now: float) -> bool:
        spec = _spec(found)
        if spec.get("holderIdentity") in ("", None, self._identity):
            return True
        record = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if record != self._observed:
            self._observed, self._since = record, now
        lasts = spec.get("leaseDurationSeconds")
        return now >= self._since + (lasts if isinstance(lasts, int) else DURATION)

    def _write(self, found: Found, holder: str, seconds: int) -> None:
        moment, spec = _moment(), _spec(found)
        changes: Object = {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": moment}
        if holder and spec.get("holderIdentity") != holder:
            changes |= {"acquireTime": moment, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        self._leases.replace(found.object | {"spec": spec | changes})

    def _lease(self) -> Object:
        moment = _moment()
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": DURATION, "leaseTransitions": 0}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": spec | {"acquireTime": moment, "renewTime": moment},
        }


def _spec(found: Found) -> Object:
    spec: Object = found.object.get("spec") or {}
    return spec


def _moment() -> str:
    """Return the time of day as a MicroTime; people read it, and others only compare whether it has changed."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
