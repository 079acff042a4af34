"""The tallies worked out again from the live pods, for the recount: each difference is a defect."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from webhook.core.ledger.drift import Drift
from webhook.core.ledger.entry import Entry
from webhook.core.ledger.tallies import Count, Group, Namespace, TallySnapshot, workload_of
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
        yield from _namespace(check, name, namespace)
    yield from check.total("pods tallied by workload")
    sizes = Counter(pod.footprint.memory_requests for pod in pods.values())
    del sizes[0]
    for size in sizes.keys() | tallies.sizes.keys():
        if sizes[size] != tallies.sizes.get(size, 0):
            yield Drift("pods that request", str(size), (tallies.sizes.get(size, 0),), (sizes[size],))


def _namespace(check: "_Check", name: str, namespace: Namespace) -> Iterator[Drift]:
    total = Count()
    for key, group in namespace.workloads.items():
        where = f"{name}/{key[0]}/{key[1]}"

        def belongs(pod_name: str, pod: Entry, key: tuple[str, str] = key) -> bool:
            return pod_name.startswith(f"{name}/") and workload_of(pod) == key

        yield from check.group("tally of workload", where, group, belongs, amounts=True)
        total.add(group)
        total.amounts = total.amounts.plus(group.amounts)
    if _figures(total) != _figures(namespace):
        yield Drift("tally of namespace", name, _figures(namespace), _figures(total))


class _Check:
    """Looks at one group after the other, and counts the pods in them."""

    def __init__(self, birth: int, pods: Mapping[str, Entry], pause: Callable[[], None]) -> None:
        self._birth = birth
        self._pods = pods
        self._pause = pause
        self._seen = 0

    def group(
        self, figure: str, where: str, group: Group, belongs: Callable[[str, Entry], bool], *, amounts: bool
    ) -> Iterator[Drift]:
        found, total = Count(), NOTHING
        sizes: Counter[Amounts] = Counter()
        strangers = []
        for name, pod in group.entries.items():
            if self._pods.get(name) is not pod or not belongs(name, pod):
                strangers.append(name)
            found.count(pod, why_unreviewed(name.partition("/")[0], pod, self._birth))
            sizes[pod.footprint] += 1
            self._seen += 1
            if self._seen % SLICE == 0:
                self._pause()
        if amounts:
            for size, number in sizes.items():
                total = total.plus(size.times(number))
        found.amounts = total
        if strangers or _figures(found) != _figures(group):
            named = f"{where} (with {', '.join(strangers[:3])}, which must not be there)" if strangers else where
            yield Drift(figure, named, _figures(group), _figures(found))

    def total(self, figure: str) -> Iterator[Drift]:
        """Every live pod is in one group: none is missing, for none of those that are there is a stranger or double."""
        if self._seen != len(self._pods):
            yield Drift(figure, "", (self._seen,), (len(self._pods),))
        self._seen = 0


def _figures(count: Count) -> tuple[int, ...]:
    return (*count.amounts, *count.figures())
