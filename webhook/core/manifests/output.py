"""Output: what manifests commit, as data for programs and as a table for people.

Amounts are rounded as in the ledger: each pod's up to whole bytes and millicores. The table writes them with units, as
all messages do, and rounds up too.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from webhook.core.api.types import Container
from webhook.core.manifests.manifest import Holding
from webhook.core.pods.terms import Commitment, Terms
from webhook.core.reviews.messages import printable
from webhook.core.values.quantity import bytes_text, millis, millis_text, nanos, whole

_NAME = 60  # characters of a name in the table
_SUMS = ("MEMORY REQUESTS", "MEMORY LIMITS", "CPU REQUESTS", "CPU LIMITS")
_NO_LIMIT = "no limit"

Cells = Sequence[str]


class _Sums(NamedTuple):
    """What pods commit, in bytes and millicores; a limit is None if nothing declares one."""

    memory_requests: int
    memory_limits: int | None
    cpu_requests: int
    cpu_limits: int | None

    def times(self, number: int) -> "_Sums":
        return _Sums._make(None if each is None else number * each for each in self)

    def plus(self, other: "_Sums") -> "_Sums":
        pairs = zip(self, other, strict=True)
        return _Sums._make(
            None if (one, another) == (None, None) else (one or 0) + (another or 0) for one, another in pairs
        )


def data(holdings: Iterable[Holding]) -> list[dict[str, Any]]:
    """Return the data for JSON or YAML, per object and for one replica.

    `replicas` is null if there is one for each node, `namespace` is null if the file names none. A limit is the sum of
    the declared limits, null if none is declared; `unbounded` says that a container has no memory limit and its pod has
    none either. `guessedAt` is the path of the pod template in an object of an unknown kind.
    """
    return [_datum(each, _sums(each)) for each in holdings]


def _datum(holding: Holding, sums: _Sums) -> dict[str, Any]:
    return {
        "kind": holding.kind,
        "namespace": holding.namespace,
        "name": holding.name,
        "replicas": holding.replicas,
        "memory": {
            "requestsBytes": sums.memory_requests,
            "limitsBytes": sums.memory_limits,
            "unbounded": holding.memory.is_unbounded,
        },
        "cpu": {"requestsMillis": sums.cpu_requests, "limitsMillis": sums.cpu_limits},
        "guessedAt": holding.guessed_at or None,
    }


def table(holdings: Sequence[Holding]) -> list[str]:
    """Return the lines of a table: what each object commits with all its replicas, and the total."""
    rows: list[Cells] = [("KIND", "NAMESPACE", "NAME", "REPLICAS", *_SUMS), *map(_row, holdings)]
    counted = [each for each in holdings if each.replicas is not None]
    if len(counted) > 1:
        total = _Sums(0, None, 0, None)
        for each in counted:
            total = total.plus(_all_replicas(each))
        aside = "DaemonSets aside" if len(counted) < len(holdings) else ""
        memory, cpu = any(each.memory.is_unbounded for each in counted), any(each.cpu.is_unbounded for each in counted)
        rows.append(("Total", "", aside, "", *_texts(total, memory, cpu)))
    return list(_aligned(rows))


def _row(holding: Holding) -> Cells:
    replicas = "per node" if holding.replicas is None else str(holding.replicas)
    names = (printable(each, _NAME) for each in (holding.kind, holding.namespace or "-", holding.name or "-"))
    return (*names, replicas, *_texts(_all_replicas(holding), holding.memory.is_unbounded, holding.cpu.is_unbounded))


def reasons(holding: Holding) -> list[str]:
    """Return lines that explain the footprint of one pod; in brackets what does not count because another part does."""
    memory, cpu = holding.breakdown
    parts = (memory.requests, memory.limits, cpu.requests, cpu.limits)
    rows: list[Cells] = [("", *_SUMS)]
    rows += [(name, *cells) for name, cells in _parts(parts) if any(cell != "-" for cell in cells)]
    rows.append(("one pod", *_texts(_sums(holding), memory.is_unbounded, cpu.is_unbounded)))
    lines = [subject(holding), *_aligned(rows)]
    return [line if number == 0 else f"  {line}" for number, line in enumerate([*lines, *_remarks(holding)])]


def subject(holding: Holding) -> str:
    """Name an object for people."""
    where = printable("/".join(filter(None, (holding.namespace, holding.name))), 2 * _NAME)
    return f"{printable(holding.kind, _NAME)} {where}".rstrip()


def _parts(terms: Sequence[Terms]) -> Iterator[tuple[str, Cells]]:
    yield "containers", [_part(i, t.containers, t.decisive == "containers") for i, t in enumerate(terms)]
    yield "sidecars", [_part(i, t.sidecars, t.decisive == "containers") for i, t in enumerate(terms)]
    yield "init peak", [_part(i, t.init_peak, t.decisive == "init") for i, t in enumerate(terms)]
    yield "claims", [_part(i, t.claims, t.decisive in ("containers", "init")) for i, t in enumerate(terms)]
    yield "pod status", [_part(i, t.pod_status or 0, t.decisive == "status") for i, t in enumerate(terms)]
    yield "pod level", [_part(i, t.pod_level or 0, True) for i, t in enumerate(terms)]
    yield "overhead", [_part(i, t.overhead, True) for i, t in enumerate(terms)]


def _part(column: int, amount: int, counts: bool) -> str:
    if not amount:
        return "-"
    text = bytes_text(whole(amount)) if column < 2 else millis_text(millis(amount))
    return text if counts else f"({text})"


def _remarks(holding: Holding) -> Iterator[str]:
    if holding.settings:
        yield f"filled in from {printable(', '.join(holding.settings), 2 * _NAME)} (in these files)"
    if holding.guessed_at:
        yield f"guessed: its pods are taken to be of the template at {printable(holding.guessed_at, 2 * _NAME)}"
    twice = [name for name, commitment in holding.breakdown._asdict().items() if commitment.requests.overhead_twice]
    if twice:
        yield (
            f"its overhead counts twice in the {' and '.join(twice)} requests, as the scheduler counts it: "
            "status.allocatedResources has it already (kubernetes/kubernetes#139627)"
        )
    without = [each.name for each in _lasting(holding) if not _memory_limit(each)]
    if holding.memory.is_unbounded:
        named = printable(", ".join(without), 2 * _NAME)
        counted = bytes_text(whole(holding.memory.filled.total))
        yield f"no memory limit: {named}; with missingLimits: count-request the limits count {counted}"
    if holding.pod.spec.containers and holding.replicas == 0 and holding.pod.status.phase:
        yield f"it has run to its end ({holding.pod.status.phase}), so nothing of it counts"


def _lasting(holding: Holding) -> Iterator[Container]:
    yield from holding.pod.spec.containers
    yield from (each for each in holding.pod.spec.init_containers if each.restart_policy == "Always")


def _memory_limit(container: Container) -> int:
    limits = container.resources.limits
    return nanos(limits.memory) if limits is not None and limits.memory else 0


def _sums(holding: Holding) -> _Sums:
    memory, cpu = holding.breakdown
    return _Sums(
        whole(memory.requests.total),
        None if _undeclared(memory) else whole(memory.limits.total),
        millis(cpu.requests.total),
        None if _undeclared(cpu) else millis(cpu.limits.total),
    )


def _undeclared(commitment: Commitment) -> bool:
    return commitment.is_unbounded and not commitment.limits.total


def _all_replicas(holding: Holding) -> _Sums:
    return _sums(holding).times(1 if holding.replicas is None else holding.replicas)


def _texts(sums: _Sums, memory_unbounded: bool, cpu_unbounded: bool) -> Cells:
    return (
        bytes_text(sums.memory_requests),
        _limit(None if sums.memory_limits is None else bytes_text(sums.memory_limits), memory_unbounded),
        millis_text(sums.cpu_requests),
        _limit(None if sums.cpu_limits is None else millis_text(sums.cpu_limits), cpu_unbounded),
    )


def _limit(declared: str | None, unbounded: bool) -> str:
    if declared is None:
        return _NO_LIMIT
    return f"{declared} + {_NO_LIMIT}" if unbounded else declared


def _aligned(rows: Sequence[Cells]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
