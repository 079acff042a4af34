"""Replicas that a test drives step by step: one node, one bounded sum, one shared object."""

from typing import NamedTuple

from msgspec.structs import replace

from webhook.core.config.parse import parse
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.sharing.allotment import Allotment, Ask, Proposal, Timing
from webhook.core.sharing.credit import Credit, Shares
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import Amounts

CONFIG = "{apiVersion: headroom.internal/v1, kind: HeadroomConfig, thresholds: {memory: {requests: 100%}}}"
TIMING = Timing()


def pod(name: str, size: int = 1, uid: str = "", revision: int = 0) -> PodInfo:
    """Make a pod of `size` bytes; with revision 0 it is the pod in a review, else one that exists."""
    return PodInfo(f"ns/{name}", uid or f"uid-{name}", revision, Amounts(memory_requests=size))


class State(NamedTuple):
    """What etcd holds at one revision."""

    shared: Shared
    written_at: int
    revision: int
    live: dict[str, PodInfo]


class Hand:
    """Some replicas and their shared object, which the first replica has created and opened.

    Without `shares`, credit is unlimited.
    """

    def __init__(self, *names: str, bound: int = 100, shares: Shares | None = None) -> None:
        self.shares = shares
        self.now = 1_000.0
        self.revision = 10
        self.shared: Shared | None = None
        self.written_at = 0  # the revision of the shared object
        self.replicas: dict[str, Allotment] = {}
        self.ledgers: dict[str, Ledger] = {}
        self.live: dict[str, PodInfo] = {}
        self.bound = bound
        for name in names:
            self.start(name)
        self.write(names[0])
        self.write(names[0], fresh=True)
        self.tell()

    def start(self, name: str) -> Allotment:
        """Start a replica whose views are in sync."""
        ledger = self.ledgers[name] = Ledger(AccountingRules(parse(CONFIG)))
        ledger.see_node(NodeInfo("node", Allocatable(self.bound, 0), ready=True), self.now)
        ledger.relist([], self.revision)
        self.replicas[name] = Allotment(name, ledger, TIMING, Credit(ledger, TIMING.lapse, self.shares))
        self.replicas[name].observe(self.shared, self.written_at, self.now)
        return self.replicas[name]

    def send(self, name: str, *pods: PodInfo, fresh: bool = False, leaving: bool = False) -> Proposal:
        """Let a replica make a proposal and begin to send it."""
        asks = [Ask(each) for each in pods]
        allotment = self.replicas[name]
        proposal = allotment.propose(asks, self.now, f"epoch-{self.revision}", fresh=fresh, leaving=leaving)
        allotment.begin(proposal)
        return proposal

    def carry_out(self, proposal: Proposal) -> None:
        """Let a write arrive and succeed; its sender gets no answer yet."""
        self.revision += 1
        self.shared, self.written_at = proposal.shared, self.revision

    def write(self, name: str, *pods: PodInfo, fresh: bool = False, leaving: bool = False) -> Proposal:
        """Let a replica propose and write; other replicas do not see that before `tell`."""
        proposal = self.send(name, *pods, fresh=fresh, leaving=leaving)
        self.carry_out(proposal)
        self.replicas[name].written(self.written_at, self.now)
        return proposal

    def tell(self, *names: str) -> None:
        """Let the watch show the last state of the shared object to replicas (all, if none is named)."""
        for name in names or self.replicas:
            self.replicas[name].observe(self.shared, self.written_at, self.now)

    def come(self, made: PodInfo, *names: str) -> PodInfo:
        """Create a pod, and let the watch show it to replicas (all, if none is named)."""
        self.revision += 1
        live = self.live[made.name] = replace(made, revision=self.revision)
        for name in names or self.replicas:
            self.ledgers[name].see(live)
        return live

    def go(self, live: PodInfo, *names: str) -> None:
        """Delete a pod, and let the watch show that to replicas (all, if none is named)."""
        self.revision += 1
        self.live.pop(live.name, None)
        for name in names or self.replicas:
            self.ledgers[name].gone(replace(live, revision=self.revision))

    def save(self) -> State:
        """Return what etcd holds now, for `put_back`."""
        assert self.shared is not None
        return State(self.shared, self.written_at, self.revision, dict(self.live))

    def put_back(self, state: State) -> None:
        """Restore etcd to a saved state; no replica learns of it from this."""
        self.shared, self.written_at, self.revision = state.shared, state.written_at, state.revision
        self.live = dict(state.live)

    def read(self, name: str) -> None:
        """Let a replica read the current shared object, consistently."""
        allotment = self.replicas[name]
        allotment.observe(self.shared, self.written_at, self.now, known=allotment.newest)

    def relist(self, *names: str) -> None:
        """Let replicas (all, if none is named) list the pods."""
        for name in names or self.replicas:
            self.ledgers[name].relist(list(self.live.values()), self.revision, self.now)
            self.ledgers[name].prove(self.now)

    def prove(self, name: str) -> None:
        """Give a replica a proof that its view is fresh as of now."""
        self.ledgers[name].bookmark(self.revision)
        self.ledgers[name].prove(self.now)

    def renew_all(self, seconds: float) -> None:
        """Let time pass; all replicas renew their allotments and see each other's writes."""
        for _ in range(int(seconds)):
            self.now += 1.0
            for name, allotment in self.replicas.items():
                if allotment.due(self.now):
                    self.write(name)
                    self.tell()
