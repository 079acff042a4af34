"""Access: who may read which reports, where the configuration has the API server asked (`reporting.auth: kubernetes`).

    request ──► bearer token ──► TokenReview: who is it?
            ──► SubjectAccessReview: may they list the pods of the cluster? ──► all that there is
            ──► or of a namespace?                                          ──► the rows of those namespaces

What the API server said is kept for seconds, so that one who polls costs few calls. Only this room's own thread asks,
never the one that answers reviews.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Final, NamedTuple, Protocol
from urllib.parse import parse_qsl

from webhook.core.config.types import Authentication
from webhook.core.reporting.visibility import parameter
from webhook.core.reviews.messages import printable
from webhook.core.values.bucket import Bucket
from webhook.core.values.kept import Kept
from webhook.http.messages import Request, Response
from webhook.kube.access_reviews import Identity, Resource
from webhook.kube.stream import ApiError, KubeError
from webhook.web import openapi
from webhook.web.problems import problem
from webhook.web.sources import Sources

AUDIENCE: Final = "headroom.internal"
HEADER: Final = b"headroom-authorization"
"""Carries a token through the API server's service proxy, which removes the Authorization header."""

COMPONENT: Final = "manifests/components/reporting-auth"
OPEN: Final = frozenset({b"/healthz", b"/readyz", b"/metrics", b"/probes", b"/openapi.json"})
_STATIC: Final = b"/ui/static/"
_YES, _NO = 30.0, 10.0  # seconds that an answer is kept
_TOKENS: Final = 1_000
_ANSWERS: Final = 20_000
_MOST_NAMESPACES: Final = 100  # that are asked about for one request
_LONGEST: Final = 8 << 10  # bytes of a token
_LONGEST_NAME: Final = 253  # characters
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # a DNS label, which names of namespaces are
_RATE, _BURST = 20.0, 60  # TokenReviews a second for tokens that are not known
_MAY_RATE, _MAY_BURST = 20.0, 2 * (_MOST_NAMESPACES + 1)  # SubjectAccessReviews a second for one token
_FILLED: Final = _MAY_BURST / _MAY_RATE  # seconds after which a bucket is as good as new
_HOW: Final = (
    f"send a token of Kubernetes as Authorization: Bearer TOKEN, for example one by kubectl create token NAME "
    f"--audience={AUDIENCE}; through the API server's proxy, which removes that header, as Headroom-Authorization"
)


class Reviews(Protocol):
    """What the API server says; every method raises `KubeError`."""

    def who(self, token: str, audience: str) -> Identity | None:
        """Return whose token this is, None if nobody's."""

    def may(self, who: Identity, what: Resource) -> bool:
        """Say whether somebody may do something."""


class Access(NamedTuple):
    """What somebody may read: the rows of these namespaces; None: everything."""

    namespaces: frozenset[str] | None


