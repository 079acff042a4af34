"""The same report without Headroom in the cluster: nodes and pods are read with the user's own rights.

They are counted by the code of the webhook, under the configuration in the cluster; without one, under the default one.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click
import msgspec

from webhook.cli.cluster import CannotTell, Target, connect
from webhook.controllers.versions import PATH as VERSION
from webhook.controllers.watches import NODES, PODS
from webhook.core.api.types import Pod
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.errors import ConfigError
from webhook.core.config.parse import parse as parse_config
from webhook.core.config.render import digest
from webhook.core.forecast.questions import (
    CheckAnswer,
    CheckQuestion,
    FitAnswer,
    FitQuestion,
    QuestionError,
    SimulateAnswer,
    SimulateQuestion,
    check_answer,
    fit_answer,
    simulate_answer,
)
from webhook.core.ledger.info import PodInfo, pod_info
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import NEWEST, Rules, VersionError, chosen
from webhook.core.reporting.query import COLLECTIONS, QueryError, arrange, parse, workload
from webhook.core.reporting.report import Circumstances, Report
from webhook.core.reporting.rows import BlockedRow, Commitment, DenialRow, GroupRow, NodeRow, PodRow
from webhook.kube.client import Api
from webhook.kube.stream import ApiError, KubeError, NotFound
from webhook.state.configuration import KEY, NAME
from webhook.watch.decoder import Decoder, RelistRequired, Resource

_TIMEOUT: Final = 30.0  # seconds for a page
_PAGE: Final = 500
_DEFAULT: Final = (
    "apiVersion: headroom.internal/v1\nkind: HeadroomConfig\nthresholds: {memory: {requests: 75%, limits: 100%}}\n"
)
T = TypeVar("T")


class _Version(msgspec.Struct, rename="camel"):
    git_version: str = ""


class Direct:
    """One account, read once; `again` reads it a second time for `--watch`."""

    def __init__(self, read: Callable[[], Report]) -> None:
        self._read = read
        self._report: Report | None = None

    def commitment(self) -> Commitment:
        """Read nodes and pods, and return the whole account."""
        self._report = self._read()
        return self._report.commitment()

    def nodes(self, query: Mapping[str, str]) -> Sequence[NodeRow]:
        """Return the nodes."""
        return _arranged("nodes", query, self.report.nodes())

    def groups(self, by: str, query: Mapping[str, str]) -> Sequence[GroupRow]:
        """Return namespaces, workloads, or nodes by the value of a label."""
        match by:
            case "namespaces":
                return _arranged(by, query, self.report.namespaces())
            case "workloads":
                return _arranged(by, query, self.report.workloads())
            case _:
                return _arranged("groups", {**query, "label": by}, self.report.by_label(by))

    def pods(self, query: Mapping[str, str]) -> Sequence[PodRow]:
        """Return live pods."""
        of = query.get("workload")
        found = self.report.pods(query.get("namespace"), query.get("node"), workload(of) if of else None)
        return _arranged("pods", query, found[:])

    def blocked(self, query: Mapping[str, str]) -> Sequence[BlockedRow] | None:
        """Return None: only Headroom knows which owners it refused."""
        del query
        return None

    def denials(self, query: Mapping[str, str]) -> Sequence[DenialRow] | None:
        """Return None: only Headroom knows what it refused."""
        del query
        return None

    def check(self, question: CheckQuestion) -> CheckAnswer:
        """Return which pods of manifests would be admitted."""
        with _asked():
            return check_answer(self.report, question)

    def fit(self, question: FitQuestion) -> FitAnswer:
        """Return how many more pods fit."""
        with _asked():
            return fit_answer(self.report, question)

    def simulate(self, question: SimulateQuestion) -> SimulateAnswer:
        """Return what the account would be."""
        with _asked():
            return simulate_answer(self.report, question)

    @property
    def report(self) -> Report:
        """The account that was read last."""
        if self._report is None:
            self.commitment()
        if self._report is None:
            raise AssertionError("reading it makes it")
        return self._report


@contextmanager
def _asked() -> Iterator[None]:
    try:
        yield
    except QuestionError as error:
        raise click.UsageError(str(error)) from error


def direct(target: Target) -> Direct:
    """Return the account of the cluster that `target` names, computed here."""
    api = connect(target)
    return Direct(lambda: _read(api, target))


def _arranged(name: str, query: Mapping[str, str], rows: Iterable[Any]) -> Sequence[Any]:
    try:
        found = parse(COLLECTIONS[name], query.items())
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    chosen_rows = arrange(found, rows).rows
    return chosen_rows[::-1] if found.descending else chosen_rows


def _read(api: Api, target: Target) -> Report:
    try:
        config, rules = _config(api, target.headroom_namespace), _rules(api)
        ledger = Ledger(AccountingRules(config, rules))
        now = time.monotonic()
        nodes, _ = _all(api, NODES, "nodes")
        ledger.relist_nodes(nodes, now)
        pods, revision = _all(api, _pods(rules), "pods")
        ledger.relist(pods, revision, now)
    except ApiError as error:
        raise CannotTell(f"the API server refuses: {error}") from error
    except (KubeError, RelistRequired) as error:
        raise CannotTell(f"the API server does not answer: {error}") from error
    as_of = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Report(ledger.account(now), Circumstances(as_of=as_of, config_hash=digest(config)))


def _pods(rules: Rules) -> Resource[Pod, PodInfo]:
    return Resource(PODS.path, Pod, PODS.read, lambda pod: pod_info(pod, rules=rules))


def _all(api: Api, resource: Resource[Any, T], what: str) -> tuple[list[T], int]:
    """Read all pages of one list; the first one says how many objects follow. An object that is unreadable is named."""
    decoder = Decoder(resource)
    found: list[T] = []
    revision, more = 0, {"limit": str(_PAGE)}
    with click.progressbar(length=1, label=f"reading {what}", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        while more:
            body = api.get(resource.path, more, _TIMEOUT).body
            page = decoder.page(body)
            found += page.objects
            for each in page.unreadable:
                click.echo(f"Warning: {each.namespace}/{each.name} is left out: {each.fault}", err=True)
            bar.length = max(1, len(found) + _remaining(body))
            bar.update(len(found) - bar.pos)
            revision = revision or page.revision
            more = {"limit": str(_PAGE), "continue": page.more} if page.more else {}
    return found, revision


class _Meta(msgspec.Struct, rename="camel"):
    remaining_item_count: int | None = None


class _Head(msgspec.Struct):
    metadata: _Meta


def _remaining(body: bytes) -> int:
    return msgspec.json.decode(body, type=_Head).metadata.remaining_item_count or 0


def _config(api: Api, namespace: str) -> HeadroomConfig:
    """Read the configuration in the cluster; without one, the default of the manifests applies, which is said."""
    path = f"/api/v1/namespaces/{namespace}/configmaps/{NAME}"
    try:
        read = msgspec.json.decode(api.get(path, timeout=_TIMEOUT).body)
        return parse_config(read["data"][KEY])
    except NotFound:
        click.echo(
            f"no ConfigMap {namespace}/{NAME}: thresholds of 75% (requests) and 100% (limits) are shown", err=True
        )
    except ApiError as error:
        click.echo(f"the ConfigMap {namespace}/{NAME} cannot be read ({error}): 75% and 100% are shown", err=True)
    except (KeyError, TypeError, ConfigError) as error:
        raise CannotTell(f"the ConfigMap {namespace}/{NAME} holds no good configuration: {error}") from error
    return parse_config(_DEFAULT)


def _rules(api: Api) -> Rules:
    """Return the rules of the API server's version; the newest known ones if it does not say."""
    try:
        version = msgspec.json.decode(api.get(VERSION, timeout=_TIMEOUT).body, type=_Version).git_version
        return (chosen(version).rule_set,)
    except (ApiError, msgspec.DecodeError, VersionError):
        return NEWEST
