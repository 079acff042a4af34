import threading
import time

from demo.digestion import Digestion
from demo.monster import Monster


class Crumb:
    def close(self) -> None:
        """Nothing to give back: these tests are about the time."""


def monster() -> Monster:
    return Monster(1, 100, lambda _size: Crumb())


def timers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}


def wait_until_empty(eater: Monster) -> float:
    start = time.monotonic()
    while eater.holding().held_bytes and time.monotonic() - start < 30:
        time.sleep(0.005)
    return time.monotonic()


def test_every_portion_is_given_back_without_being_asked_for() -> None:
    eater = monster()
    digestion = Digestion(eater, time.monotonic)
    now = time.monotonic()
    assert eater.eat(1, until=now + 2.0) == 1
    digestion.attend()
    assert eater.eat(1, until=now + 1.5) == 1
    digestion.attend()
    assert wait_until_empty(eater) >= now + 2.0
    assert eater.holding().held_bytes == 0


def test_there_is_one_timer_however_often_it_is_fed_and_none_when_nothing_is_held() -> None:
    eater = monster()
    digestion = Digestion(eater, time.monotonic)
    others = timers()  # which may end at any moment
    for _ in range(200):
        eater.eat(1, until=time.monotonic() + 60)
        digestion.attend()
        eater.release()
        eater.eat(1, until=time.monotonic() + 60)
        digestion.attend()
    # A cancelled timer ends on its own thread, a moment after it is told to.
    deadline = time.monotonic() + 30
    while len(timers() - others) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(timers() - others) == 1

    eater.release()
    digestion.attend()
    while timers() - others and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not timers() - others
