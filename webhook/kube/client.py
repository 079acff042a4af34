"""The client of the Kubernetes API, raw bytes in and out: the only module that opens connections to the API.

The official client provides configuration, authentication and the connection pool. Its models are not used, because
they take about a hundred times as long to decode as msgspec does. This module does not retry: its callers decide when.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError
from yaml import YAMLError

from webhook import __version__
from webhook.kube.stream import Stream, Unanswered, Unconfigured, Unreachable, refusal

CONNECT_SECONDS = 3.0
_JSON = "application/json"
_LOOPBACK = "localhost,127.0.0.0/8,::1"


class ApiResponse(NamedTuple):
    """A response with a status of 2xx; `date` is the API server's clock, as its Date header gives it."""

    status: int
    body: bytes
    date: str = ""


def configure(kubeconfig: str | None) -> Any:
    """Return the official client's configuration, from that file or, without one, from the pod's service account.

    The client's own hook refreshes the token: in a pod once a minute, with a kubeconfig when the token expires. Raises
    `Unconfigured` if neither can be used.
    """
    if kubeconfig is not None:
        return configure_user(kubeconfig)
    configuration = Configuration()
    with _unconfigured("the pod's service account"):
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # it has none
    return configuration


def configure_user(kubeconfig: str | None = None, context: str | None = None) -> Any:
    """Return the configuration from a user's kubeconfig, as kubectl finds it: that file, $KUBECONFIG or ~/.kube/config.

    Raises `Unconfigured` if it cannot be used, or has no such context.
    """
    configuration = Configuration()
    with _unconfigured(f"the kubeconfig {kubeconfig}" if kubeconfig else "the kubeconfig"):
        load_kube_config(kubeconfig, context, client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]  # it has none
    return configuration


@contextmanager
def _unconfigured(source: str) -> Iterator[None]:
    try:
        yield
    except (ConfigException, OSError, ValueError, YAMLError, TypeError, AttributeError, KeyError) as error:
        # The client raises the last three for a file that is not shaped like a kubeconfig.
        fault = " ".join(str(error).split())
        raise Unconfigured(f"cannot use {source}: {fault}; name a usable file with --kubeconfig") from error


class Api:
    """Calls to one API server; any number of threads may share it."""

    def __init__(self, configuration: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._configuration = configuration
        self._clock = clock
        # A proxy from the environment is never meant for this machine, whether or not NO_PROXY says so.
        configuration.no_proxy = ",".join(filter(None, (configuration.no_proxy, _LOOPBACK)))
        configuration.keep_alive = True
        self._pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager

    def get(
        self, path: str, query: Mapping[str, str] | None = None, timeout: float = 10.0, accept: str = _JSON
    ) -> ApiResponse:
        """Read an object or a list; `accept` may ask for its metadata alone."""
        return self._call("GET", path, query=query, accept=accept, timeout=timeout)

    def create(
        self, path: str, body: bytes, timeout: float = 10.0, query: Mapping[str, str] | None = None
    ) -> ApiResponse:
        """POST an object to its collection; raises `Conflict` if the name is taken."""
        return self._call("POST", path, query=query, body=body, timeout=timeout)

    def replace(
        self, path: str, body: bytes, timeout: float = 10.0, query: Mapping[str, str] | None = None
    ) -> ApiResponse:
        """PUT an object. If it has a resourceVersion, this is a compare-and-swap; raises `Conflict` if that fails."""
        return self._call("PUT", path, query=query, body=body, timeout=timeout)

    def patch(self, path: str, body: bytes, timeout: float = 10.0) -> ApiResponse:
        """Merge fields into an object (JSON merge patch)."""
        return self._call("PATCH", path, body=body, media_type="application/merge-patch+json", timeout=timeout)

    def stream(self, path: str, query: Mapping[str, str], header_timeout: float, idle_timeout: float) -> Stream:
        """GET a response whose body is read as it arrives.

        The headers must arrive within `header_timeout` seconds. No wait for bytes of the body is longer than
        `idle_timeout` seconds.
        """
        stream = self._send("GET", path, query=query, read=header_timeout)
        # Without a socket (the server closes after this response), `header_timeout` stays in force: safe, and rare.
        sock = getattr(stream.response.connection, "sock", None)
        if sock is not None:
            sock.settimeout(idle_timeout)
        return stream

    def close(self) -> None:
        """Close the connections that are idle."""
        self._pool.clear()

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        media_type: str = _JSON,
        accept: str = _JSON,
        timeout: float,
    ) -> ApiResponse:
        with self._send(
            method, path, query=query, body=body, media_type=media_type, accept=accept, read=timeout
        ) as stream:
            date = stream.response.headers.get("Date", "")
            return ApiResponse(stream.response.status, stream.rest(timeout), date)

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        media_type: str = _JSON,
        accept: str = _JSON,
        read: float,
    ) -> Stream:
        try:
            response = self._pool.request(
                method,
                f"{self._configuration.host}{path}" + (f"?{urlencode(query)}" if query else ""),
                body=body,
                headers=self._headers(accept) | ({"Content-Type": media_type} if body is not None else {}),
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, read), read=read),
                retries=False,
                preload_content=False,
            )
        except (NewConnectionError, ConnectTimeoutError, ProxyError) as error:
            raise Unreachable(f"{method} {path}: {error}") from error
        except (HTTPError, OSError) as error:
            raise Unanswered(f"{method} {path}: {error}") from error
        stream = Stream(response, self._clock)
        if not 200 <= response.status < 300:
            with stream:
                raise refusal(stream.rest(read), response.status, response.headers.get("Retry-After", ""))
        return stream

    def _headers(self, accept: str) -> dict[str, str]:
        try:
            settings = self._configuration.auth_settings()
        except (ConfigException, OSError, ValueError) as error:
            raise Unreachable(f"cannot read the credentials: {error}") from error
        credentials = {setting["key"]: str(setting["value"]).strip() for setting in settings.values()}
        return {"Accept": accept, "User-Agent": f"headroom/{__version__}"} | credentials
