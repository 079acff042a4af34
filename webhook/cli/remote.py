"""What the running webhook says, through the API server's service proxy, which authenticates the user."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import click
import msgspec

from webhook.cli.cluster import CannotTell, Target, connect
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.errors import ConfigError
from webhook.core.config.parse import parse
from webhook.core.forecast.questions import (
    CheckAnswer,
    CheckQuestion,
    FitAnswer,
    FitQuestion,
    SimulateAnswer,
    SimulateQuestion,
)
from webhook.core.reporting.rows import BlockedRow, Commitment, DenialRow, GroupRow, NodeRow, PodRow, Row
from webhook.kube.stream import ApiError, KubeError, NotFound

_SERVICE = "headroom"
_TIMEOUT = 10.0  # seconds
_PAGE = "1000"  # rows

R = TypeVar("R", bound=Row)
V = TypeVar("V")
Get = Callable[[str, Mapping[str, str]], bytes]
"""Reads a path of Headroom's REST API with a query; raises `CannotTell`."""

Post = Callable[[str, bytes], bytes]
"""Sends a question to a path of Headroom's REST API; raises `CannotTell`, and `click.UsageError` for a bad question."""


class InForce(NamedTuple):
    """The configuration in force, and its digest; `problem` says why the last edit does not apply, None if it does."""

    config: HeadroomConfig
    digest: str
    problem: str | None


class _ConfigAnswer(msgspec.Struct):
    """What is read of /api/v1/config."""

    hash: str
    problem: str | None
    config: msgspec.Raw


class Remote:
    """Headroom's REST API as rows; every method raises `CannotTell` if there is no answer."""

    def __init__(self, get: Get, post: Post) -> None:
        self._get, self._post = get, post

    def check(self, question: CheckQuestion) -> CheckAnswer:
        """Return which pods of manifests would be admitted."""
        return _decoded(self._post("/api/v1/check", msgspec.json.encode(question)), CheckAnswer)

    def fit(self, question: FitQuestion) -> FitAnswer:
        """Return how many more pods fit."""
        return _decoded(self._post("/api/v1/fit", msgspec.json.encode(question)), FitAnswer)

    def simulate(self, question: SimulateQuestion) -> SimulateAnswer:
        """Return what the account would be."""
        return _decoded(self._post("/api/v1/simulate", msgspec.json.encode(question)), SimulateAnswer)

    def config(self) -> InForce:
        """Return the configuration in force."""
        answer = _decoded(self._get("/api/v1/config", {}), _ConfigAnswer)
        try:
            return InForce(parse(bytes(answer.config).decode()), answer.hash, answer.problem)
        except ConfigError as error:
            raise CannotTell(f"Headroom's configuration cannot be read by this version: {error}") from error

    def commitment(self) -> Commitment:
        """Return the whole account."""
        return _decoded(self._get("/api/v1/commitment", {}), Commitment)

    def nodes(self, query: Mapping[str, str]) -> list[NodeRow]:
        """Return the nodes."""
        return list(self._items("/api/v1/nodes", query, NodeRow))

    def groups(self, by: str, query: Mapping[str, str]) -> list[GroupRow]:
        """Return namespaces, workloads, or nodes by the value of a label."""
        if by in ("namespaces", "workloads"):
            return list(self._items(f"/api/v1/{by}", query, GroupRow))
        return list(self._items("/api/v1/groups", {**query, "label": by}, GroupRow))

    def largest_namespaces(self, most: int) -> list[GroupRow]:
        """Return the namespaces that request the most memory; the others are not read."""
        query = {"sortBy": "-memory.requests", "limit": str(most)}
        return list(islice(self._items("/api/v1/namespaces", query, GroupRow), most))

    def pods(self, query: Mapping[str, str]) -> list[PodRow]:
        """Return live pods."""
        return list(self._items("/api/v1/pods", query, PodRow))

    def denials(self, query: Mapping[str, str]) -> list[DenialRow]:
        """Return recent decisions, the newest first."""
        return list(self._items("/api/v1/denials", query, DenialRow))

    def blocked(self, query: Mapping[str, str]) -> list[BlockedRow]:
        """Return the owners whose pods are refused and who are still short of them."""
        return list(self._items("/api/v1/blocked", query, BlockedRow))

    def _items(self, path: str, query: Mapping[str, str], kind: type[R]) -> Iterator[R]:
        more: dict[str, str] = {}
        while True:
            page: dict[str, Any] = _decoded(self._get(path, {"limit": _PAGE, **query, **more}), dict)
            yield from msgspec.convert(page["items"], list[kind])  # type: ignore[valid-type]  # a type as a value
            after = page["metadata"].get("continue")
            if not after:
                return
            more = {"continue": after}


def remote(target: Target) -> Remote:
    """Return Headroom's API as `target` names it."""
    if target.server is not None:
        server = target.server.rstrip("/")
        return Remote(
            lambda path, query: _fetch(f"{server}{path}?{urlencode(query)}", None),
            lambda path, body: _fetch(f"{server}{path}", body),
        )
    api = connect(target)
    base = f"/api/v1/namespaces/{target.headroom_namespace}/services/{_SERVICE}:http/proxy"

    def get(path: str, query: Mapping[str, str]) -> bytes:
        with _answered(target):
            return api.get(f"{base}{path}", query, _TIMEOUT).body
        raise AssertionError  # the context manager raises

    def post(path: str, body: bytes) -> bytes:
        with _answered(target):
            return api.create(f"{base}{path}", body, _TIMEOUT).body
        raise AssertionError

    return Remote(get, post)


@contextmanager
def _answered(target: Target) -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise CannotTell(
            f"Headroom is not in namespace {target.headroom_namespace} ({error}); name its namespace with "
            "--headroom-namespace, or compute from the API server with --direct"
        ) from error
    except ApiError as error:
        if error.status == 400:
            raise click.UsageError(_detail(str(error))) from error
        raise CannotTell(f"Headroom does not answer ({error}); --direct computes from the API server") from error
    except KubeError as error:
        raise CannotTell(f"the API server does not answer: {error}") from error


def _fetch(url: str, body: bytes | None) -> bytes:
    if not url.startswith(("http://", "https://")):
        raise CannotTell(f"{url} is not an address; write for example --server http://127.0.0.1:8080")
    request = Request(url, body, {"Content-Type": "application/json"} if body else {})  # noqa: S310 - checked above
    try:
        with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310 - checked above
            answer: bytes = response.read()
            return answer
    except HTTPError as error:
        if error.code == 400:
            raise click.UsageError(_detail(error.read().decode(errors="replace"))) from error
        raise CannotTell(f"{url}: {error}") from error
    except OSError as error:
        raise CannotTell(f"{url}: {error}; is Headroom there?") from error


def _detail(text: str) -> str:
    """Return the detail of an answer in the form of RFC 9457, or the whole text."""
    begin = text.find("{")
    try:
        found = msgspec.json.decode(text[begin:], type=_Problem) if begin >= 0 else _Problem()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text
    return found.detail or text


class _Problem(msgspec.Struct):
    detail: str = ""


def _decoded(body: bytes, kind: type[V]) -> V:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CannotTell(f"Headroom's answer cannot be read ({error}): its version may differ from this one") from error
