"""A feed says whether what a watch told can be judged by, and how old it is."""

from webhook.state.sync_status import SyncStatus


def test_nothing_can_be_judged_by_before_the_first_list() -> None:
    assert SyncStatus("pods").problem(0.0) == "the pods are still being listed"


def test_why_the_first_list_does_not_come_is_said() -> None:
    feed = SyncStatus("pods")
    feed.tell_broken("connection refused", 1.0)
    assert feed.problem(2.0) == "the pods are still being listed (connection refused)"


def test_a_listed_feed_has_no_problem_and_no_age() -> None:
    feed = SyncStatus("nodes")
    feed.tell_synced(5.0)
    assert feed.problem(1e6) is None
    assert feed.age(1e6) == 0.0
    assert feed.heard == 5.0


def test_a_broken_watch_is_a_problem_from_five_seconds_on() -> None:
    feed = SyncStatus("nodes")
    feed.tell_synced(0.0)
    feed.tell_broken("reset", 10.0)
    feed.tell_broken("refused", 12.0)
    assert feed.problem(14.9) is None
    assert feed.problem(15.0) == "the watch on nodes has been broken for 5 s (refused)"
    assert feed.age(15.0) == 5.0


def test_a_watch_that_is_open_again_mends_it() -> None:
    feed = SyncStatus("nodes")
    feed.tell_synced(0.0)
    feed.tell_broken("reset", 10.0)
    feed.tell_live(30.0)
    assert feed.problem(30.0) is None
    assert feed.age(31.0) == 0.0
    assert feed.heard == 30.0


def test_what_broke_a_moment_after_the_question_is_not_younger_than_nothing() -> None:
    feed = SyncStatus("pods")
    feed.tell_synced(0.0)
    feed.tell_broken("reset", 10.0)
    assert feed.age(9.9) == 0.0


def outdated(*, listed: bool) -> SyncStatus:
    feed = SyncStatus("pods")
    if listed:
        feed.tell_synced(0.0)
    feed.tell_outdated()
    return feed


def test_a_feed_of_what_never_happened_is_listed_again() -> None:
    feed = outdated(listed=True)
    feed.tell_outdated()
    assert feed.again
    assert feed.problem(1.0) == "the pods are listed again (etcd was put back)"


def test_a_feed_that_was_never_listed_is_not_listed_again() -> None:
    assert not outdated(listed=False).again


def test_the_next_list_mends_a_feed_of_what_never_happened() -> None:
    feed = outdated(listed=True)
    feed.tell_synced(2.0)
    assert not feed.again
    assert feed.problem(2.0) is None
