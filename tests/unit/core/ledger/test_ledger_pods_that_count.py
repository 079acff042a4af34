"""How many pods count: those that are in the cluster's sums, however nodes and pods came and changed."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.support.accounts import committed, ledger, node, pod
from webhook.core.ledger.ledger import Ledger

NAMES = ("a", "b", "c")
nodes = st.builds(
    lambda name, cordoned, taints: node(
        name,
        64,
        cordoned=cordoned,
        taints=frozenset({"node-role.kubernetes.io/control-plane"}) if taints else frozenset(),
    ),
    st.sampled_from(NAMES),
    st.booleans(),
    st.booleans(),
)
pods = st.builds(
    lambda number, at, gone, size: (pod(f"p{number}", size, at), gone),
    st.integers(0, 5),
    st.sampled_from(["", *NAMES, "unknown"]),
    st.booleans(),
    st.sampled_from([1, 999]),
)
POLICY = "overrides: [{namespaces: [default], mode: warn}]"


@given(st.lists(nodes | pods, max_size=14))
def test_those_count_whose_footprint_is_in_the_sum(events: list[object]) -> None:
    """Each pod of 1Gi that counts adds that to the sum; one of 999Gi stands apart until it is bound."""
    of = ledger(POLICY, *(node(name, 64) for name in NAMES))
    for revision, event in enumerate(events, 2):
        if isinstance(event, tuple):
            info, gone = event
            info = structs.replace(info, revision=revision)
            of.gone(info) if gone else of.see(info)
        else:
            of.see_node(event, float(revision))  # type: ignore[arg-type]
    assert of.pods_that_count() == _counted(of)


def _counted(of: Ledger) -> int:
    entries = [entry for number in range(6) if (entry := of.get(f"default/p{number}")) is not None]
    held = [e for e in entries if e.node not in NAMES or of.capacity.counts(e.node)]
    return sum(
        bool(e.node) or e.footprint.memory_requests < 100 << 30 or not any(map(of.capacity.counts, NAMES)) for e in held
    )


def test_a_node_of_which_the_reserve_pays_for_the_loss_keeps_its_pods_in_the_count() -> None:
    of = ledger("reserve: {nodes: 1}", node("a", 8), node("b", 8))
    for name in ("a", "b"):
        of.see(pod(name, 1, name))
    for cordoned, left in ((False, 2), (True, 2)):
        of.see_node(node("a", 8, cordoned=cordoned), 1.0)
        assert (of.pods_that_count(), committed(of)) == (left, left)
    of.see_node(node("b", 8, cordoned=True), 1.0)
    assert of.pods_that_count() == 0
