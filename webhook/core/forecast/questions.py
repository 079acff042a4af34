"""What people ask of the account: would it fit, how many more fit, what if. REST and command line give these answers.

Each question is one value and each answer another, worked out from one report, so the two ways can never disagree.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from webhook.core.api.types import ObjectError
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.errors import ConfigError
from webhook.core.config.parse import parse
from webhook.core.config.render import digest, plain
from webhook.core.forecast.check import check
from webhook.core.forecast.growth import Grown, Growth, total
from webhook.core.forecast.packing import Portion, by_nodes, by_thresholds, free_on_nodes
from webhook.core.forecast.scratch import scratch
from webhook.core.forecast.simulation import Changes, Displaced, NewNodes, SimulationError, in_zone, simulate
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable
from webhook.core.manifests.documents import ManifestError
from webhook.core.manifests.manifest import Holding, Item, Other, contents, holdings
from webhook.core.manifests.settings import Setting
from webhook.core.reporting.report import Circumstances, Report
from webhook.core.reporting.rows import CheckRow, Commitment, Row
from webhook.core.reviews.decision import by_policy
from webhook.core.reviews.evaluation import Evaluation, foreseen
from webhook.core.reviews.messages import NO_HELP, Help
from webhook.core.reviews.response import message, respond
from webhook.core.reviews.verdict import Decision
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import QuantityError, millis, nanos, whole

_MOST_NODES: Final = 5000
_MOST_PODS: Final = 20_000
_DEEPEST: Final = 16  # names in the path of a setting; the schema has fewer
_LONGEST_NUMBER: Final = 18  # digits; int() refuses some thousands, and no setting needs more than these
_HOLDERS: Final = 5


class QuestionError(ValueError):
    """The question cannot be answered; the message says what would be right."""


# -- would it fit ------------------------------------------------------------------------------------------------------


class CheckQuestion(Struct, frozen=True, rename="camel"):
    """Manifests, as YAML or JSON text with any number of documents; `namespace` is that of objects that name none."""

    manifests: str
    namespace: str = "default"


class CheckAnswer(Row, frozen=True):
    """A row for each object with pods; `skipped` names kinds that commit nothing or are not known, `faults` errors."""

    fits: bool
    items: tuple[CheckRow, ...]
    skipped: tuple[str, ...]
    faults: tuple[str, ...]


def check_answer(report: Report, asked: CheckQuestion, help_: Help = NO_HELP) -> CheckAnswer:
    """Say which pods of manifests would be admitted, in the order of the input; raises `QuestionError`."""
    found, skipped, faults = _holdings(report, asked.manifests)
    if sum(each.replicas or 0 for each in found) > _MOST_PODS:
        raise QuestionError(f"these are more than {_MOST_PODS} pods: ask about fewer replicas at once")
    ledger = scratch(report.account, report.circumstances.elsewhere)
    rows = tuple(check(ledger, report.account, found, asked.namespace, help_))
    fits = not faults and all(row.fits == row.missing for row in rows)
    return CheckAnswer(fits=fits, items=rows, skipped=tuple(skipped), faults=tuple(faults))


def _holdings(report: Report, text: str) -> tuple[list[Holding], list[str], list[str]]:
    items: list[Item] = []
    settings: list[Setting] = []
    skipped: list[str] = []
    faults: list[str] = []
    for each in contents(text.encode(errors="replace")):
        match each:
            case Item():
                items.append(each)
            case Other():
                skipped.append(each.kind)
            case ManifestError():
                faults.append(str(each))
            case _:
                settings.append(each)
    newest = report.account.accounting.rules[-1]
    return holdings(items, settings, newest).holdings, skipped, faults


# -- how many more fit -------------------------------------------------------------------------------------------------


class FitQuestion(Struct, frozen=True, rename="camel"):
    """Manifests, in which each object is one kind of pod; `ratio` says how many of each are in a set, usually 1."""

    manifests: str
    ratio: tuple[int, ...] = ()
    namespace: str = "default"


class FitAnswer(Row, frozen=True):
    """How many sets of pods fit: by the thresholds (None: no threshold concerns them) and by the nodes, and what binds.

    `scope` and `sum` name the sum that runs out first, such as `cluster` and `memory requests`. `refused` says why none
    is admitted whatever is free, such as a missing limit where the configuration refuses that; None if it is not so.
    """

    sets: int
    by_thresholds: int | None
    by_nodes: int
    scope: str | None
    sum: str | None
    pods: tuple[str, ...]
    ratio: tuple[int, ...]
    refused: str | None = None


def fit_answer(report: Report, asked: FitQuestion, help_: Help = NO_HELP) -> FitAnswer:
    """Say how many more pods like these fit; raises `QuestionError`."""
    found, _, faults = _holdings(report, asked.manifests)
    if faults or not found:
        raise QuestionError(faults[0] if faults else "there is no pod in the manifests: give a Pod or a workload")
    ratio = asked.ratio or (1,) * len(found)
    if len(ratio) != len(found) or min(ratio) < 1:
        raise QuestionError(f"there are {len(found)} kinds of pods: give a ratio such as {':'.join('1' * len(found))}")
    ledger = scratch(report.account, report.circumstances.elsewhere)
    kinds = [_kind(ledger, each, f"{each.namespace or asked.namespace}/fit-{n}") for n, each in enumerate(found)]
    portions = [Portion(each.info, number) for each, number in zip(kinds, ratio, strict=True)]
    exempt = all(each.exempt is not None for each in kinds)
    said = (_refused(ledger, kind, each.name, help_) for kind, each in zip(kinds, found, strict=True))
    refused = next(filter(None, said), None)
    tight = None if exempt or refused else by_thresholds(ledger, portions)
    placed = by_nodes(free_on_nodes(report.account), portions)
    let_in = 0 if refused else None if tight is None else tight.sets
    return FitAnswer(
        sets=placed if let_in is None else min(placed, let_in),
        by_thresholds=let_in,
        by_nodes=placed,
        scope=None if tight is None else tight.scope,
        sum=None if tight is None else " ".join(Amounts._fields[tight.which].split("_")[:2]),
        pods=tuple(f"{each.kind}/{each.name}" for each in found),
        ratio=tuple(ratio),
        refused=refused,
    )


def _kind(ledger: Ledger, holding: Holding, name: str) -> Evaluation:
    """Evaluate a pod of an object under a name that no pod has, because a live one may pay for its own name."""
    namespace = name.partition("/")[0]
    meta = replace(holding.pod.metadata, namespace=namespace, uid="", resource_version="")
    try:
        return foreseen(replace(holding.pod, metadata=meta), name, ledger.accounting)
    except ObjectError as error:
        raise QuestionError(f"{holding.kind}/{holding.name}: {error}") from error


def _refused(ledger: Ledger, asked: Evaluation, name: str, help_: Help) -> str | None:
    """Return the sentence that a pod is refused with whatever is free; None if the sums decide."""
    verdict = by_policy(ledger, asked)
    if verdict is None or verdict.decision is not Decision.DENY:
        return None
    full = f"{asked.request.namespace}/{name or 'unnamed'}"
    return message(asked.request, verdict, respond(asked.request, verdict, full, help_), full, help_)


# -- what if -----------------------------------------------------------------------------------------------------------


class AddNodes(Struct, frozen=True, rename="camel"):
    """So many nodes to add: `memory` and `cpu` are what is allocatable on each, as quantities such as 32Gi and 8."""

    number: int
    memory: str
    cpu: str = "0"
    pool: str | None = None


class SimulateQuestion(Struct, frozen=True, rename="camel"):
    """What to try. `set` has settings by their path, such as {"thresholds.memory.requests": "70%"}.

    `config` is the text of a whole configuration, in the place of the one in force; empty: that one. `grow` has
    workloads that would have so many pods in all, such as with every autoscaler at its maximum.
    """

    set: dict[str, str] = {}
    without_nodes: tuple[str, ...] = ()
    without_zone: str | UnsetType = UNSET
    drain: tuple[str, ...] = ()
    add_nodes: tuple[AddNodes, ...] = ()
    config: str = ""
    grow: tuple[Growth, ...] = ()


class Over(Row, frozen=True):
    """A sum that would be past its threshold, by how much, and who would hold the most of it in the cluster."""

    scope: str
    sum: str
    over: int
    holders: tuple[str, ...]


class More(Row, frozen=True):
    """The pods that would come: how many, and what they commit together, in bytes and millicores.

    `unknown` names workloads of which no pod lives and no template was given: their pods are left out.
    """

    pods: int
    memory_requests: int
    memory_limits: int
    cpu_requests: int
    cpu_limits: int
    unknown: tuple[str, ...]


class SimulateAnswer(Row, frozen=True):
    """The account as it is and as it would be, what would be over, and what would become of the pods of lost nodes.

    `more` says what pods would come of workloads that grow; None if none was to grow.
    """

    before: Commitment
    after: Commitment
    over: tuple[Over, ...]
    displaced: int
    admitted: int
    refused: tuple[str, ...]
    more: More | None


def simulate_answer(report: Report, asked: SimulateQuestion) -> SimulateAnswer:
    """Say what the account would be; raises `QuestionError`."""
    try:
        changes = _changes(report, asked)
        found = simulate(report.account, changes)
    except (SimulationError, ConfigError, ObjectError, QuantityError) as error:
        raise QuestionError(str(error)) from error
    config = changes.config or report.account.accounting.config
    after = Report(
        found.ledger.account(report.account.now),
        Circumstances(report.circumstances.as_of, report.circumstances.age, config_hash=digest(config)),
    ).commitment()
    lost: Displaced = found.displaced
    return SimulateAnswer(
        before=report.commitment(),
        after=after,
        over=tuple(_over(report, after, found.grown)),
        displaced=lost.pods,
        admitted=lost.admitted,
        refused=lost.refused,
        more=_more(found.grown) if asked.grow else None,
    )


def _more(found: Grown) -> More:
    amounts = total(found)
    return More(
        pods=found.number,
        memory_requests=amounts.memory_requests,
        memory_limits=amounts.memory_limits,
        cpu_requests=amounts.cpu_requests,
        cpu_limits=amounts.cpu_limits,
        unknown=found.unknown,
    )


def _changes(report: Report, asked: SimulateQuestion) -> Changes:
    config = parse(asked.config) if asked.config else report.account.accounting.config
    config = _with_settings(config, asked.set) if asked.set else config
    without = frozenset(asked.without_nodes)
    if asked.without_zone is not UNSET:
        without |= in_zone(report.account, asked.without_zone)
    return Changes(
        config=config if asked.config or asked.set else None,
        without=without,
        drain=frozenset(asked.drain),
        add=_added(config, asked.add_nodes),
        grow=asked.grow,
    )


def _added(config: HeadroomConfig, asked: Sequence[AddNodes]) -> tuple[NewNodes, ...]:
    wrong = next((each.number for each in asked if not 0 < each.number <= _MOST_NODES), None)
    if wrong is None and (number := sum(each.number for each in asked)) > _MOST_NODES:
        wrong = number
    if wrong is not None:
        raise SimulationError(f"{wrong} nodes cannot be added: give numbers from 1 to {_MOST_NODES} in all")
    return tuple(_nodes(config, each) for each in asked)


def _nodes(config: HeadroomConfig, asked: AddNodes) -> NewNodes:
    room = Allocatable(whole(nanos(asked.memory)), millis(nanos(asked.cpu)))
    if asked.pool is None:
        return NewNodes(asked.number, room, {})
    pool = next((each for each in config.pools if each.name == asked.pool), None)
    if pool is None:
        known = ", ".join(each.name for each in config.pools) or "none"
        raise SimulationError(f"there is no pool {asked.pool}; the configuration has {known}")
    return NewNodes(asked.number, room, pool.node_selector)


def _with_settings(config: HeadroomConfig, settings: Mapping[str, str]) -> HeadroomConfig:
    """Return the configuration with some settings changed; raises `ConfigError`, or `SimulationError` for a path."""
    tree = plain(config)
    for path, value in settings.items():
        *groups, last = path.split(".")
        at: Any = tree
        if len(groups) >= _DEEPEST:
            raise SimulationError(f"a setting of {len(groups) + 1} names is nested too deeply: name one that there is")
        for group in groups:
            at = _step(at, group, path)
        if not isinstance(at, dict):
            raise SimulationError(f"{path} is not a setting: write for example thresholds.memory.requests=70%")
        at[last] = _value(value)
    return parse(json.dumps(tree))


def _step(at: Any, name: str, path: str) -> Any:
    if isinstance(at, list):  # pools by their name
        found = next((each for each in at if isinstance(each, dict) and each.get("name") == name), None)
        if found is None:
            raise SimulationError(f"{path}: there is no {name} here")
        return found
    if not isinstance(at, dict):
        raise SimulationError(f"{path} is not a setting: write for example thresholds.memory.requests=70%")
    return at.setdefault(name, {})


def _value(text: str) -> Any:
    is_number = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else text


def _over(report: Report, after: Commitment, more: Grown) -> Iterator[Over]:
    for scope in after.scopes:
        for resource, lines in (("memory", scope.memory), ("cpu", scope.cpu)):
            for kind, line in (("requests", lines.requests), ("limits", lines.limits)):
                if line.free is not None and line.free < 0:
                    holders = tuple(_holders(report, more, resource, kind))
                    yield Over(scope=scope.scope, sum=f"{resource} {kind}", over=-line.free, holders=holders)


def _holders(report: Report, more: Grown, resource: str, kind: str) -> Iterable[str]:
    """Return the workloads that would commit the most of a sum, in the whole cluster."""
    held: Counter[tuple[str | None, str, str]] = Counter()
    for row in report.workloads():
        held[row.namespace, row.kind, row.name] = getattr(getattr(row, resource), kind)
    for key, amounts in more.amounts.items():
        held[key] += getattr(amounts, f"{resource}_{kind}")
    return ["/".join(map(str, key)) for key, amount in held.most_common(_HOLDERS) if amount]
