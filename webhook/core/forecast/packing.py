"""How many more pods fit: by the thresholds, and by what is free on each node.

By thresholds the sums decide, so the number follows from one division for each of them. By nodes the pods are put one
after the other where the most memory is free, as a scheduler that spreads pods does: it is what nodes can hold at
least, and no scheduler can hold more than `free` says of any single kind of pod.
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, NamedTuple

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.rules import bounded_sums
from webhook.core.values.amounts import NOTHING, Amounts

MOST: Final = 100_000  # sets of pods; a question that comes to more asks for pods that request nothing
_MOST_STEPS: Final = 2_000_000  # nodes that are looked at for one question, which takes about two seconds
_Heap = list[tuple[int, int, int]]


class Portion(NamedTuple):
    """So many pods like this one in each set."""

    pod: PodInfo
    number: int


class Tight(NamedTuple):
    """The sum of a scope (an index into `Amounts`) that runs out first, and for how many sets there is room."""

    scope: str
    which: int
    sets: int


class Free(NamedTuple):
    """What is free on one node: memory and cpu requests, and places for pods (None: not known)."""

    memory: int
    cpu: int
    pods: int | None


def by_thresholds(ledger: Ledger, portions: Sequence[Portion]) -> Tight | None:
    """Return the sum that runs out first; None if no threshold concerns these pods."""
    asked: dict[str, Amounts] = {}
    for portion in portions:
        for scope in ledger.charge(portion.pod).scopes:
            asked[scope] = asked.get(scope, NOTHING).plus(portion.pod.footprint.times(portion.number))
    tight: list[Tight] = []
    for scope, amounts in asked.items():
        balance = ledger.balance(scope)
        for index, _ in bounded_sums(balance.scope_limits.bound):
            if amounts[index]:
                free = max(0, balance.headroom(index) or 0)
                tight.append(Tight(scope, index, min(MOST, free // amounts[index])))
    return min(tight, key=lambda each: each.sets, default=None)


def free_on_nodes(account: AccountSnapshot) -> list[Free]:
    """Return what is free on each node that counts."""
    found = []
    for name, node in account.nodes.items():
        if name not in account.excused:
            held, group = account.held.get(name, NOTHING), account.tallies.nodes.get(name)
            most, pods = node.info.most_pods, len(group) if group else 0
            room = node.info.room
            found.append(
                Free(
                    max(0, room.memory - held.memory_requests),
                    max(0, room.cpu - held.cpu_requests),
                    None if most is None else max(0, most - pods),
                )
            )
    return found


def by_nodes(nodes: Iterable[Free], portions: Sequence[Portion]) -> int:
    """Return how many whole sets nodes can hold, each pod where the most memory is free; at most `MOST`.

    Where pods may go is left aside: all nodes are taken to admit them. A question that takes too long, because its sets
    have very many pods, is answered by the sets that were placed until then.
    """
    heap = [(-free.memory, free.cpu, -1 if free.pods is None else free.pods) for free in nodes]
    heapify(heap)
    kinds = [(p.pod.footprint.memory_requests, p.pod.footprint.cpu_requests, p.number) for p in portions]
    kinds.sort(reverse=True)
    if len(kinds) == 1:
        return _alone(heap, kinds[0])
    least_cpu = min((cpu for _, cpu, _ in kinds), default=0)
    left = _MOST_STEPS
    for sets in range(MOST):
        for memory, cpu, number in kinds:
            for _ in range(number):
                looked_at = _put(heap, memory, cpu, least_cpu)
                left -= looked_at
                if not looked_at or left < 0:
                    return sets
    return MOST


def _alone(heap: Iterable[tuple[int, int, int]], kind: tuple[int, int, int]) -> int:
    """Return the sets of one kind of pod: each node holds what it holds, whatever is on the others."""
    memory, cpu, number = kind
    total = 0
    for free, free_cpu, places in heap:
        fits = [MOST * number]
        fits += [-free // memory] if memory else []
        fits += [free_cpu // cpu] if cpu else []
        fits += [places] if places >= 0 else []
        total += min(fits)
    return min(MOST, total // number)


def _put(heap: _Heap, memory: int, cpu: int, least_cpu: int) -> int:
    """Put one pod on the node with the most free memory that can hold it.

    Return how many nodes were looked at, 0 if none can hold it. Nodes that can hold no pod at all leave the heap.
    """
    passed: _Heap = []
    looked_at = 0
    while heap and -heap[0][0] >= memory:
        looked_at += 1
        if _holds(heap[0], memory, cpu):  # as a rule
            heapreplace(heap, _less(heap[0], memory, cpu))
            break
        passed.append(heappop(heap))
    else:
        looked_at = 0
    for node in passed:
        if _holds(node, 0, least_cpu):
            heappush(heap, node)
    return looked_at


def _holds(node: tuple[int, int, int], memory: int, cpu: int) -> bool:
    return -node[0] >= memory and node[1] >= cpu and node[2] != 0


def _less(node: tuple[int, int, int], memory: int, cpu: int) -> tuple[int, int, int]:
    return node[0] + memory, node[1] - cpu, node[2] - 1 if node[2] > 0 else node[2]