class AccessControl:
    """Decides on requests of readers; any thread may call it, and `admit` may wait for the API server."""

    def __init__(self, reviews: Reviews, sources: Sources, clock: Callable[[], float]) -> None:
        self._reviews, self._sources, self._clock = reviews, sources, clock
        self._lock = Lock()  # guards what is kept; never held during a call
        self._identities = Kept[bytes, Identity | None](_TOKENS)
        self._buckets = Kept[bytes, Bucket](_TOKENS)
        self._answers = Kept[tuple[bytes, str], bool](_ANSWERS)
        self._bucket = Bucket(_RATE, _BURST)

    def guards(self, path: bytes) -> bool:
        """Say whether a request of this path has to be admitted."""
        if path in OPEN or path.startswith(_STATIC):
            return False
        settings = self._sources.settings()
        return not settings.digest or settings.config.reporting.auth is Authentication.KUBERNETES

    def admit(self, request: Request) -> Access | Response:
        """Return what the asker may read of what they ask for, or the refusal."""
        settings = self._sources.settings()
        if not settings.digest:
            why = f": {settings.problem}" if settings.problem else ""
            return problem(503, f"there is no configuration yet, which says who may read this{why}", retry_after=1)
        token = _token(request)
        if not token:
            return _unknown(f"it is not known who asks: {_HOW}")
        try:
            return self._admitted(request, token)
        except _BusyError:
            return problem(503, "the API server was asked too often who may read this: try again later", retry_after=2)
        except KubeError as error:
            return _unasked(error)

    def _admitted(self, request: Request, token: str) -> Access | Response:
        key = hashlib.sha256(token.encode()).digest()  # so that no token is kept
        who = self._who(key, token)
        if who is None:
            return _unknown(f"the API server does not know this token, or it has expired: {_HOW}")
        if self._may_list(key, who, ""):
            return Access(None)
        name = _name(who)
        of_rows = parameter(_collection(request.path))
        if of_rows is None:
            return problem(403, f"{name} may not list the pods of all namespaces, and this shows what all commit")
        asked = [value for key_, value in _parameters(request) if key_ == of_rows]
        if asked:
            return self._to_one(key, who, asked[0])
        return self._to_some(key, who, of_rows)

    def _to_one(self, key: bytes, who: Identity, namespace: str) -> Access | Response:
        # Answers are kept by name: what cannot be a name is not asked about, or it would fill the memory.
        if _NAMESPACE.fullmatch(namespace) and self._may_list(key, who, namespace):
            return Access(frozenset({namespace}))
        return problem(403, f"{_name(who)} may not list pods in the namespace {printable(namespace, _LONGEST_NAME)}")

    def _to_some(self, key: bytes, who: Identity, of_rows: str) -> Access | Response:
        known = set(_namespaces(self._sources))
        if len(known) > _MOST_NAMESPACES:
            many = f"there are more than {_MOST_NAMESPACES} namespaces, too many to find those of {_name(who)}"
            return problem(403, f"{many}: name one with ?{of_rows}=NAMESPACE", of_rows)
        found = frozenset(each for each in sorted(known) if self._may_list(key, who, each))
        if not found:
            return problem(403, f"{_name(who)} may not list pods in any namespace that has some")
        return Access(found)

    def _who(self, key: bytes, token: str) -> Identity | None:
        with self._lock:
            now = self._clock()
            known = self._identities.get(key, now)
            if known is not None:
                return known[0]
            if not self._bucket.take(now):
                raise _BusyError
        who = self._reviews.who(token, AUDIENCE)
        with self._lock:
            self._identities.put(key, who, now + (_NO if who is None else _YES))
        return who

    def _may_list(self, key: bytes, who: Identity, namespace: str) -> bool:
        with self._lock:
            now = self._clock()
            known = self._answers.get((key, namespace), now)
            if known is not None:
                return known[0]
            bucket = (self._buckets.get(key, now) or (Bucket(_MAY_RATE, _MAY_BURST),))[0]
            self._buckets.put(key, bucket, now + _FILLED)
            if not bucket.take(now):
                raise _BusyError
        may = self._reviews.may(who, Resource("list", "pods", namespace))
        with self._lock:
            self._answers.put((key, namespace), may, now + (_YES if may else _NO))
        return may


class _BusyError(Exception):
    """The API server would be asked more often than it is to be."""


def _token(request: Request) -> str:
    value = request.fields.get(b"authorization") or request.fields.get(HEADER) or b""
    scheme, _, token = value.partition(b" ")
    if scheme.lower() != b"bearer" or len(token) > _LONGEST:
        return ""
    return token.strip().decode("latin-1")


def _collection(path: bytes) -> str:
    base = f"{openapi.API}/".encode()
    return path[len(base) :].decode("latin-1") if path.startswith(base) else ""


def _parameters(request: Request) -> Iterator[tuple[str, str]]:
    """Yield the parameters as Flask reads them."""
    yield from parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)


def _namespaces(sources: Sources) -> Iterable[str]:
    """Yield the namespaces that any row may be of."""
    yield from (each.name for each in sources.reports.latest().namespaces())
    if sources.refusals is not None:
        yield from (each.namespace for each in sources.refusals.denials())
        yield from (each.namespace for each in sources.refusals.blocked())


def _name(who: Identity) -> str:
    return printable(who.username, _LONGEST_NAME)


def _unknown(detail: str) -> Response:
    said = problem(401, detail)
    return Response(said.status, said.body, said.content_type, None, (("WWW-Authenticate", 'Bearer realm="headroom"'),))


def _unasked(error: KubeError) -> Response:
    if isinstance(error, ApiError) and error.status == 403:
        return problem(503, f"Headroom may not ask the API server who you are: apply {COMPONENT}", retry_after=10)
    return problem(503, f"the API server cannot be asked who you are: {error}", retry_after=2)
