"""Rows: the values that every surface shows, for people (terminal, page) and programs (REST) alike.

Memory is in bytes, cpu in millicores, shares are floats (0.75 is 75 %), and None means unknown or unlimited, as the
field says. JSON has the same fields in camelCase. `report.py` makes them; nothing else adds anything up.
"""

from msgspec import Struct


class Row(Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """What all of these have in common: they are immutable, and written in camelCase."""


class Line(Row, frozen=True):
    """One sum of one scope, with everything that a load line shows: requests or limits, of memory or cpu.

    `committed` is what live pods commit that count; it contains `pending` (unbound pods), which contains `unplaceable`
    (no node can hold them). `granted` is for pods that were admitted and are not there yet, by whichever replica; what
    other replicas granted is as of each one's last write. `threshold` is the
    configured share, `bound` what it comes to, `bound_without_largest` the same with the largest node lost, and `free`
    is bound - committed - granted, negative past the bound; all four are None where no threshold is set.
    """

    committed: int
    granted: int
    pending: int
    unplaceable: int
    reserve: int
    threshold: float | None
    bound: int | None
    bound_without_largest: int | None
    free: int | None


class ResourceLines(Row, frozen=True):
    """Memory or cpu of one scope: `capacity` and `allocatable` of the nodes that count."""

    capacity: int | None
    allocatable: int
    requests: Line
    limits: Line


class Fragmentation(Row, frozen=True):
    """How far free memory requests are in pieces: the largest free piece on one node, in bytes.

    `median_request` is the median of all live pods of the cluster that request memory, whatever the scope.
    `share_too_small` is the share of free memory on nodes that have less free than that; None where nothing is free or
    no pod requests memory.
    """

    largest_free: int
    median_request: int | None
    share_too_small: float | None


class ScopeRow(Row, frozen=True):
    """One scope: the cluster, or one pool.

    `nodes` are those that exist. `pods` are all live pods that are charged to the scope or would be, `pods_max` is how
    many pods its counted nodes take; None if unknown. `apart` counts the pods that stand apart: policy lets them in, no
    node can hold them, and they do not count.
    """

    scope: str
    mode: str
    nodes: int
    nodes_counted: int
    reserve_nodes: int
    reserve_used: tuple[str, ...]
    pods: int
    pods_max: int | None
    unbounded_containers: int
    best_effort_pods: int
    apart: int
    memory: ResourceLines
    cpu: ResourceLines
    fragmentation: Fragmentation


class Commitment(Row, frozen=True):
    """The whole account at one moment: the cluster first, then each pool in the configuration's order.

    `as_of` is when it came to be as it is shown. `problem` says why the account cannot be trusted now (not synced,
    stale), None if it can. `age` says for how many seconds no watch has delivered an event, 0 while the watches work.
    """

    revision: int
    as_of: str
    age: float
    problem: str | None
    mode: str
    config_hash: str
    warn_at: float
    kubernetes_rules: tuple[str, ...]
    scopes: tuple[ScopeRow, ...]


class Use(Row, frozen=True):
    """What some pods commit of one resource; `limits` sums declared limits, `unbounded` counts pods without one."""

    requests: int
    limits: int
    unbounded: int


class NodeUse(Row, frozen=True):
    """One resource of one node; `requests_ratio` and `limits_ratio` are of allocatable, None where that is 0."""

    capacity: int | None
    allocatable: int
    requests: int
    limits: int
    requests_ratio: float | None
    limits_ratio: float | None


class NodeRow(Row, frozen=True):
    """One node; `why_not` says why it does not count, None if it does. `labels` are those of the node.

    A node that was deleted is kept for a while (`why_not` is "deleted"), because its pods may still be there.
    """

    name: str
    pool: str | None
    counted: bool
    why_not: str | None
    labels: dict[str, str]
    pods: int
    pods_max: int | None
    unbounded_containers: int
    best_effort_pods: int
    memory: NodeUse
    cpu: NodeUse


class GroupRow(Row, frozen=True):
    """What a group of pods commits: a namespace, a workload, or the nodes with one value of a label.

    `kind` and `name` are those of the group ("Namespace"; the workload's; the label's key and value, which is empty for
    nodes without that label and for pods that are on no known node); `namespace` is None for groups that are not in
    one. `memory_share` is the share that `memory` less `uncounted` has of the cluster's committed memory requests, None
    where nothing is committed. `uncounted` is what of the memory requests does not count, because the pods are on nodes
    that do not count, or stand apart; all groups of one kind, less that, come to exactly what is committed.
    `unreviewed` counts pods by why nobody reviewed them (core/ledger/unreviewed.py); a reason without pods is left out.
    """

    kind: str
    namespace: str | None
    name: str
    pods: int
    pending_pods: int
    unbounded_containers: int
    best_effort_pods: int
    memory: Use
    cpu: Use
    memory_share: float | None
    uncounted: int
    unreviewed: dict[str, int]


class PodRow(Row, frozen=True):
    """One live pod.

    `pool` is the pool that it is charged to, or would be; `counted` is False where its node does not count or the pod
    stands apart. `unreviewed` says why nobody reviewed it (core/ledger/unreviewed.py), None if that is not known.
    """

    namespace: str
    name: str
    uid: str
    node: str | None
    pool: str | None
    workload_kind: str
    workload_name: str
    counted: bool
    unbounded_containers: int
    best_effort: bool
    unreviewed: str | None
    memory: Use
    cpu: Use


class DenialRow(Row, frozen=True):
    """Recent decisions of one kind that refused, or in a trial mode would have: what people need of an audit line.

    One row stands for `count` decisions alike, from `since` to `ts` (RFC 3339): the same was decided for the same
    reason, for the same user, about pods of the same owner, or about the same object where that names no controller.
    Everything else is that of the newest of them. `owner_*` is the controller that the pod names, `top_owner_*` the
    owner of that controller if it could be looked up, as in an audit line. `asked_*` and `short_by_*` are bytes of
    memory in the first scope concerned; `short_sums` has the names of all sums that were short, such as
    `cluster/cpu-requests`.
    """

    ts: str
    since: str
    count: int
    replica: str
    decision: str
    reason: str
    message: str
    dry_run: bool
    mode: str
    operation: str
    user: str
    kind: str
    namespace: str
    name: str
    owner_kind: str | None
    owner_name: str | None
    top_owner_kind: str | None
    top_owner_name: str | None
    scope: str | None
    asked_requests: int | None
    asked_limits: int | None
    short_by_requests: int | None
    short_by_limits: int | None
    short_sums: tuple[str, ...]


class BlockedRow(Row, frozen=True):
    """A controller whose pods were refused and that is still short of them, or a pod without one that was refused.

    `kind` and `name` are those of the top owner, which people look at; `controller_*` is what creates the pods, such as
    its ReplicaSet. `asks_*` is what one pod asks, in bytes and millicores, `missing` how many pods are missing (None if
    that is not known), `count` how often it was refused since `since`, `last` when it was last refused (RFC 3339).

    `short_by` is how much memory is missing for one pod now, `short_by_cpu` how much cpu: both are 0 if one would fit
    now, because then its controller has not tried again yet. None: that cannot be said. `waits_for_itself`: a rollout
    whose own old pods hold the room until new ones come.
    """

    kind: str
    namespace: str
    name: str
    controller_kind: str
    controller_name: str
    scope: str | None
    reason: str
    message: str
    asks_requests: int
    asks_limits: int
    asks_cpu_requests: int
    asks_cpu_limits: int
    missing: int | None
    short_by: int | None
    short_by_cpu: int | None
    count: int
    since: str
    last: str
    waits_for_itself: bool


class CheckRow(Row, frozen=True):
    """What would become of one object: of its `missing` pods, `fits` would be admitted, in the order of the input.

    `decision`, `reason` and `message` are those of the first pod that would be refused; if all fit, of a warning, or
    of the last one. `asks_*` is what one of its pods asks, in bytes.
    """

    kind: str
    namespace: str
    name: str
    wanted: int
    living: int
    missing: int
    fits: int
    decision: str
    reason: str
    message: str
    asks_requests: int
    asks_limits: int
    warnings: tuple[str, ...]
