"""One thread is woken for work, and the reader of the watch is told whether events may be read late."""

from threading import RLock, Thread

from webhook.state.wakeup import Wakeup


class Pace:
    """What the reader was told."""

    def __init__(self) -> None:
        self.hurried = 0
        self.eased: list[bool] = []

    def hurry(self) -> None:
        self.hurried += 1

    def ease(self, at_ease: bool) -> None:
        self.eased.append(at_ease)


def paced() -> tuple[Wakeup, Pace]:
    wakeup, pace = Wakeup(RLock()), Pace()
    wakeup.set_pace(pace)
    return wakeup, pace


def test_a_thread_that_waits_is_woken() -> None:
    lock = RLock()
    wakeup, woken = Wakeup(lock), []

    def wait() -> None:
        with lock:
            wakeup.wait(60.0, behind=False, near=False)
            woken.append(True)

    waiting = Thread(target=wait)
    waiting.start()
    with lock:
        wakeup.wake()
    waiting.join(30.0)
    assert woken == [True]


def test_work_that_came_before_the_wait_ends_it_at_once_and_is_then_done() -> None:
    wakeup, pace = paced()
    with wakeup._changed:
        wakeup.wake()
        wakeup.wait(60.0, behind=False, near=False)
        assert not wakeup._work
    assert pace.hurried == 1


def test_events_may_be_late_unless_a_bound_is_near_or_somebody_waits_for_them() -> None:
    wakeup, pace = paced()
    with wakeup._changed:
        for behind, near in ((False, True), (True, False), (False, False)):
            wakeup.wait(0.0, behind=behind, near=near)
        wakeup.await_pods(awaiting=True)
        wakeup.await_pods(awaiting=True)
        wakeup.await_pods(awaiting=False)
    assert pace.eased == [True, False, False, True, False, True], "it is told what is so, and each change"


def test_a_view_that_comes_far_enough_wakes_whoever_waits_for_it_once() -> None:
    wakeup, pace = paced()
    with wakeup._changed:
        wakeup.advance(lambda: True)
        assert pace.hurried == 0, "nobody waits for it"
        wakeup.wait(0.0, behind=True, near=False)
        wakeup.advance(lambda: False)
        assert pace.hurried == 0
        wakeup.advance(lambda: True)
        wakeup.advance(lambda: True)
    assert (pace.hurried, pace.eased[-1]) == (1, True)
