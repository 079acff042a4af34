"""Who is refused, as text: names of users stay on one line, and unknown figures are no zeros."""

import pytest

from tests.support.reports import blocked, denial
from webhook.core.reporting.refusal_text import blocked_table, denials_table, explained, owner_of, short
from webhook.core.reporting.tables import UNKNOWN

GI = 1 << 30


@pytest.mark.parametrize(
    ("memory", "cpu", "said"),
    [
        (None, None, UNKNOWN),
        (0, 0, "fits now"),
        (GI, 0, "1Gi"),
        (0, 250, "250m cpu"),
        (GI, 2000, "1Gi, 2 cpu"),
    ],
)
def test_what_is_missing_for_one_pod(memory: int | None, cpu: int | None, said: str) -> None:
    assert short(blocked("web", short_by=memory, short_by_cpu=cpu)) == said


def test_people_look_at_the_top_owner() -> None:
    assert owner_of(denial("a")) == "Pod/a"
    assert owner_of(denial("a", owner_kind="Job", owner_name="j")) == "Job/j"
    both = denial("a", owner_kind="Job", owner_name="j", top_owner_kind="CronJob", top_owner_name="c")
    assert owner_of(both) == "CronJob/c"


def test_a_name_cannot_break_a_line() -> None:
    lines = blocked_table([blocked("a\n\x1b[31mb", missing=None)]).lines()
    lines += denials_table([denial("a\nb", short_sums=("cluster/memory-limits",))]).lines()
    assert len(lines) == 4
    assert not any("\x1b" in line or "\n" in line for line in lines)
    assert lines[1].split()[2] == UNKNOWN


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("ReplicaSet", 'kubectl -n shop annotate replicaset web-1 --overwrite headroom.internal/retry="$(date +%s)"'),
        ("Pod", "Create it again."),
    ],
)
def test_who_would_fit_now_is_told_what_to_do(kind: str, said: str) -> None:
    row = blocked("web", short_by=0, controller_kind=kind)
    assert list(explained("Deployment shop/web", None, row, ()))[-1].endswith(said)
