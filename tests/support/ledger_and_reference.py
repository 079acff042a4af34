"""The ledger and its reference (reference_ledger.py), driven by the same steps and compared."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from msgspec import structs

from tests.support.reference_ledger import SUMS, ReferenceLedger
from tests.support.reference_report import compare
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.duration import Duration
from webhook.core.config.names import NamespacePattern
from webhook.core.config.percentage import Share
from webhook.core.config.types import (
    Exempt,
    MissingLimits,
    Mode,
    Nodes,
    Override,
    PoolConfig,
    Reserve,
    Sums,
    Thresholds,
)
from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Before
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.recount import recount
from webhook.core.ledger.reservations import Named
from webhook.core.ledger.rules import AccountingRules
from webhook.core.ledger.traits import BARE, Traits
from webhook.core.pods.confinement import NAME, Need, Way, Ways
from webhook.core.reporting.memo import Memo
from webhook.core.reporting.report import Report
from webhook.core.values.amounts import Amounts

shares = st.none() | st.builds(Share, st.sampled_from([33_333, 75_000, 100_000, 150_000]))

thresholds = st.builds(
    Thresholds, memory=st.builds(Sums, requests=shares, limits=shares), cpu=st.builds(Sums, requests=shares)
)

reserves = st.builds(Reserve, nodes=st.integers(0, 3))

durations = st.builds(Duration, st.sampled_from([0, 1000, 10_000]))

selectors = st.sampled_from([{"zone": "a"}, {"zone": "b"}, {"zone": "a", "big": "yes"}])

pools = st.lists(
    st.builds(
        PoolConfig,
        name=st.sampled_from(["one", "two", "three"]),
        node_selector=selectors,
        thresholds=thresholds,
        reserve=st.none() | reserves,
    ),
    max_size=3,
    unique_by=lambda pool: pool.name,
)

places = st.sampled_from([frozenset(), frozenset({NamespacePattern("free")}), frozenset({NamespacePattern("*")})])

exemptions = st.builds(
    Exempt,
    namespaces=places,
    priority_classes=st.just(frozenset({"vital"})),
    priority_class_namespaces=places,
    daemon_sets=places,
    system_pods=places,
)

overrides = st.builds(
    Override, namespaces=st.just(frozenset({NamespacePattern("free")})), mode=st.none() | st.sampled_from(Mode)
)

configs = st.builds(
    HeadroomConfig,
    mode=st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, *Mode]),
    exempt=exemptions,
    overrides=st.lists(overrides, max_size=2).map(tuple),
    thresholds=thresholds,
    reserve=reserves,
    missing_limits=st.sampled_from([MissingLimits.COUNT_REQUEST, MissingLimits.IGNORE]),
    nodes=st.builds(
        Nodes, exclude_taints=st.just(frozenset({"master"})), not_ready_grace=durations, forget_deleted_after=durations
    ),
    pools=pools.map(tuple),
)

footprints = st.builds(Amounts, *[st.integers(0, 12)] * SUMS)

labels = st.sampled_from([(), (("zone", "a"),), (("zone", "b"),), (("big", "yes"), ("zone", "a"))])

node_labels = labels | st.just((("big", "7"), ("zone", "b")))

needs = st.sampled_from(
    [
        Need("zone", "In", ("a", "nowhere")),
        Need("zone", "In", ("a", "b")),
        Need("zone", "NotIn", ("a",)),
        Need("zone", "NotIn", ("nowhere",)),
        Need("big", "Exists"),
        Need("big", "DoesNotExist"),
        Need("big", "Gt", ("6",)),
        Need("big", "Lt", ("7",)),
        Need(NAME, "NotIn", ("n1",)),
    ]
)

node_names = st.sampled_from(["n1", "n2", "n3", "n4"])

named = st.sampled_from([(), (), ("n1",), ("n2",), ("n1", "n3")])

confinements = st.lists(
    st.builds(Way, labels, named, st.lists(needs, max_size=2, unique=True).map(tuple)), max_size=2, unique=True
).map(tuple)

traits = st.builds(
    Traits,
    workload=st.sampled_from([BARE, ("Deployment", "web"), ("CronJob", "night")]),
    unbounded=st.integers(0, 2),
    static=st.integers(0, 4).map(lambda drawn: drawn == 4),
)

pods = st.builds(
    PodInfo,
    name=st.sampled_from([f"{('default', 'free', 'kube-system')[number % 3]}/p{number}" for number in range(6)]),
    uid=st.sampled_from(["u1", "u2", "u3"]),
    revision=st.just(1),
    footprint=footprints,
    node=st.just("") | node_names | st.just("stranger"),
    counts=st.integers(0, 5).map(bool),
    confined_to=confinements,
    priority_class=st.sampled_from(["", "vital", "system-node-critical"]),
    of_daemon_set=st.booleans(),
    host_network=st.booleans(),
    traits=traits,
    created=st.sampled_from(["", "2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z"]),
)

nodes = st.builds(
    NodeInfo,
    name=node_names,
    room=st.builds(Allocatable, st.integers(0, 30) | st.integers(6, 12), st.integers(0, 30) | st.integers(6, 12)),
    ready=st.integers(0, 3).map(bool),
    cordoned=st.integers(0, 3).map(lambda drawn: drawn == 3),
    repelling_taints=st.sampled_from([frozenset(), frozenset(), frozenset({"master"}), frozenset({"other"})]),
    labels=node_labels,
)


def _shown(report: Report) -> object:
    return report.commitment(), report.nodes(), report.namespaces(), report.workloads(), tuple(report.pods())


class LedgerAndReference(RuleBasedStateMachine):
    """Gives both the same events. It favours pods already seen when it changes, deletes and grants again."""

    seen = Bundle("seen")
    granted = Bundle("granted")

    def __init__(self) -> None:
        super().__init__()
        config = HeadroomConfig()
        self.ledger, self.reference = Ledger(AccountingRules(config)), ReferenceLedger(config)
        self.revision = 1
        self.birth = ""
        self.memo = Memo()
        self.held: tuple[AccountSnapshot, object] | None = None

    def _newer(self, pod: PodInfo) -> PodInfo:
        self.revision += 1
        waits = (pod.confined_to, False, pod.priority_class, pod.of_daemon_set)
        newer = PodInfo(
            pod.name, pod.uid, self.revision, pod.footprint, pod.node, pod.counts, *(() if pod.node else waits)
        )
        there = pod.host_network and not pod.node
        return structs.replace(newer, traits=pod.traits, created=pod.created, host_network=there)

    @rule(target=seen, pod=pods)
    def see(self, pod: PodInfo) -> PodInfo:
        newer = self._newer(pod)
        self.ledger.see(newer)
        self.reference.see(newer)
        return pod

    @rule(pod=seen, node=node_names)
    def bind(self, pod: PodInfo, node: str) -> None:
        bound = PodInfo(pod.name, pod.uid, pod.revision, pod.footprint, node)
        self.see(structs.replace(bound, traits=pod.traits, created=pod.created))

    @rule(target=seen, pod=pods | seen, memory=st.sampled_from([1, 13, 31]))
    def wait_for_a_node(self, pod: PodInfo, memory: int) -> PodInfo:
        """Show a pod that may go anywhere, with a size that many nodes can hold, or few, or none."""
        waits = ("", True, (), False, pod.priority_class, pod.of_daemon_set)
        large = PodInfo(pod.name, pod.uid, 1, Amounts(memory, cpu_requests=pod.footprint.cpu_requests), *waits)
        self.see(large)
        return large

    @rule(pod=consumes(seen))
    def delete(self, pod: PodInfo) -> None:
        newer = self._newer(pod)
        self.ledger.gone(newer)
        self.reference.gone(newer)

    @rule(listed=st.lists(pods, max_size=6, unique_by=lambda pod: pod.name))
    def relist(self, listed: list[PodInfo]) -> None:
        newer = [self._newer(pod) for pod in listed]
        self.ledger.relist(newer, self.revision)
        self.reference.relist(newer)

    @rule(target=granted, pod=pods | seen)
    def grant(self, pod: PodInfo) -> PodInfo:
        self.ledger.grant(pod, self.reference.now)
        self.reference.grant(pod)
        return pod

    @rule(target=granted, pod=seen, node=node_names)
    def create_again(self, pod: PodInfo, node: str) -> PodInfo:
        """Grant a new pod of the same name while the old one is still on its node, as a StatefulSet does."""
        self.see(PodInfo(pod.name, "old", 1, pod.footprint, node))
        new = PodInfo(pod.name, "new", 1, pod.footprint, confined_to=pod.confined_to)
        self.grant(new)
        return new

    @rule(target=granted, pod=seen, wanted=footprints, ago=st.integers(0, 2))
    def resize(self, pod: PodInfo, wanted: Amounts, ago: int) -> PodInfo:
        """Grant a resize; the object under review may be older or newer than the pod in the view."""
        before = Before(max(1, self.revision + 1 - ago), pod.footprint)
        grown = PodInfo(pod.name, pod.uid, before.revision, wanted, pod.node, before=before)
        self.grant(grown)
        return grown

    @rule(target=granted, pod=seen, confined_to=confinements, ago=st.integers(0, 2))
    def confine(self, pod: PodInfo, confined_to: Ways, ago: int) -> PodInfo:
        """Change where an unbound pod may run, as for a gated pod; here the new choice need not be narrower."""
        before = Before(max(1, self.revision + 1 - ago), pod.footprint, str(hash(confined_to)))
        moved = PodInfo(
            pod.name,
            pod.uid,
            before.revision,
            pod.footprint,
            confined_to=confined_to,
            before=before,
            was_confined_to=() if pod.node else pod.confined_to,
        )
        self.grant(moved)
        return moved

    @rule(target=granted, pod=seen, node=node_names)
    def review_a_binding(self, pod: PodInfo, node: str) -> PodInfo:
        before = Before(0, pod.footprint, f">{node}", binds=True)
        was = () if pod.node else pod.confined_to
        bound = PodInfo(pod.name, pod.uid, 0, pod.footprint, node, before=before, was_confined_to=was)
        self.grant(bound)
        return bound

    @rule(pod=granted)
    def grant_comes(self, pod: PodInfo) -> None:
        self.see(pod)

    @rule(pod=consumes(granted))
    def retire(self, pod: PodInfo) -> None:
        self.ledger.reservations.retire(self._granted(pod))
        self.reference.retire(pod.name, pod.uid)

    @rule(pod=granted)
    def lapse(self, pod: PodInfo) -> None:
        self.ledger.reservations.void([named for named in self._granted(pod) if named[1].is_open])
        self.reference.settle(pod.name, pod.uid)

    def _granted(self, pod: PodInfo) -> list[Named]:
        return [(name, r) for name, r in self.ledger.reservations if (name, r.uid) == (pod.name, pod.uid)]

    @rule(birth=st.sampled_from(["2026-11-02T00:00:00Z", "2026-11-04T00:00:00Z"]))
    def hear_of_the_birth(self, birth: str) -> None:
        self.ledger.born(birth)
        self.birth = min(self.birth or birth, birth)

    @rule()
    def take_a_report(self) -> None:
        """Hold a report while events go on: what it shows must not change."""
        account = self.ledger.account(self.reference.now)
        self.held = account, _shown(Report(account))

    @rule(node=nodes)
    def see_node(self, node: NodeInfo) -> None:
        self.ledger.see_node(node, self.reference.now)
        self.reference.see_node(node)

    @rule(name=node_names)
    def node_fails(self, name: str) -> None:
        known = self.reference.nodes.get(name)
        if known is not None:
            self.see_node(replace(known.info, ready=False))

    @rule(name=node_names)
    def delete_node(self, name: str) -> None:
        self.ledger.node_gone(name, self.reference.now)
        self.reference.node_gone(name)

    @initialize(listed=st.lists(nodes, max_size=2, unique_by=lambda node: node.name))
    def begin_with_nodes(self, listed: list[NodeInfo]) -> None:
        self.relist_nodes(listed)

    @rule(listed=st.lists(nodes, max_size=4, unique_by=lambda node: node.name))
    def relist_nodes(self, listed: list[NodeInfo]) -> None:
        self.ledger.relist_nodes(listed, self.reference.now)
        self.reference.relist_nodes(listed)

    @rule(config=configs)
    def configure(self, config: HeadroomConfig) -> None:
        self.ledger.configure(AccountingRules(config), self.reference.now)
        self.reference.configure(config)

    @rule(mode=st.sampled_from(Mode), exempt=exemptions)
    def change_the_policy(self, mode: Mode, exempt: Exempt) -> None:
        self.configure(structs.replace(self.reference.config, mode=mode, exempt=exempt))

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.reference.now += seconds

    @invariant()
    def every_figure_is_what_the_twin_counts(self) -> None:
        self.ledger.tick(self.reference.now)
        self.reference.tick()
        for scope in self.reference.scopes:
            balance = self.ledger.balance(scope)
            reserved = self.ledger.reservations
            assert list(balance.committed) == self.reference.committed(scope), scope
            waiting = (self.ledger.pending()[scope], *balance.stuck)
            assert tuple(map(list, waiting)) == self.reference.waiting(scope), scope
            assert list(balance.unseen) == self.reference.unseen(scope), scope
            assert list(reserved.open(scope)) == self.reference.open(scope), scope
            assert list(reserved.unretired(scope)) == self.reference.unretired(scope), scope
            limits = balance.scope_limits
            assert limits.room == self.reference.room(scope), scope
            assert [bool(kept) for kept in limits.reserve] == list(map(bool, self.reference.reserve(scope))), scope
            assert list(limits.bound) == self.reference.bound(scope), scope
        assert len(self.ledger) == len(self.reference.pods)

    @invariant()
    def every_row_is_what_the_twin_counts(self) -> None:
        account = self.ledger.account(self.reference.now)
        made, kept = Report(account), Report(account, memo=self.memo)
        compare(made, self.reference, self.birth)
        compare(kept, self.reference, self.birth)
        assert kept.nodes() == made.nodes()
        assert kept.commitment() == made.commitment()

    @invariant()
    def a_report_that_was_taken_does_not_change(self) -> None:
        if self.held is not None:
            account, shown = self.held
            assert _shown(Report(account)) == shown

    @invariant()
    def a_recount_finds_no_drift(self) -> None:
        assert recount(self.ledger.parts(self.reference.now)) == ()
