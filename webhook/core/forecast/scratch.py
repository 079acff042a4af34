"""The scratch ledger: a copy of the account in which anything may be tried, judged by the code of the webhook.

    snapshot ──► the same nodes, with their past
             ──► one pod for all that the pods of a node hold
             ──► the unbound pods, as they are
             ──► one grant for what is granted and not there yet

It is made from a snapshot, so it takes no lock, and its cost depends on the number of nodes and unbound pods, not on
that of all pods: some 10 ms for 5,000 nodes.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Node
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

_OF = "~"  # begins the names of pods that stand for others; no namespace of Kubernetes does
NONE: Mapping[str, Amounts] = MappingProxyType({})


def scratch(account: AccountSnapshot, elsewhere: Mapping[str, Amounts] = NONE) -> Ledger:
    """Return a ledger with the balances of a snapshot; `elsewhere` has by scope what other replicas granted."""
    ledger = Ledger(account.accounting)
    ledger.adopt_nodes(account.nodes.values(), account.now)
    for pod in _bound(account.held):
        ledger.see(pod)
    for pod in unbound(account):
        ledger.see(pod)
    for pod in _granted(account, elsewhere):
        ledger.grant(pod, account.now)
    return ledger


def scratch_with(account: AccountSnapshot, nodes: Iterable[Node], accounting: AccountingRules | None = None) -> Ledger:
    """Return a ledger with other nodes or under other rules; the pods of nodes that are not among these are gone.

    What is granted and not there yet is left out: it is a matter of seconds, and the question is about days.
    """
    ledger = Ledger(account.accounting)
    kept = list(nodes)
    ledger.adopt_nodes(kept, account.now)
    if accounting is not None:
        ledger.configure(accounting, account.now)
    names = {node.info.name for node in kept}
    for pod in _bound({name: held for name, held in account.held.items() if name in names}):
        ledger.see(pod)
    for pod in unbound(account):
        ledger.see(pod)
    return ledger


def unbound(account: AccountSnapshot) -> Iterator[PodInfo]:
    """Yield the pods that wait for a node."""
    group = account.tallies.nodes.get("")
    for name, entry in group.items() if group else ():
        if isinstance(entry, Unbound):
            yield PodInfo(
                name,
                entry.uid,
                1,
                entry.footprint,
                confined_to=entry.confined_to,
                priority_class=entry.priority_class,
                of_daemon_set=entry.of_daemon_set,
            )


def pods_on(account: AccountSnapshot, node: str) -> Iterator[tuple[str, Entry]]:
    """Yield the pods that are bound to a node, with their names."""
    group = account.tallies.nodes.get(node)
    yield from group.items() if group else ()


def _bound(held: Mapping[str, Amounts]) -> Iterator[PodInfo]:
    for node, amounts in held.items():
        if node:
            yield PodInfo(f"{_OF}{node}/pods", f"{_OF}{node}", 1, amounts, node)


def _granted(account: AccountSnapshot, elsewhere: Mapping[str, Amounts]) -> Iterator[PodInfo]:
    """Yield one pod for each scope, for all that is granted there: those of pools count in the cluster as well."""
    rest = NOTHING
    for each in reversed(account.scopes):
        scope = each.balance.scope
        granted = each.balance.unseen.plus(elsewhere.get(scope, NOTHING))
        if scope == CLUSTER:
            granted = granted.beyond(rest)
        else:
            rest = rest.plus(granted)
        if granted != NOTHING:
            pool = next((pool for pool in account.accounting.config.pools if pool.name == scope), None)
            ways = (Way(tuple(sorted(pool.node_selector.items()))),) if pool else ()
            yield PodInfo(f"{_OF}granted/{scope}", f"{_OF}{scope}", 0, granted, confined_to=ways)
