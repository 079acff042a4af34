"""What was added beyond a lowered bound is found, and what lived already is not held against it."""

from tests.stress.evidence import Moment
from tests.stress.soak.phases import Phase, beyond

LOWERED = Phase(first=10, last=20, bound=60)


def moments(*held: tuple[int, int]) -> list[Moment]:
    return [Moment(revision, size, 0.0) for revision, size in held]


def test_what_grows_beyond_it_is_found() -> None:
    seen = moments((9, 50), (12, 60), (13, 61), (14, 60))
    assert beyond(seen, [LOWERED]) == moments((13, 61))


def test_what_lives_already_may_stay_and_go() -> None:
    assert beyond(moments((9, 100), (12, 90), (13, 80)), [LOWERED]) == []


def test_what_replaces_something_while_more_than_the_bound_lives_is_found() -> None:
    assert beyond(moments((9, 100), (12, 90), (13, 95)), [LOWERED]) == moments((13, 95))


def test_before_and_after_the_phase_the_usual_bound_holds() -> None:
    assert beyond(moments((9, 50), (10, 100), (20, 10), (21, 100)), [LOWERED]) == []


def test_the_last_revision_of_the_phase_counts() -> None:
    assert beyond(moments((19, 50), (20, 100)), [LOWERED]) == moments((20, 100))
