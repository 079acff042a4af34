"""The table shows what was found, and what must not be is a problem."""

import pytest

from tests.stress.clients import CREATED, Told
from tests.stress.evidence import Evidence, Moment
from tests.stress.figures import MI
from tests.stress.soak.outages import Down, Outage
from tests.stress.soak.phases import Phase
from tests.stress.soak.report import Found, problems, table
from tests.stress.soak.samples import BROKEN, STEADY, life
from tests.stress.soak.schedule import Change, Fault

BOUND = 6144 * MI
GOOD = Found(
    seed=7,
    seconds=601.0,
    bound=BOUND,
    evidence=Evidence((Moment(1, 0, 0.0), Moment(2, BOUND, 1.0)), 2.0, 0),
    phases=(),
    counts={CREATED: 1234},
    failed=(),
    outages=[Outage(Down.KILLED, 10.0, 20.0)],
    events={Change.STORM: [2.0], Fault.KILL: [1.0, 3.0, 9.5]},
    lives=[life(STEADY)],
    stuck=(),
    torn=3,
    refused=40,
    kills=1,
    clients=2,
)
KILLED = Told("failed 500", BROKEN, 15.0)


def test_nothing_is_wrong_with_a_good_soak() -> None:
    assert problems(GOOD) == []
    assert problems(GOOD._replace(failed=[KILLED] * 4)) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (GOOD._replace(failed=[KILLED], outages=[]), "lost: failed 500"),
        (GOOD._replace(failed=[KILLED] * 5), "5 calls failed with 1 kills of 2 clients"),
        (GOOD._replace(bound=BOUND - 1), "over the threshold"),
        (GOOD._replace(phases=[Phase(1, 2, BOUND // 2)]), "added beyond a lowered threshold"),
        (GOOD._replace(stuck=["replica 1 ended with -9"]), "replica 1 ended with -9"),
        (GOOD._replace(lives=[life(STEADY._replace(threads=99))]), "30 threads became 99"),
    ],
)
def test_what_must_not_be_is_a_problem(found: Found, said: str) -> None:
    (wrong,) = problems(found)
    assert said in wrong


def test_the_table_has_every_event_and_every_life() -> None:
    shown = table(GOOD._replace(failed=[KILLED]))
    assert "soak of 10 min 1 s, seed 7" in shown
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert "replica killed (-9) 3 3.0 s 9.5 s" in rows
    assert "storm of creates 1 2.0 s 2.0 s" in rows
    assert "calls answered 1,234" in rows
    assert "calls failed: on their way to a killed replica 1" in rows
    assert "calls lost 0" in rows
    assert "replica 1, pid 100 30 s 100 → 100 30 → 30 40 → 40 10 → 10" in rows
