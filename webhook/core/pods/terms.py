"""Terms: what a pod commits, taken apart.

containers ---+
sidecars -----+- sum --+
                       +- the larger -+- or what the status says -- or the pod itself (spec.resources) -- + overhead
init containers - peak +              |
claims -------------------------------+
"""

from typing import Literal, NamedTuple


class Terms(NamedTuple):
    """One sum of one pod, taken apart; in nanos.

    `pod_level` is what the pod asks for itself, `pod_status` what its own status reports: either takes the place of all
    that its containers come to. `claims` is what DRA allocated to it. `overhead_twice` says that the figure is one that
    the kubelet reports with the overhead in it, to which the rule adds the overhead.
    """

    containers: int
    sidecars: int
    init_peak: int
    pod_level: int | None
    overhead: int
    claims: int = 0
    pod_status: int | None = None
    overhead_twice: bool = False

    @property
    def before_overhead(self) -> int:
        """What counts without the overhead."""
        if self.pod_level is not None:
            return self.pod_level
        if self.pod_status is not None:
            return self.pod_status
        return max(self.containers + self.sidecars, self.init_peak) + self.claims

    @property
    def total(self) -> int:
        """What counts."""
        return self.before_overhead + self.overhead

    @property
    def decisive(self) -> Literal["containers", "init", "status", "pod"]:
        """Which of the terms counts, besides claims and overhead."""
        if self.pod_level is not None:
            return "pod"
        if self.pod_status is not None:
            return "status"
        return "init" if self.init_peak > self.containers + self.sidecars else "containers"

    def with_overhead(self, overhead: int) -> "Terms":
        """Add overhead; `overhead_twice` is true only where there is any."""
        return self._replace(overhead=overhead, overhead_twice=self.overhead_twice and overhead > 0)


NONE = Terms(0, 0, 0, None, 0)


class Commitment(NamedTuple):
    """What a pod commits of one resource.

    `limits` are those that are declared. In `filled` a container without a limit counts its request, and the pod at the
    least its requests. `unbounded` counts the app containers and sidecars without a limit, 0 where the pod has one.
    """

    requests: Terms
    limits: Terms
    filled: Terms
    unbounded: int

    @property
    def is_unbounded(self) -> bool:
        """Say whether the pod may take any amount, as far as its limits go."""
        return self.unbounded > 0


class Breakdown(NamedTuple):
    """What a pod commits, and why."""

    memory: Commitment
    cpu: Commitment


def summed(app: list[int], init: list[tuple[bool, int]], claims: int = 0) -> Terms:
    """Sum up containers, and init containers of which the first says whether it is a sidecar.

    An init container runs beside the sidecars (restartable init containers) that stand before it; the peak is the
    largest such moment.
    """
    sidecars = peak = 0
    for sidecar, need in init:
        peak = max(peak, sidecars + need)
        if sidecar:
            sidecars += need
    return Terms(sum(app), sidecars, peak, None, 0, claims)


def on_top(overhead: int, limits: Terms) -> Terms:
    """Add overhead to limits, but not where there are none."""
    return limits.with_overhead(overhead) if limits.before_overhead else limits


def commitment(requests: Terms, limits: Terms, filled: Terms, *, unbounded: int) -> Commitment:
    """Return what they come to; the filled limits of a pod without a limit are its requests at the least."""
    if unbounded:
        filled = max(filled, requests, key=lambda terms: terms.total)
    return Commitment(requests, limits, filled, unbounded)
