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
from webhook.cli.remote import InForce
from webhook.controllers.versions import PATH as VERSION
from webhook.controllers.watches import NODES, PODS
from webhook.core.api.types import WatchedPod
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
from webhook.core.reporting.collection import COLLECTIONS, workload
from webhook.core.reporting.paging import arrange
from webhook.core.reporting.query import QueryError, parse
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
    """One account, read when it is first needed; `commitment` reads it again for `--watch`."""

    def __init__(self, read: Callable[[], Report]) -> None:
        self._read = read
        self._report: Report | None = None

    def config(self) -> InForce:
        """Return the configuration in the cluster."""
        config = self.report.account.accounting.config
        return InForce(config, digest(config), None)

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

    def largest_namespaces(self, most: int) -> Sequence[GroupRow]:
        """Return the namespaces that request the most memory."""
        return self.groups("namespaces", {"sortBy": "-memory.requests"})[:most]

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
    return Direct(Reader(connect(target), target.headroom_namespace))


def _arranged(name: str, query: Mapping[str, str], rows: Iterable[Any]) -> Sequence[Any]:
    try:
        found = parse(COLLECTIONS[name], query.items())
    except QueryError as error:
        raise click.UsageError(str(error)) from error
    chosen_rows = arrange(found, rows).rows
    return chosen_rows[::-1] if found.descending else chosen_rows


class Reader:
    """Reads the account, each time from the beginning. The first time it shows how far it is, and it says things once.

    `namespace` is where Headroom's configuration would be.
    """

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._said = set[str]()
        self._has_read = False

    def __call__(self) -> Report:
        """Return the account; raises `CannotTell`."""
        try:
            config, rules = _config(self._api, self._namespace, self._say), _rules(self._api)
            ledger = Ledger(AccountingRules(config, rules))
            now = time.monotonic()
            nodes, _ = self._all(NODES, "nodes")
            ledger.relist_nodes(nodes, now)
            pods, revision = self._all(_pods(rules), "pods")
            ledger.relist(pods, revision, now)
        except ApiError as error:
            raise CannotTell(f"the API server refuses: {error}") from error
        except (KubeError, RelistRequired) as error:
            raise CannotTell(f"the API server does not answer: {error}") from error
        self._has_read = True
        as_of = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Report(ledger.account(now), Circumstances(as_of=as_of, config_hash=digest(config)))

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            click.echo(sentence, err=True)

    def _all(self, resource: Resource[Any, T], what: str) -> tuple[list[T], int]:
        """Read all pages of one list; the first one says how many objects follow. Name an object that is unreadable."""
        decoder = Decoder(resource)
        found: list[T] = []
        revision, more = 0, {"limit": str(_PAGE)}
        hidden = self._has_read or not sys.stderr.isatty()
        with click.progressbar(length=1, label=f"reading {what}", file=sys.stderr, hidden=hidden) as bar:
            while more:
                body = self._api.get(resource.path, more, _TIMEOUT).body
                page = decoder.page(body)
                found += page.objects
                for each in page.unreadable:
                    self._say(f"Warning: {each.namespace}/{each.name} is left out: {each.fault}")
                bar.length = max(1, len(found) + _remaining(body))
                bar.update(len(found) - bar.pos)
                revision = revision or page.revision
                more = {"limit": str(_PAGE), "continue": page.more} if page.more else {}
        return found, revision


def _pods(rules: Rules) -> Resource[WatchedPod, PodInfo]:
    return Resource(PODS.path, WatchedPod, PODS.read, lambda pod: pod_info(pod, rules=rules))


class _Meta(msgspec.Struct, rename="camel"):
    remaining_item_count: int | None = None


class _Head(msgspec.Struct):
    metadata: _Meta


def _remaining(body: bytes) -> int:
    return msgspec.json.decode(body, type=_Head).metadata.remaining_item_count or 0


def _config(api: Api, namespace: str, say: Callable[[str], None]) -> HeadroomConfig:
    """Read the configuration in the cluster; without one, the default of the manifests applies, which is said."""
    path = f"/api/v1/namespaces/{namespace}/configmaps/{NAME}"
    try:
        read = msgspec.json.decode(api.get(path, timeout=_TIMEOUT).body)
        return parse_config(read["data"][KEY])
    except NotFound:
        say(f"no ConfigMap {namespace}/{NAME}: thresholds of 75% (requests) and 100% (limits) are shown")
    except ApiError as error:
        say(f"the ConfigMap {namespace}/{NAME} cannot be read ({error}): 75% and 100% are shown")
    except (KeyError, TypeError, ConfigError) as error:
        raise CannotTell(f"the ConfigMap {namespace}/{NAME} holds no good configuration: {error}") from error
    return parse_config(_DEFAULT)


def _rules(api: Api) -> Rules:
    """Return the rules of the API server's version; the newest known ones if it does not say."""
    try:
        version = msgspec.json.decode(api.get(VERSION, timeout=_TIMEOUT).body, type=_Version).git_version
        return (chosen(version).rule_set,)
    except (ApiError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, VersionError):
        return NEWEST
