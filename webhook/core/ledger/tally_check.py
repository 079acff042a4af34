"""The tallies worked out again from the live pods, for the recount: each difference is a defect."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from webhook.core.ledger.drift import Drift
from webhook.core.ledger.entry import Entry
from webhook.core.ledger.tallies import Count, Group, TallySnapshot
from webhook.core.ledger.traits import Workload
from webhook.core.ledger.unreviewed import why_unreviewed
from webhook.core.values.amounts import NOTHING, Amounts

SLICE = 2_000  # pods between two pauses


def tally_drifts(
    tallies: TallySnapshot, pods: Mapping[str, Entry], pause: Callable[[], None] = lambda: None
) -> Iterator[Drift]:
    """Yield each tally that drifted; calls `pause` between slices of pods."""
    check = _Check(tallies.birth, pods, pause)
    for node, group in tallies.nodes.items():

        def is_there(_: str, pod: Entry, node: str = node) -> bool:
            return pod.node == node

        yield from check.group("tally of node", node, group, is_there, amounts=False)
    yield from check.total("pods tallied by node")
    for name, namespace in tallies.namespaces.items():
        for key, workload in namespace.workloads.items():

            def is_of_it(pod_name: str, pod: Entry, key: Workload = key, prefix: str = f"{name}/") -> bool:
                return pod_name.startswith(prefix) and pod.traits.workload == key

            yield from check.group("tally of workload", f"{name}/{key[0]}/{key[1]}", workload, is_of_it, amounts=True)
    yield from check.total("pods tallied by workload")
    sizes = Counter(pod.footprint.memory_requests for pod in pods.values())
    del sizes[0]
    for size in sizes.keys() | tallies.sizes.keys():
        if sizes[size] != tallies.sizes.get(size, 0):
            yield Drift("pods that request", str(size), (tallies.sizes.get(size, 0),), (sizes[size],))


class _Check:
    """Looks at one group after the other, and counts the pods in them."""

    def __init__(self, birth: str, pods: Mapping[str, Entry], pause: Callable[[], None]) -> None:
        self._birth = birth
        self._pods = pods
        self._pause = pause
        self._seen = 0

    def group(
        self, figure: str, where: str, group: Group, belongs: Callable[[str, Entry], bool], *, amounts: bool
    ) -> Iterator[Drift]:
        found, total, unbound = Count(), NOTHING, 0
        sizes: Counter[Amounts] = Counter()
        strangers = []
        for name, pod in group.items():
            if self._pods.get(name) is not pod or not belongs(name, pod):
                strangers.append(name)
            found.count(pod, why_unreviewed(name.partition("/")[0], pod, self._birth))
            unbound += not pod.node
            sizes[pod.footprint] += 1
            self._seen += 1
            if self._seen % SLICE == 0:
                self._pause()
        if amounts:
            for size, number in sizes.items():
                total = total.plus(size.times(number))
        kept, recounted = ((*group.amounts, group.unbound, *group.figures()), (*total, unbound, *found.figures()))
        if strangers or kept != recounted:
            named = f"{where} (with {', '.join(strangers[:3])}, which must not be there)" if strangers else where
            yield Drift(figure, named, kept, recounted)

    def total(self, figure: str) -> Iterator[Drift]:
        """Every live pod is in one group: none is missing, for none of those that are there is a stranger or double."""
        if self._seen != len(self._pods):
            yield Drift(figure, "", (self._seen,), (len(self._pods),))
        self._seen = 0
