"""Tables: one unit to a column, figures on the right, and no rounding that hides an overrun."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.rows import GI, commitment, group, line, node, pod, scope
from webhook.core.reporting.tables import (
    UNKNOWN,
    groups_table,
    load_lines,
    memory_column,
    nodes_table,
    percent,
    pods_table,
)
from webhook.core.values.quantity import NANO, nanos


def test_load_lines_have_three_figures_in_one_unit() -> None:
    committed = commitment(
        scope("cluster", line(12 * GI, 18 * GI, granted=GI, pending=2 * GI), line(23 * GI, 24 * GI, threshold=1.0)),
        scope("hm", line(9 * GI, 6 * GI), allocatable=8 * GI),
    )
    assert load_lines(committed, 80) == [
        "cluster  requests  █████████████▓▓▓▓░░░░░░│░░░░░░░  5Gi free  13Gi of 18Gi   75%",
        "         limits    ██████████████████████████████│  1Gi free  23Gi of 24Gi  100%",
        "hm       requests  ████████████████████│██████╎███  3Gi over    9Gi of 6Gi   75%",
    ]


def test_every_load_line_fits_the_width() -> None:
    committed = commitment(scope("a-pool-with-a-long-name", line(1, 3 * GI), cpu_requests=line(500, 2000)))
    for width in (80, 100, 200):
        assert all(len(each) <= width for each in load_lines(committed, width))


def test_an_account_without_thresholds_has_no_load_line() -> None:
    assert load_lines(commitment(), 80) == []


def test_a_column_has_the_unit_of_its_largest_figure() -> None:
    assert memory_column([GI // 2, 3 * GI, None, 0]) == ["0.5Gi", "3Gi", UNKNOWN, "0"]
    assert memory_column([]) == []
    assert memory_column([3]) == ["3 bytes"]


@given(st.lists(st.integers(0, 1 << 50), min_size=1, max_size=8))
def test_committed_is_rounded_up_and_free_down(amounts: list[int]) -> None:
    for amount, up, down in zip(amounts, memory_column(amounts), memory_column(amounts, "down"), strict=True):
        assert _nanos(down) < (amount + 1) * NANO  # a step need not be a whole number of bytes (scale.py)
        assert _nanos(up) > (amount - 1) * NANO


def _nanos(text: str) -> int:
    return nanos(text.removesuffix(" bytes").removesuffix(" byte"))


def test_a_share_is_rounded_up() -> None:
    assert [percent(each) for each in (0.0, 0.501, 0.999, 1.0, 1.1234, None)] == [
        "0%",
        "51%",
        "100%",
        "100%",
        "113%",
        UNKNOWN,
    ]


def test_nodes() -> None:
    rows = [
        node("node-1", 3 * GI, 9 * GI, labels={"topology.kubernetes.io/zone": "a"}),
        node("node-2", counted=False, why_not="cordoned"),
    ]
    assert nodes_table(rows, labels=("topology.kubernetes.io/zone",)).lines() == [
        "NODE    POOL  COUNTS         PODS  REQUESTS   %  LIMITS    %  FREE  ZONE",
        "node-1  -     yes           1/110       3Gi  38     9Gi  113   5Gi  a",
        "node-2  -     no: cordoned  1/110         0   0       0    0   8Gi",
    ]
    assert "CPU REQUESTS" in nodes_table(rows, wide=True).titles
    assert nodes_table([]).lines() == []


def test_namespaces() -> None:
    rows = [
        group("shop", 3 * GI, 4 * GI, memory_share=0.75, unreviewed={"static": 2}),
        group("data", GI, unbounded=1, unbounded_containers=2, pending_pods=1, memory_share=0.25),
        group("mixed", GI, GI, unbounded=1, best_effort_pods=3),
    ]
    assert groups_table(rows, "NAMESPACE").lines() == [
        "NAMESPACE  PODS  REQUESTS  SHARE    LIMITS  NOTE",
        "shop          1       3Gi    75%       4Gi  2 not reviewed (static)",
        "data          1       1Gi    25%  no limit  2 without limit, 1 pending",
        f"mixed         1       1Gi      {UNKNOWN}      1Gi+  3 best-effort",
    ]
    assert groups_table(rows, "NAMESPACE").lines(titles=False)[0].startswith("shop")


def test_workloads_have_their_namespace_in_a_column() -> None:
    table = groups_table([group("web", GI, kind="Deployment", namespace="shop")], "WORKLOAD")
    assert table.lines()[1].split() == ["shop", "Deployment/web", "1", "1Gi", UNKNOWN, "0"]


def test_pods() -> None:
    table = pods_table([pod("web-1", GI, GI), pod("a", node=None, best_effort=True, counted=False)])
    assert table.lines() == [
        "NAMESPACE  POD    NODE         REQUESTS  LIMITS  NOTE",
        "default    web-1  node-1            1Gi     1Gi",
        "default    a      (not bound)         0       0  does not count, best-effort",
    ]


def test_a_name_cannot_break_a_table() -> None:
    assert "\n" not in "".join(pods_table([pod("a\n\x1b[31mb")]).lines()[1:])
