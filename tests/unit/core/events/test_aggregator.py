"""Notices: one for an object and a reason, soon and then seldom; never too many, and no first one is lost."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.events import aggregator as notice
from webhook.core.events.aggregator import (
    ATTEMPTS,
    BURST,
    INTERVAL,
    MOST,
    RATE,
    ROOM,
    EventAggregator,
    Occurrence,
    PendingEvent,
)
from webhook.core.events.reference import Reference


def of(
    owner: object = "web", text: str = "it does not fit", *, namespace: str = "shop", reason: str = "Full"
) -> Occurrence:
    about = Reference("apps/v1", "ReplicaSet", namespace, str(owner), f"uid-{owner}")
    return Occurrence(about, "Warning", reason, "CreatePod", text)


def told(notices: EventAggregator, now: float) -> list[PendingEvent]:
    """Everything that is due at a moment."""
    return list(iter(lambda: notices.take(now), None))


def test_the_first_is_told_at_once() -> None:
    notices = EventAggregator()
    assert notices.observe(of(), 100.0)
    (found,) = told(notices, 100.0)
    assert (found.occurrence.regarding.name, found.count, found.first, found.last) == ("web", 1, 100.0, 100.0)
    assert told(notices, 100.0) == []


def test_what_follows_is_counted_and_told_after_the_interval_with_the_newest_text() -> None:
    notices = EventAggregator()
    notices.observe(of(), 100.0)
    told(notices, 100.0)
    for second in range(1, 10):
        notices.observe(of(text=f"short by {second}"), 100.0 + second)
        assert told(notices, 100.0 + second) == []
    (found,) = told(notices, 100.0 + INTERVAL)
    assert (found.count, found.first, found.last) == (9, 101.0, 109.0)
    assert found.occurrence.text == "short by 9"


def test_the_count_of_what_was_told_begins_anew() -> None:
    notices = EventAggregator()
    counts = []
    for second in range(100, 140):
        notices.observe(of(), float(second))
        counts += [found.count for found in told(notices, float(second))]
    assert counts == [1, 10, 10, 10]


def test_each_reason_and_each_object_has_its_own() -> None:
    notices = EventAggregator()
    for occurrence in (of("a"), of("b"), of("a", reason="Other"), of("a"), of("a", namespace="other")):
        notices.observe(occurrence, 1.0)
    found = told(notices, 1.0)
    assert Counter((n.occurrence.regarding[2:4], n.occurrence.reason, n.count) for n in found) == {
        (("shop", "a"), "Full", 2): 1,
        (("shop", "b"), "Full", 1): 1,
        (("shop", "a"), "Other", 1): 1,
        (("other", "a"), "Full", 1): 1,
    }


def test_one_that_is_over_is_forgotten() -> None:
    notices = EventAggregator()
    notices.observe(of(), 1.0)
    told(notices, 1.0)
    assert len(notices) == 1
    told(notices, 1.0 + INTERVAL)
    assert len(notices) == 0


def test_those_that_were_never_told_go_before_those_that_were() -> None:
    notices = EventAggregator()
    for number in range(BURST):
        notices.observe(of(number), 1.0)
    told(notices, 1.0)
    for number in range(BURST):
        notices.observe(of(number), 2.0)
    notices.observe(of("new"), 3.0)
    found = notices.take(1.0 + INTERVAL)
    assert found is not None
    assert found.occurrence.regarding.name == "new"


def test_namespaces_take_turns_so_that_a_flood_in_one_holds_up_no_other() -> None:
    notices = EventAggregator()
    for number in range(ROOM):
        notices.observe(of(number, namespace="flood"), 1.0)
    notices.observe(of(namespace="calm"), 2.0)
    names = [found.occurrence.regarding.namespace for found in told(notices, 3.0)[:3]]
    assert "calm" in names[:2]


def test_a_namespace_has_only_so_much_room_and_says_what_it_cannot_take() -> None:
    notices = EventAggregator()
    taken = [notices.observe(of(number, namespace="flood"), 1.0) for number in range(ROOM + 5)]
    assert taken == [True] * ROOM + [False] * 5
    assert notices.observe(of(namespace="calm"), 1.0)
    assert notices.observe(of(0, namespace="flood"), 1.0), "what is known already takes no more room"


def test_all_namespaces_together_have_only_so_much() -> None:
    notices = EventAggregator()
    taken = [notices.observe(of(namespace=f"ns-{number}"), 1.0) for number in range(MOST + 5)]
    assert taken.count(False) == 5
    assert len(notices) == MOST


def test_room_is_given_back() -> None:
    notices = EventAggregator()
    for round_ in range(4):
        start = round_ * 1000.0
        assert all(notices.observe(of(f"{round_}-{number}"), start) for number in range(ROOM))
        for second in range(ROOM):
            told(notices, start + second)
    told(notices, 5000.0)
    assert (len(notices), notices._served, notices._in_namespace) == (0, {}, Counter())


@pytest.mark.parametrize("later", [0, 3])
def test_what_could_not_be_told_is_tried_again_with_what_came_since(later: int) -> None:
    notices = EventAggregator()
    notices.observe(of(), 1.0)
    (failed,) = told(notices, 1.0)
    for _ in range(later):
        notices.observe(of(), 2.0)
    assert notices.give_back(failed)
    assert told(notices, 1.0 + INTERVAL / 2) == []
    (again,) = told(notices, 1.0 + INTERVAL)
    assert (again.count, again.first, again.last) == (1 + later, 1.0, 2.0 if later else 1.0)


def test_it_is_tried_only_so_often() -> None:
    notices = EventAggregator()
    notices.observe(of(), 0.0)
    tries: list[bool] = []
    for attempt in range(ATTEMPTS + 2):
        tries += [notices.give_back(found) for found in told(notices, attempt * INTERVAL)]
    assert tries == [True] * (ATTEMPTS - 1) + [False]


def test_the_tries_are_counted_anew_after_one_that_went_well() -> None:
    notices = EventAggregator()
    for start in (0.0, 1000.0):
        notices.observe(of(), start)
        for attempt in range(ATTEMPTS - 1):
            (failed,) = told(notices, start + attempt * INTERVAL)
            assert notices.give_back(failed)
        assert len(told(notices, start + 500.0)) == 1
        notices.observe(of(), start + 501.0)


def test_what_is_given_back_after_it_was_forgotten_is_tried_at_once() -> None:
    notices = EventAggregator()
    notices.observe(of(), 1.0)
    (failed,) = told(notices, 1.0)
    told(notices, 1.0 + INTERVAL)
    assert len(notices) == 0
    assert notices.give_back(failed)
    (again,) = told(notices, 1.0 + INTERVAL)
    assert (again.count, again.first, again.last, again.attempt) == (1, 1.0, 1.0, 2)


def test_what_is_given_back_where_there_is_no_room_is_dropped() -> None:
    notices = EventAggregator()
    notices.observe(of(), 1.0)
    (failed,) = told(notices, 1.0)
    told(notices, 1.0 + INTERVAL)
    for number in range(ROOM):
        notices.observe(of(number), 20.0)
    assert not notices.give_back(failed)


# -- whatever happens --------------------------------------------------------------------------------------------------

# Each step: seconds that pass, who is refused how often, and whether somebody looks for what is due then.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, 0.2, 1.0, 4.0, INTERVAL, 60.0]),
        st.integers(0, 59),
        st.integers(0, 40),
        st.booleans(),
        st.booleans(),
    ),
    max_size=60,
)
Step = tuple[float, int, int, bool, bool]


class Storm:
    """Notices under a storm; counts what went in, came out, and could not be taken."""

    def __init__(self) -> None:
        self.notices, self.now = EventAggregator(), 1000.0
        self.seen: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.told: list[tuple[float, PendingEvent]] = []

    def step(self, wait: float, first: int, owners: int, look: bool, fail: bool) -> None:
        self.now += wait
        for number in range(first, first + owners):
            namespace = f"ns-{number % 3}"
            self.seen[str(number)] += 1
            if not self.notices.observe(of(number, namespace=namespace), self.now):
                self.dropped[str(number)] += 1
        for found in told(self.notices, self.now) if look else []:
            if fail and self.notices.give_back(found):
                continue
            self.told.append((self.now, found))

    def by_owner(self) -> Iterator[tuple[str, list[tuple[float, PendingEvent]]]]:
        grouped = defaultdict(list)
        for when, found in self.told:
            grouped[found.occurrence.regarding.name].append((when, found))
        yield from grouped.items()


@given(STEPS)
def test_the_rate_is_bounded_whatever_comes(steps: list[Step]) -> None:
    storm = Storm()
    for step in steps:
        storm.step(*step[:3], True, False)
    times = [when for when, _ in storm.told]
    for start in range(len(times)):
        for end in range(start, len(times)):
            assert end - start + 1 <= BURST + RATE * (times[end] - times[start]) + 1e-6


@given(STEPS)
def test_each_object_is_told_of_once_in_an_interval_at_most(steps: list[Step]) -> None:
    storm = Storm()
    for step in steps:
        storm.step(*step[:3], True, False)
    for _, notices in storm.by_owner():
        moments = [when for when, _ in notices]
        assert all(later - sooner >= INTERVAL for sooner, later in pairwise(moments))


@given(STEPS)
def test_everything_that_was_taken_in_is_told_in_the_end_and_counted_once(steps: list[Step]) -> None:
    storm = Storm()
    for step in steps:
        storm.step(*step)
    for _ in range(60):
        storm.step(INTERVAL, 0, 0, True, False)
    counted: Counter[str] = Counter()
    for owner, notices in storm.by_owner():
        counted[owner] = sum(found.count for _, found in notices)
    assert counted == storm.seen - storm.dropped
    assert len(storm.notices) == 0


@given(STEPS, st.integers(1, 30))
def test_memory_is_bounded_whatever_comes(steps: list[Step], room: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notice, "ROOM", room)
        patch.setattr(notice, "MOST", 2 * room)
        storm = Storm()
        for step in steps:
            storm.step(*step)
            kept = Counter(namespace for _, _, namespace, _, _ in (key[0] for key in storm.notices._entries))
            assert len(storm.notices) <= 2 * room
            assert max(kept.values(), default=0) <= room
            assert kept == +storm.notices._in_namespace
            assert len(storm.notices._served) <= 3


@given(STEPS)
def test_nobody_waits_longer_for_a_first_notice_than_the_tokens_take(steps: list[Step]) -> None:
    storm = Storm()
    for step in steps:
        storm.step(*step[:3], True, False)
    storm.notices.observe(of("last", namespace="calm"), storm.now)
    ahead = len(storm.notices)
    storm.step(ahead / RATE, 0, 0, True, False)
    assert "last" in dict(storm.by_owner())
