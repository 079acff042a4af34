"""A client of a Kubernetes API server that sends and returns plain JSON: the server gets exactly what a test sends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from kubernetes import client, config
from urllib3 import BaseHTTPResponse

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}

# An object as decoded JSON. Tests look into many kinds of objects, few of which are worth a type of their own.
Object = dict[str, Any]
Query = dict[str, str | int]

TIMED_OUT = 504
LOOPBACK_NAMES = {"127.0.0.1", "::1", "localhost"}


class ApiError(RuntimeError):
    """The API server refused: `code` is the HTTP status, `reason` and `message` are from its Status object."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code, self.reason, self.message = code, reason, message


def timed_out(act: Callable[[], object]) -> bool:
    """Do something, and say whether the API server gave it up for lack of time."""
    try:
        act()
    except ApiError as error:
        if error.code != TIMED_OUT:
            raise
        return True
    return False


class Api:
    """Calls one API server with the credentials of one kubeconfig; several threads may share it."""

    def __init__(self, kubeconfig: Path) -> None:
        settings = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=settings)  # type: ignore[no-untyped-call] # the package is not typed
        settings.connection_pool_maxsize = 64
        if urlsplit(settings.host).hostname in LOOPBACK_NAMES:
            settings.proxy = None  # as Go's clients do by default: a proxy is never meant for this machine
        self.url: str = settings.host
        self._settings = settings
        self._pool = client.ApiClient(settings).rest_client.pool_manager

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        content_type: str = "application/json",
        timeout: float = 30.0,
        query: Query | None = None,
    ) -> Object:
        """Send `body`, return the object that comes back; any status from 400 up is an ApiError."""
        return self.warned(method, path, body, content_type=content_type, timeout=timeout, query=query)[0]

    def warned(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        content_type: str = "application/json",
        timeout: float = 30.0,
        query: Query | None = None,
    ) -> tuple[Object, list[str]]:
        """The same, with what kubectl would print after "Warning: "."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        url = path + (f"?{urlencode(query)}" if query else "")
        answer = self._answer(method, url, data, headers, timeout)
        # RFC 9111, 5.5: a code, an agent, and the text in quotes.
        return _decoded(answer.data), [each.split(" ", 2)[2][1:-1] for each in answer.headers.getlist("Warning")]

    def text(self, path: str, timeout: float = 30.0) -> str:
        """Read a page that is not an object, such as /metrics or /readyz."""
        return self._send("GET", path, None, {}, timeout).decode()

    def _send(self, method: str, url: str, body: bytes | None, headers: dict[str, str], timeout: float) -> bytes:
        return self._answer(method, url, body, headers, timeout).data

    def _answer(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], timeout: float
    ) -> BaseHTTPResponse:
        answer = self._pool.request(
            method,
            self.url + url,
            body=body,
            headers=headers | self._credentials(),
            timeout=timeout,
            retries=False,
        )
        if answer.status >= 400:
            raise _error(answer.status, answer.data)
        return answer

    def _credentials(self) -> dict[str, str]:
        # Read for each call: tokens of cloud providers expire, and this fetches a new one.
        bearer = self._settings.auth_settings().get("BearerToken")
        return {"Authorization": str(bearer["value"])} if bearer else {}

    def get(self, path: str, **query: str | int) -> Object:
        """Read an object or a list."""
        return self.request("GET", path, query=query)

    def items(self, path: str, **query: str | int) -> list[Object]:
        """Read the members of a list."""
        listed: list[Object] = self.get(path, **query)["items"]
        return listed

    def create(self, path: str, body: Object, **query: str | int) -> Object:
        """Create an object in the collection `path`."""
        return self.request("POST", path, body, query=query)

    def replace(self, path: str, body: Object, **query: str | int) -> Object:
        """Replace an object or its subresource."""
        return self.request("PUT", path, body, query=query)

    def patch(self, path: str, body: Object, kind: str = "merge", **query: str | int) -> Object:
        """Patch an object or its subresource; `kind` is merge, strategic or apply."""
        return self.request("PATCH", path, body, content_type=PATCH_TYPES[kind], query=query)

    def apply(self, path: str, body: Object) -> Object:
        """Create the object or bring it to this state by a server-side apply that forces conflicts."""
        return self.patch(path, body, "apply", fieldManager="tests", force="true")

    def delete(self, path: str, **query: str | int) -> Object:
        """Delete an object, or all of a collection."""
        return self.request("DELETE", path, query=query)

    def delete_now(self, path: str) -> Object:
        """Delete a pod or a collection of pods without a grace period, because no kubelet would end it."""
        return self.delete(path, gracePeriodSeconds=0)

    def exists(self, path: str) -> bool:
        """Whether the object at `path` exists."""
        try:
            self.get(path)
        except ApiError as error:
            if error.code != 404:
                raise
            return False
        return True


def _decoded(data: bytes) -> Object:
    decoded: Object = json.loads(data)
    return decoded


def _error(code: int, data: bytes) -> ApiError:
    try:
        status = _decoded(data)
    except ValueError:
        return ApiError(code, "", data.decode(errors="replace"))
    return ApiError(code, status.get("reason", ""), status.get("message", ""))
