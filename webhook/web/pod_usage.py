"""What pods use, as the metrics server says (metrics.k8s.io): read when somebody asks, and kept for seconds."""

from collections.abc import Callable
from threading import Lock
from typing import Final

from webhook.kube.client import Api
from webhook.kube.stream import ApiError, KubeError, NotFound
from webhook.web.sources import UsageError

PATH: Final = "/apis/metrics.k8s.io/v1beta1/pods"
_TIMEOUT: Final = 2.0  # seconds each to connect, for the headers, for the body
_KEPT: Final = 5.0  # seconds; a metrics server measures every 15 s
_ABSENT: Final = "metrics.k8s.io is not served: install metrics-server to see what pods use"
_FORBIDDEN: Final = f"Headroom may not read {PATH}: its ClusterRole needs list on pods.metrics.k8s.io"


class PodUsages:
    """Reads the usage of all pods. Any thread may call it; one at a time reads."""

    def __init__(self, api: Api, clock: Callable[[], float]) -> None:
        self._api, self._clock = api, clock
        self._lock = Lock()
        self._until = float("-inf")
        self._found: bytes | UsageError = UsageError("not read yet")

    def read(self) -> bytes:
        """Return a PodMetricsList as JSON; raises `UsageError`."""
        with self._lock:
            if self._clock() >= self._until:
                self._found = self._read()
                self._until = self._clock() + _KEPT
            found = self._found
        if isinstance(found, UsageError):
            raise UsageError(str(found))
        return found

    def _read(self) -> bytes | UsageError:
        try:
            return self._api.get(PATH, timeout=_TIMEOUT).body
        except NotFound:
            return UsageError(_ABSENT)
        except ApiError as error:
            if error.status == 403:
                return UsageError(_FORBIDDEN)
            # The aggregator says 503 for a metrics server that is registered and does not answer.
            return UsageError(f"the metrics server does not answer: {error}")
        except KubeError as error:
            return UsageError(f"the API server does not answer: {error}")
