"""A plain reference for the ledger: it remembers everything, keeps no running sums, and counts from the definitions.

It shares no arithmetic with the ledger: its vectors are lists, and it works out each figure when a test asks for it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.names import NamespacePattern
from webhook.core.config.percentage import Share
from webhook.core.config.types import MissingLimits, Thresholds
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import UNBORN
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.pods.confinement import Way

SUMS = 8  # memory, then cpu; for each of them: requests, limits, limits filled, unbounded
Vector = list[int]
LOST = ("deleted", "not ready")


@dataclass
class TwinNode:
    """A node as the watch showed it last, and the part of its history that matters."""

    info: NodeInfo
    not_ready_since: float | None
    deleted_at: float | None = None
    state: str | None = "unknown"  # why it did not count at the last event; None: it counted
    holding: Vector | None = None  # what its pods held when it was lost, if new pods were kept away from it before
    lost_at: float = 0.0  # when it was last lost
    first_counted: float | None = None  # minus infinity if the first list had it


@dataclass
class Grant:
    """A reservation, and whether it is settled."""

    name: str
    uid: str
    footprint: Vector
    pool: str | None
    before: Vector  # for a change: the footprint of the object under review
    elsewhere: bool  # True if that footprint was not charged to the pool
    after: int  # the revision of that object: only a later event settles the reservation
    move: str  # distinguishes changes of where a pod may run
    binds: bool  # True: only a pod that is bound, or gone, settles the reservation
    settled: bool = False


@dataclass
class ReferenceLedger:
    """All events so far, and the time."""

    config: HeadroomConfig
    now: float = 0.0
    pods: dict[str, PodInfo] = field(default_factory=dict)
    nodes: dict[str, TwinNode] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    listed: bool = False

    # -- events --------------------------------------------------------------------------------------------------------

    def see(self, pod: PodInfo) -> None:
        self.settle(pod.name, pod.uid, pod.revision, waits=pod.counts and not pod.node)
        if pod.counts:
            self.pods[pod.name] = pod
        else:
            self.pods.pop(pod.name, None)

    def gone(self, pod: PodInfo) -> None:
        self.settle(pod.name, pod.uid, pod.revision)
        if pod.name in self.pods and self.pods[pod.name].uid == pod.uid:
            del self.pods[pod.name]

    def relist(self, pods: Iterable[PodInfo]) -> None:
        self.pods = {}
        for pod in pods:
            self.see(pod)
        for name, node in self.nodes.items():
            if node.state in LOST and node.holding is not None:
                node.holding = [max(pair) for pair in zip(node.holding, self._held(name), strict=True)]

    def see_node(self, info: NodeInfo) -> None:
        before = self.nodes.get(info.name)
        if info.ready:
            since = None
        elif before is None or before.deleted_at is not None:
            since = float("-inf")
        else:
            since = self.now if before.not_ready_since is None else before.not_ready_since
        node = before or TwinNode(info, since)
        node.info, node.not_ready_since, node.deleted_at = info, since, None
        self.nodes[info.name] = node

    def node_gone(self, name: str) -> None:
        if name in self.nodes and self.nodes[name].deleted_at is None:
            self.nodes[name].deleted_at = self.now

    def relist_nodes(self, nodes: list[NodeInfo]) -> None:
        for name in self.nodes.keys() - {info.name for info in nodes}:
            self.node_gone(name)
        for info in nodes:
            self.see_node(info)
        if not self.listed:
            self.listed = True
            for node in self.nodes.values():
                node.first_counted = float("-inf")

    def configure(self, config: HeadroomConfig) -> None:
        self.config = config
        self.tick(joins=False)

    def tick(self, *, joins: bool = True) -> None:
        keep = self.config.nodes.forget_deleted_after.seconds
        for name, node in list(self.nodes.items()):
            if node.deleted_at is not None and self.now >= node.deleted_at + keep:
                del self.nodes[name]
        for name, node in self.nodes.items():
            before, node.state = node.state, self._lost(node)
            if node.state is None and node.first_counted is None:
                node.first_counted = self.now if joins else float("-inf")
            if node.state not in LOST:
                node.holding = None
            elif before not in LOST:
                node.lost_at = self.now
                node.holding = None if before in (None, "cordoned") else self._held(name)

    def grant(self, pod: PodInfo) -> None:
        pool = self._pool_of_pod(pod)
        before, after, wanted = list(pod.before.footprint), pod.before.revision, list(pod.footprint)
        elsewhere = pod.was_confined_to is not None and self.pool_of_confinement(pod.was_confined_to) != pool
        for known in self.grants:  # the pod of an earlier answer about this change does not come; it is not retired
            same = (known.name, known.uid, known.after, known.move) == (pod.name, pod.uid, after, pod.before.move)
            if same and (pod.before == UNBORN or known.footprint == wanted):
                known.settled = True
        grant = Grant(pod.name, pod.uid, wanted, pool, before, elsewhere, after, pod.before.move, pod.before.binds)
        self.grants.append(grant)

    def retire(self, name: str, uid: str) -> None:
        self.grants = [g for g in self.grants if (g.name, g.uid) != (name, uid)]

    def settle(self, name: str, uid: str, revision: float = float("inf"), *, waits: bool = False) -> None:
        for grant in self.grants:
            if (grant.name, grant.uid) == (name, uid) and revision > grant.after and not (waits and grant.binds):
                grant.settled = True

    # -- figures -------------------------------------------------------------------------------------------------------

    @property
    def scopes(self) -> list[str]:
        return ["cluster", *(pool.name for pool in self.config.pools)]

    def committed(self, scope: str) -> Vector:
        """Sum what lives in the scope, without what stands apart and without what nodes that do not count take out.

        Together, the cordoned nodes take out no more than their cordons took out of the bound.
        """
        total, cordoned = [0] * SUMS, [0] * SUMS
        for pod in self.pods.values():
            if scope in ("cluster", self._pool_of_pod(pod)) and not self._stands_apart(pod):
                total = _add(total, list(pod.footprint))
        for node in self._in(scope):
            if self._lost(node) == "cordoned":
                cordoned = _add(cordoned, self._excused(node.info.name, node, scope))
            elif self._lost(node) is not None:
                total = _subtract(total, self._excused(node.info.name, node, scope))
        low, high = self.bound(scope), self.bound(scope, cordons=False)
        taken = [c if a is None or b is None else min(c, b - a) for c, a, b in zip(cordoned, low, high, strict=True)]
        return _subtract(total, taken)

    def waiting(self, scope: str) -> tuple[Vector, Vector, Vector]:
        """Sum what counts and is not bound yet, the part of it that no node can hold, and what stands apart."""
        pending, unplaceable, apart = [0] * SUMS, [0] * SUMS, [0] * SUMS
        for pod in self.pods.values():
            if pod.node or scope not in ("cluster", self._pool_of_pod(pod)):
                continue
            if self._stands_apart(pod):
                apart = _add(apart, list(pod.footprint))
                continue
            pending = _add(pending, list(pod.footprint))
            if not self._holdable(pod):
                unplaceable = _add(unplaceable, list(pod.footprint))
        return pending, unplaceable, apart

    def room(self, scope: str, *, cordons: bool = True) -> tuple[int, int]:
        out = {None} if cordons else {None, "cordoned"}
        rooms = [n.info.room for n in self._in(scope) if self._lost(n) in out]
        return sum(r.memory for r in rooms), sum(r.cpu for r in rooms)

    def reserve(self, scope: str, *, cordons: bool = True) -> list[Fraction]:
        """Return, for each sum in its unit, the k largest losses of nodes (possible or actual), less what is out."""
        pools = {pool.name: pool.reserve for pool in self.config.pools}
        largest = (pools.get(scope) or self.config.reserve).nodes
        kept = []
        for index, share in enumerate(self._shares(scope)):
            nodes = self._in(scope) if share else []
            sizes = sorted((self._size(node, share, index) for node in nodes), reverse=True)
            planned = [self._size(node, share, index) for node in nodes if self._lost(node) == "cordoned"]
            out = self._debt(nodes, share, index) + (sum(planned) if cordons else 0)
            kept.append(max(Fraction(0), sum(sizes[:largest], Fraction(0)) - out))
        return kept

    def _debt(self, nodes: list[TwinNode], share: Share | None, index: int) -> Fraction:
        """Return what was lost and is not yet replaced by nodes that joined later."""
        lost = [node for node in nodes if self._lost(node) in LOST]
        came = [node for node in nodes if node.first_counted is not None]
        debt = Fraction(0)
        for moment in sorted({n.lost_at for n in lost} | {n.first_counted or 0.0 for n in came}):
            debt += sum(self._size(node, share, index) for node in lost if node.lost_at == moment)
            news = sum(_part(share, n.info.room[index // 4]) for n in came if n.first_counted == moment)
            debt = max(Fraction(0), debt - news)
        return debt

    def bound(self, scope: str, *, cordons: bool = True) -> list[int | None]:
        room, kept = self.room(scope, cordons=cordons), self.reserve(scope, cordons=cordons)
        return [
            None if share is None else floor(max(Fraction(0), _part(share, room[index // 4]) - kept[index]))
            for index, share in enumerate(self._shares(scope))
        ]

    def unseen(self, scope: str) -> Vector:
        """Sum what may still come, beyond what lives under the same name and certainly counts."""
        total = [0] * SUMS
        for name in {grant.name for grant in self.grants}:
            total = _add(total, self._way(name, scope, self._live(name, scope), only_open=True))
        return total

    def open(self, scope: str) -> Vector:
        total = [0] * SUMS
        for name in {grant.name for grant in self.grants}:
            total = _add(total, self._way(name, scope, [0] * SUMS, only_open=True))
        return total

    def unretired(self, scope: str) -> Vector:
        total = [0] * SUMS
        for name in {grant.name for grant in self.grants}:
            total = _add(total, self._way(name, scope, [0] * SUMS, only_open=False))
        return total

    def _way(self, name: str, scope: str, live: Vector, *, only_open: bool) -> Vector:
        """Return the way from the least of a name's pods before their grants (0, or what lives) to the most after."""
        found = [g for g in self.grants if g.name == name and scope in ("cluster", g.pool)]
        found = [g for g in found if not (only_open and g.settled)]
        way = [0] * SUMS
        for index in range(SUMS if found else 0):
            before = {id(g): 0 if g.elsewhere and scope != "cluster" else g.before[index] for g in found}
            raising = [g for g in found if g.footprint[index] > before[id(g)]]
            least = min((before[id(g)] for g in raising), default=0)
            most = max((g.footprint[index] for g in raising), default=0)
            way[index] = max(0, most - max(least, live[index]))
        return way

    def _live(self, name: str, scope: str) -> Vector:
        pod = self.pods.get(name)
        if pod is None or scope not in ("cluster", self._pool_of_pod(pod)) or self._stands_apart(pod):
            return [0] * SUMS
        node = self.nodes.get(pod.node)
        return [0] * SUMS if node is not None and self._lost(node) is not None else list(pod.footprint)

    def _excused(self, name: str, node: TwinNode, scope: str) -> Vector:
        """Return what a node takes out: what its pods hold, but no more than the node took out of the bound."""
        held = self._held(name)
        for index, share in enumerate(self._shares(scope)):
            room = node.info.room[index // 4]
            held[index] = min(held[index], room if share is None else room * share.thousandths // 100_000)
        return held

    def _size(self, node: TwinNode, share: Share | None, index: int) -> Fraction:
        """Return what the loss of a node costs: its whole part of the bound, or what its pods hold of that.

        The latter holds for a node that new pods were kept away from.
        """
        whole = _part(share, node.info.room[index // 4])
        if self._lost(node) in (None, "cordoned") or (self._lost(node) in LOST and node.holding is None):
            return whole
        held = self._held(node.info.name) if node.holding is None else node.holding
        return Fraction(min(floor(whole), held[index]))

    def _held(self, name: str) -> Vector:
        held = [0] * SUMS
        for pod in self.pods.values():
            if pod.node == name:
                held = _add(held, list(pod.footprint))
        return held

    def _stands_apart(self, pod: PodInfo) -> bool:
        """Say whether the pod is unbound, no node can hold it, and policy lets it in."""
        return not pod.node and not self._holdable(pod) and self._let_in_by_policy(pod)

    def _holdable(self, pod: PodInfo) -> bool:
        memory, cpu = pod.footprint.memory_requests, pod.footprint.cpu_requests
        counted = [node for node in self.nodes.values() if self._lost(node) is None]
        if not counted or (memory, cpu) == (0, 0):
            return True  # without nodes, their size is unknown; and a pod that asks for nothing fits anywhere
        for way in pod.confined_to or (Way(),):
            there = [n for n in self.nodes.values() if n.info.name in way.nodes and n.deleted_at is None]
            for node in there if way.nodes else counted:
                room = node.info.room
                if _admits((way,), node.info) and room.memory >= memory and room.cpu >= cpu:
                    return True
        return False

    def _let_in_by_policy(self, pod: PodInfo) -> bool:
        namespace, exempt = pod.name.split("/")[0], self.config.exempt
        overriding = [o.mode or self.config.mode for o in self.config.overrides if _fits(o.namespaces, namespace)]
        return (
            (overriding or [self.config.mode])[0] != "enforce"
            or _fits(exempt.namespaces, namespace)
            or (pod.priority_class in exempt.priority_classes and _fits(exempt.priority_class_namespaces, namespace))
            or (pod.of_daemon_set and _fits(exempt.daemon_sets, namespace))
        )

    def _lost(self, node: TwinNode) -> str | None:
        settings = self.config.nodes
        if node.deleted_at is not None:
            return "deleted"
        if node.not_ready_since is not None and self.now >= node.not_ready_since + settings.not_ready_grace.seconds:
            return "not ready"
        if settings.exclude_taints & node.info.repelling_taints:
            return "tainted away"
        if node.info.cordoned:
            return "never counted" if node.first_counted is None else "cordoned"
        return None

    def _in(self, scope: str) -> list[TwinNode]:
        return [node for node in self.nodes.values() if scope in ("cluster", self._pool_of_node(node))]

    def _pool_of_node(self, node: TwinNode) -> str | None:
        return self._pool_of_labels(dict(node.info.labels))

    def _pool_of_pod(self, pod: PodInfo) -> str | None:
        if pod.node:
            return self._pool_of_node(self.nodes[pod.node]) if pod.node in self.nodes else None
        return self.pool_of_confinement(pod.confined_to)

    def pool_of_confinement(self, confined_to: tuple[Way, ...]) -> str | None:
        """Look at every node: existing ones decide, else remembered ones; without a single pool, the labels do."""
        admitting = [node for node in self.nodes.values() if _admits(confined_to, node.info)]
        existing = [node for node in admitting if node.deleted_at is None]
        pools = {self._pool_of_node(node) for node in existing or admitting}
        if len(pools) == 1 and pools != {None}:
            return pools.pop()
        implied = {self._pool_of_way(way) for way in confined_to}
        return implied.pop() if len(implied) == 1 else None

    def _pool_of_way(self, way: Way) -> str | None:
        named = {self._pool_of_node(self.nodes[name]) if name in self.nodes else None for name in way.nodes}
        if len(named) == 1 and named != {None}:
            return named.pop()
        return self._pool_of_labels(dict(way.labels))

    def _pool_of_labels(self, labels: dict[str, str]) -> str | None:
        for pool in self.config.pools:
            if all(labels.get(key) == value for key, value in pool.node_selector.items()):
                return pool.name
        return None

    def _shares(self, scope: str) -> list[Share | None]:
        thresholds: Thresholds = self.config.thresholds
        for pool in self.config.pools:
            if pool.name == scope:
                thresholds = pool.thresholds
        shares: list[Share | None] = [None] * SUMS
        declared_only = self.config.missing_limits is MissingLimits.IGNORE
        for first, of in ((0, thresholds.memory), (4, thresholds.cpu)):
            shares[first] = of.requests
            shares[first + (1 if declared_only else 2)] = of.limits
        return shares


def _admits(confined_to: tuple[Way, ...], node: NodeInfo) -> bool:
    """Say whether a node meets all requirements of at least one way."""
    labels = dict(node.labels)

    def met(key: str, operator: str, values: tuple[str, ...]) -> bool:
        value = labels.get(key) if key else node.name
        if operator in ("Exists", "DoesNotExist"):
            return (value is not None) == (operator == "Exists")
        if operator in ("In", "NotIn"):
            return (value in values) == (operator == "In")
        if value is None or not value.isdigit():
            return False
        return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])

    return not confined_to or any(
        all(labels.get(key) == value for key, value in way.labels)
        and (not way.nodes or node.name in way.nodes)
        and all(met(*need) for need in way.needs)
        for way in confined_to
    )


def _fits(patterns: Iterable[NamespacePattern], namespace: str) -> bool:
    return any(re.fullmatch(str(each).replace("*", ".*"), namespace) for each in patterns)


def _part(share: Share | None, amount: int) -> Fraction:
    return Fraction(amount) * (share.thousandths if share else 0) / 100_000


def _add(a: Vector, b: Vector) -> Vector:
    return [x + y for x, y in zip(a, b, strict=True)]


def _subtract(a: Vector, b: Vector) -> Vector:
    return [x - y for x, y in zip(a, b, strict=True)]
