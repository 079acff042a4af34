"""What pods use: read from the API server within seconds, kept for seconds, and unknown where it is not served."""

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.replica import Clock
from webhook.kube.client import Api, ApiResponse
from webhook.kube.stream import ApiError, KubeError, NotFound, Unreachable
from webhook.web.pod_usage import PATH, PodUsages
from webhook.web.sources import UsageError


class Server(Api):
    """An API server that answers what a test says."""

    def __init__(self, *answers: bytes | KubeError) -> None:
        super().__init__(Configuration(host="http://127.0.0.1:1"))
        self.answers = list(answers)

    def get(self, path: str, *_: object, timeout: float = 10.0, **__: object) -> ApiResponse:
        """Give the next answer."""
        assert path == PATH
        assert timeout <= 2.0
        answer = self.answers.pop(0)
        if isinstance(answer, KubeError):
            raise answer
        return ApiResponse(200, answer)


def test_an_answer_is_kept_for_five_seconds() -> None:
    clock, server = Clock(), Server(b"one", b"two")
    usages = PodUsages(server, clock)
    assert [usages.read(), usages.read()] == [b"one", b"one"]
    clock.wait(4.9)
    assert usages.read() == b"one"
    clock.wait(0.1)
    assert usages.read() == b"two"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            NotFound(404, "NotFound", "the server could not find it"),
            "metrics.k8s.io is not served: install metrics-server",
        ),
        (ApiError(403, "Forbidden", "no"), "its ClusterRole needs list on pods.metrics.k8s.io"),
        (ApiError(503, "ServiceUnavailable", "no"), "the metrics server does not answer: 503 ServiceUnavailable: no"),
        (Unreachable("away"), "the API server does not answer: away"),
    ],
)
def test_a_fault_is_said_and_kept_as_long(fault: KubeError, told: str) -> None:
    clock, server = Clock(), Server(fault, b"one")
    usages = PodUsages(server, clock)
    for _ in range(2):
        with pytest.raises(UsageError, match=told):
            usages.read()
    clock.wait(5.0)
    assert usages.read() == b"one"
