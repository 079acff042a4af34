"""The standing of pods: which of them do not count, and which of them nobody reviewed."""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.traits import BARE, Workload
from webhook.core.ledger.unreviewed import GROWN, why_unreviewed
from webhook.core.reporting import uncounted


class PodStanding:
    """What of one account does not count, and what nobody was asked about; each is worked out when it is needed."""

    def __init__(self, account: AccountSnapshot) -> None:
        self._account = account

    @cached_property
    def apart(self) -> dict[str, Unbound]:
        """The unbound pods that stand apart."""
        return uncounted.apart(self._account)

    @cached_property
    def taken(self) -> dict[str, int]:
        """What each node takes out of the cluster's memory requests; of the node "", what stands apart."""
        taken = uncounted.of_nodes(self._account)
        return {**taken, "": sum(pod.footprint.memory_requests for pod in self.apart.values())}

    @cached_property
    def _uncounted_pods(self) -> list[tuple[str, Entry, int]]:
        """The pods of which memory requests do not count, with how much of each."""
        account = self._account
        found: list[tuple[str, Entry, int]] = []
        found += ((name, pod, pod.footprint.memory_requests) for name, pod in self.apart.items())
        for node, taken in self.taken.items():
            if node and taken:
                held, pods = account.held[node].memory_requests, account.tallies.nodes[node]
                found += uncounted.of_pods(taken, held, pods)
        return found

    @cached_property
    def uncounted(self) -> dict[str, dict[Workload, int]]:
        """By namespace and workload, what of the memory requests does not count."""
        return _by_workload(self._uncounted_pods)

    @cached_property
    def uncounted_bare(self) -> dict[str, int]:
        """By name of a pod without a controller, what of its memory requests does not count."""
        return {name: part for name, pod, part in self._uncounted_pods if pod.traits.workload == BARE}

    def why_unreviewed(self, namespace: str, name: str, pod: Entry) -> str | None:
        """Say why nobody reviewed a pod, or that it grew without a review; None if neither is known."""
        why = why_unreviewed(namespace, pod, self._account.tallies.birth)
        return GROWN if why is None and name in self._account.grown else why

    @cached_property
    def _grown_pods(self) -> list[tuple[str, Entry, int]]:
        grown = self._account.grown.items()
        return [(name, pod, 1) for name, pod in grown if self.why_unreviewed(split_name(name)[0], name, pod) is GROWN]

    @cached_property
    def grown(self) -> dict[str, dict[Workload, int]]:
        """By namespace and workload, how many pods grew, and nobody was asked about it."""
        return _by_workload(self._grown_pods)

    @cached_property
    def grown_on(self) -> Counter[str]:
        """By node, how many of its pods grew, and nobody was asked about it."""
        return Counter(pod.node for _, pod, _ in self._grown_pods)

    @cached_property
    def out(self) -> frozenset[str]:
        """The nodes whose pods are not in the cluster's sums."""
        account = self._account
        return frozenset(account.excused if account.leaving_is_out else account.excused.keys() - account.leaving)


def _by_workload(numbers: Iterable[tuple[str, Entry, int]]) -> dict[str, dict[Workload, int]]:
    found: dict[str, dict[Workload, int]] = {}
    for name, pod, number in numbers:
        by_workload, key = found.setdefault(split_name(name)[0], {}), pod.traits.workload
        by_workload[key] = by_workload.get(key, 0) + number
    return found


def split_name(name: str) -> tuple[str, str]:
    """Return the namespace and the name of "namespace/name"."""
    namespace, _, short = name.partition("/")
    return namespace, short
