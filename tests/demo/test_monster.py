import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from demo.monster import Holding, Monster


class Larder:
    """Counts the blocks that are out; takes and closes are counted under a lock of its own."""

    def __init__(self) -> None:
        self.out = 0
        self.most = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> "Slice":
        time.sleep(0.0001)  # lets another thread in, where it is not kept out
        with self._lock:
            self.out += size
            self.most = max(self.most, self.out)
        return Slice(self, size)

    def put_back(self, size: int) -> None:
        with self._lock:
            self.out -= size


class Slice:
    def __init__(self, larder: Larder, size: int) -> None:
        self._larder = larder
        self._size = size

    def close(self) -> None:
        self._larder.put_back(self._size)
        self._size = 0


@pytest.fixture
def larder() -> Larder:
    return Larder()


def test_it_eats_whole_steps_up_to_the_cap_and_not_one_more(larder: Larder) -> None:
    monster = Monster(step_bytes=10, cap_bytes=35, take=larder.take)
    assert monster.eat(2, until=5.0) == 20
    assert monster.eat(2, until=6.0) == 10
    assert monster.eat(1, until=7.0) == 0
    assert monster.holding() == Holding(held_bytes=30, next_due=5.0)
    assert larder.out == 30


def test_each_portion_is_given_back_at_its_own_time(larder: Larder) -> None:
    monster = Monster(10, 100, larder.take)
    monster.eat(1, until=9.0)
    monster.eat(2, until=5.0)
    assert monster.digest(4.999) == 0
    assert monster.digest(5.0) == 20
    assert monster.holding() == Holding(10, 9.0)
    assert larder.out == 10


def test_release_gives_everything_back_at_once(larder: Larder) -> None:
    monster = Monster(10, 100, larder.take)
    monster.eat(7, until=1000.0)
    assert monster.release() == 70
    assert monster.holding() == Holding(0, None)
    assert larder.out == 0
    assert monster.release() == 0


def test_when_memory_cannot_be_had_what_was_eaten_before_is_still_accounted(larder: Larder) -> None:
    def take(size: int) -> Slice:
        if larder.out == 20:
            raise MemoryError
        return larder.take(size)

    monster = Monster(10, 100, take)
    with pytest.raises(MemoryError):
        monster.eat(5, until=1.0)
    assert monster.holding().held_bytes == larder.out == 20
    assert monster.release() == 20
    assert larder.out == 0


def test_many_threads_never_pass_the_cap_and_lose_nothing(larder: Larder) -> None:
    monster = Monster(step_bytes=1, cap_bytes=50, take=larder.take)
    start = threading.Barrier(8)

    def feed(thread: int) -> int:
        start.wait(timeout=10)
        balance = 0
        for turn in range(60):
            balance += monster.eat(3, until=float(turn + 20))
            assert monster.holding().held_bytes <= 50
            if turn % 8 == thread:
                balance -= monster.digest(float(turn))
            if turn % 30 == thread:
                balance -= monster.release()
        return balance

    with ThreadPoolExecutor(8) as pool:
        balance = sum(pool.map(feed, range(8)))
    assert monster.holding().held_bytes == larder.out == balance
    assert larder.most == 50
