"""Uncounted: which part of the memory requests does not count, pod by pod, so that all parts come to what counts.

The pods of a node that does not count are taken out of the sums, up to the node's own share of the bound; those of a
cordoned node only as far as no reserve pays for it (core/ledger/ledger.py). So a node may take out less than its pods
request. Then each of its pods has its part of that, in proportion to its requests and in whole bytes.
"""

from collections.abc import Iterator, Sequence

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.tallies import Group
from webhook.core.values.scopes import CLUSTER


def of_nodes(account: AccountSnapshot) -> dict[str, int]:
    """Return what each node takes out of the cluster's memory requests, in bytes, where that is not 0."""
    excused = {node: by_scope[CLUSTER].memory_requests for node, by_scope in account.excused.items()}
    leaving = sorted(account.leaving)
    unpaid = split(account.unpaid.memory_requests, [excused[node] for node in leaving])
    taken = {**excused, **dict(zip(leaving, unpaid, strict=True))}
    return {node: amount for node, amount in taken.items() if amount}


def of_pods(taken: int, held: int, group: Group) -> Iterator[tuple[str, Entry, int]]:
    """Yield the pods of a node with the part of each; the node takes out `taken` of the `held` that they request."""
    if taken == held:
        for name, pod in group.items():
            yield name, pod, pod.footprint.memory_requests
        return
    pods = sorted(group.items())  # so that every replica comes to the same parts
    parts = split(taken, [pod.footprint.memory_requests for _, pod in pods])
    for (name, pod), part in zip(pods, parts, strict=True):
        yield name, pod, part


def apart(account: AccountSnapshot) -> dict[str, Unbound]:
    """Return the unbound pods that stand apart: no node can hold them, and policy lets them in."""
    stuck = {(each.confined_to, each.footprint) for each in account.unbound if not each.holdable}
    waiting = account.tallies.nodes.get("")
    if not stuck or waiting is None:
        return {}
    lets_in = account.accounting.lets_in
    return {
        name: pod
        for name, pod in waiting.items()
        if isinstance(pod, Unbound)
        and (pod.confined_to, pod.footprint) in stuck
        and lets_in(name, pod.priority_class, of_daemon_set=pod.of_daemon_set, host_network=pod.host_network)
    }


def split(total: int, weights: Sequence[int]) -> list[int]:
    """Split a total in proportion to weights, into whole numbers that come to it and of which none is past its weight.

    The total must not be larger than all weights together.
    """
    parts, passed, given, whole = [], 0, 0, sum(weights)
    for weight in weights:
        passed += weight
        until = total * passed // whole if whole else 0
        parts.append(until - given)
        given = until
    return parts
