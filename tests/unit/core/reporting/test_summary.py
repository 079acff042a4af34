"""The verdict line, sentence by sentence."""

import pytest

from tests.support.rows import GI, commitment, line, scope
from webhook.core.reporting.rows import Commitment
from webhook.core.reporting.summary import verdict

ROOM = scope("cluster", line(12 * GI, 18 * GI), line(22 * GI + GI // 2, 24 * GI))
FULL = scope("cluster", line(18 * GI, 18 * GI), line(22 * GI, 24 * GI))


@pytest.mark.parametrize(
    ("committed", "blocked", "said"),
    [
        (commitment(ROOM), None, "Room for 6Gi of requests and 1.5Gi of limits."),
        (commitment(ROOM), 0, "Room for 6Gi of requests and 1.5Gi of limits."),
        (commitment(ROOM), 1, "Room for 6Gi of requests and 1.5Gi of limits. 1 workload is waiting."),
        (commitment(FULL), 3, "No room for requests, room for 2Gi of limits. 3 workloads are waiting."),
        (commitment(scope("cluster", line(18, 18), line(24, 24))), None, "No room for requests or limits."),
        (commitment(scope("cluster", line(20 * GI, 18 * GI))), None, "Over by 2Gi of requests."),
        (commitment(scope()), None, "No threshold is set."),
        (
            commitment(scope("cluster", line(0, GI), cpu_requests=line(500, 2000))),
            None,
            "Room for 1Gi of requests and 1.5 of cpu requests.",
        ),
        (
            commitment(ROOM, scope("hm", line(9 * GI, 6 * GI)), scope("lm", line(0, GI))),
            None,
            "Room for 6Gi of requests and 1.5Gi of limits. Over by 3Gi of requests in pool hm.",
        ),
        (
            commitment(ROOM, scope("hm", line(6 * GI, 6 * GI))),
            None,
            "Room for 6Gi of requests and 1.5Gi of limits. No room for requests in pool hm.",
        ),
        (
            commitment(ROOM, mode="audit"),
            None,
            "Room for 6Gi of requests and 1.5Gi of limits. Mode audit: nothing is refused.",
        ),
        (commitment(ROOM, problem="the pods are not listed"), 2, "Headroom cannot judge now: the pods are not listed."),
    ],
)
def test_the_verdict(committed: Commitment, blocked: int | None, said: str) -> None:
    assert verdict(committed, blocked) == said


def test_what_is_free_is_rounded_down_and_what_is_over_up() -> None:
    assert verdict(commitment(scope("cluster", line(0, 5 * GI - 1)))) == "Room for 4.99Gi of requests."
    assert verdict(commitment(scope("cluster", line(5 * GI + 1, 0)))) == "Over by 5.01Gi of requests."
