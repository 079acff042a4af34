"""Stories of replicas, etcd and the API server together; where a rule is broken, more is granted than the bound bears.

Each is a schedule of the model in tests/model, played step by step. The bound is 100 bytes; all that could
still come of what was granted is compared with it at the end.
"""

from tests.model.checks import TIMING
from tests.model.etcd import Rooms
from tests.model.replica import Proof, Replica
from tests.model.requests import Request, State
from tests.model.simulation import RULES
from tests.model.world import World
from webhook.core.values.scopes import CLUSTER


def start(replicas: int = 2, pool: int = 0) -> World:
    """Some replicas at rest with an open object, and no pods; besides the 100 bytes a pool of so many."""
    world = World(replicas, rooms=Rooms(100, pool), rules=RULES)
    rest(world)
    return world


def rest(world: World, seconds: int = 4) -> None:
    """Let everybody do what there is to do."""
    for _ in range(seconds):
        world.pass_time(1.0)
        for number in range(len(world.replicas)):
            world.turn(number)


def write(world: World, replica: Replica) -> None:
    """Let a replica write and learn what came of it."""
    replica.work()
    if replica.letter in world.letters:
        world.deliver(world.letters.index(replica.letter))
    replica.answer()


def renew(world: World, number: int, seconds: int) -> None:
    """Let one replica go on alone for a while, with no news of pods and a write whenever it wants one."""
    for _ in range(seconds):
        world.pass_time(1.0)
        world.replicas[number].hear()
        write(world, world.replicas[number])


def spare(replica: Replica) -> int:
    """What a replica may grant without a write."""
    return replica.may_take(CLUSTER).memory_requests


def allowed(request: Request) -> bool:
    """Say whether a pod was let in."""
    return request.state is State.ALLOWED


def granted(world: World, number: int, name: int, size: int) -> Request:
    """Let a replica grant a pod, which may come at any time from now on."""
    request = world.create(number, name, size, 0)
    rest(world)
    assert allowed(request)
    return request


def booked(world: World, number: int, name: int, size: int) -> bool:
    """Let a replica book for a pod after the others have handed back, by no news but of the shared object."""
    request = world.create(number, name, size, 0)
    for _ in range(2):
        for each in (number, 1 - number):
            world.replicas[each].hear()
            write(world, world.replicas[each])
    return allowed(request)


# -- granting ----------------------------------------------------------------------------------------------------------


def test_a_grant_ten_seconds_after_an_answer_that_took_ten_seconds_is_outside_validity() -> None:
    world = start()
    first = world.replicas[0]
    world.pass_time(TIMING.renew)
    first.work()
    world.deliver(0)
    world.pass_time(10.0)
    first.answer()
    assert allowed(world.create(0, 1, 1, 0))
    world.pass_time(TIMING.validity - 10.0)
    assert not allowed(world.create(0, 2, 1, 0))


def test_a_pod_was_allowed_and_its_replica_starts_again_before_the_pod_comes() -> None:
    world = start()
    granted(world, 0, 1, 60)
    world.crash(0)
    rest(world)
    world.create(0, 2, 60, 0)
    rest(world)
    world.check()


def test_two_reviews_at_once_ask_for_all_that_is_held() -> None:
    world = start()
    room = spare(world.replicas[0])
    assert allowed(world.create(0, 1, room, 0))
    assert not allowed(world.create(0, 2, room, 0))


# -- writes ------------------------------------------------------------------------------------------------------------


def test_the_answer_to_a_hand_back_is_lost_and_the_write_arrives_after_that() -> None:
    world = start()
    first, second = world.replicas
    last = world.create(1, 1, 100, 0)
    write(world, second)  # it cannot book, and calls
    first.hear()
    first.work()
    world.lose_answer(0)
    first.work()  # it must not take the write for failed
    world.deliver(0)
    second.hear()
    write(world, second)
    assert allowed(last)
    world.create(0, 2, 10, 0)
    world.check()


def test_a_review_goes_away_while_it_is_booked_for_and_is_repeated_before_the_answer() -> None:
    """The watch tells of the write before its answer does, so that the repeated review is let in by it."""
    world = start()
    second = world.replicas[1]
    request = world.create(1, 1, 50, 0)
    second.work()
    world.give_up(1, 0)
    world.deliver(0)
    second.hear()
    world.ask_again(0, 1)
    assert allowed(request)
    second.answer()
    rest(world)
    world.create(1, 2, 60, 0)
    rest(world)
    world.check()


def test_two_replicas_write_at_once_from_the_same_state() -> None:
    world = start()
    for number, size in enumerate((60, 50)):
        world.create(number, number, size, 0)
        world.replicas[number].work()
    for replica in world.replicas:
        world.deliver(0)
        replica.answer()
    world.check()


def test_a_write_that_retires_is_on_its_way_while_another_replica_books_with_an_older_view() -> None:
    world = start()
    first, second = world.replicas
    room = spare(first)
    assert allowed(world.create(0, 1, room, 0))
    world.commit(0)
    world.pass_time(0.1)
    first.tell_pods()
    first.work()  # retires it, and books anew: not written yet
    rest_of_it = world.create(1, 2, 100 - room, 0)
    write(world, second)
    assert allowed(rest_of_it)
    world.create(0, 3, 1, 0)
    world.check()


# -- seeing ------------------------------------------------------------------------------------------------------------


def test_one_of_two_pods_of_a_name_comes_and_goes_and_the_other_comes_late() -> None:
    world = start(1)
    granted(world, 0, 1, 60)
    granted(world, 0, 1, 60)
    world.commit(0)
    rest(world)
    world.delete(0)
    rest(world)
    world.create(0, 2, 60, 0)
    rest(world)
    world.check()


def test_the_pods_are_listed_anew_before_a_granted_one_comes() -> None:
    world = start(1)
    granted(world, 0, 1, 60)
    world.replicas[0].relist()
    world.create(0, 2, 60, 0)
    rest(world)
    world.check()


def test_a_deletion_is_reviewed_and_does_not_happen() -> None:
    world = start(1)
    granted(world, 0, 1, 60)
    world.commit(0)
    rest(world)
    world.change(0, 3)
    world.create(0, 2, 60, 0)
    write(world, world.replicas[0])
    world.check()


def test_a_pod_comes_after_a_proof_was_asked_for_and_before_it_is_complete() -> None:
    world = start(1)
    replica = world.replicas[0]
    late = world.create(0, 1, 60, 0)
    write(world, replica)
    assert allowed(late)
    renew(world, 0, 40)
    asked_at = replica.clock()
    replica.proof = Proof(asked_at, world.etcd.revision)
    world.etcd.put(world.pod(50, 1, 0))
    world.commit(0)
    renew(world, 0, 8)
    replica.tell_pods(1)  # that carries the view past the proof, but not to the pod
    assert replica.ledger.proven_since >= asked_at
    renew(world, 0, 2)
    world.create(0, 2, 60, 0)
    write(world, replica)
    world.check()


def test_a_stalled_watch_hides_a_pod_until_long_after_the_lapse() -> None:
    world = start(1)
    replica = world.replicas[0]
    hidden = world.create(0, 1, 60, 0)
    write(world, replica)
    assert allowed(hidden)
    world.commit(0)
    renew(world, 0, int(TIMING.lapse) + 10)
    world.create(0, 2, 60, 0)
    write(world, replica)
    world.check()


def test_a_bookmark_is_told_before_a_pod_that_it_covers() -> None:
    world = start()
    first, second = world.replicas
    granted(world, 0, 1, 60)
    world.commit(0)
    first.tell_pods()
    write(world, first)  # the pod is told now: whoever books next must have seen it
    second.hear()
    second.tell_pods(0)
    world.create(1, 2, 60, 0)
    for _ in range(3):
        for replica in world.replicas:
            replica.hear()
            write(world, replica)
    world.check()


# -- resizes -----------------------------------------------------------------------------------------------------------


def test_a_pod_is_allowed_to_grow_and_grows_late() -> None:
    world = start(1)
    granted(world, 0, 1, 10)
    world.commit(0)
    rest(world)
    world.resize(0, 0, 60)
    rest(world)
    world.create(0, 2, 60, 0)
    rest(world)
    world.check()


def test_a_pod_is_allowed_to_grow_before_its_creation_is_seen() -> None:
    world = start(1)
    replica = world.replicas[0]
    granted(world, 0, 1, 10)
    world.commit(0)
    world.resize(0, 0, 60)
    for _ in range(2):
        write(world, replica)
    replica.tell_pods()  # the creation, which is what was reviewed
    write(world, replica)
    world.create(0, 2, 60, 0)
    write(world, replica)
    world.check()


def test_a_pod_grows_and_is_allowed_to_grow_again_before_that_is_seen() -> None:
    world = start()
    first = world.replicas[0]
    granted(world, 0, 1, 10)
    world.commit(0)
    rest(world)
    for size in (30, 50):
        world.resize(0, 0, size)
        write(world, first)
        world.commit(0)
    assert world.etcd.pods["ns/1"].footprint.memory_requests == 50
    world.create(1, 2, 60, 0)  # the other replica's watch has not told of it either
    for _ in range(3):
        for replica in world.replicas:
            replica.hear()
            write(world, replica)
    world.check()


def test_a_pod_is_resized_to_what_it_is_while_a_smaller_one_of_its_name_may_come() -> None:
    """That asks for nothing, so nothing is booked for it, and no more may come under the name than before."""
    world = start()
    first, second = world.replicas
    granted(world, 0, 1, 50)
    world.commit(0)
    rest(world)
    granted(world, 0, 1, 20)
    assert booked(world, 1, 2, 45)  # after a call: the first holds room for the small one, and nothing to spare
    assert spare(first) == 0
    world.resize(0, 0, 50)
    world.delete(0)
    second.tell_pods()
    assert booked(world, 1, 4, 35)
    renew(world, 0, 6)
    world.create(0, 1, 50, 0)
    world.check()


# -- confinements ------------------------------------------------------------------------------------------------------


def test_a_pod_that_waits_is_confined_to_the_pool_and_that_is_seen_late() -> None:
    world = start(1, pool=100)
    granted(world, 0, 1, 60)
    world.commit(0)
    rest(world)
    world.confine(0, 0)
    rest(world)
    assert not allowed(world.create(0, 2, 60, 1))
    rest(world)
    world.check()


def test_a_pod_is_confined_at_one_replica_while_the_other_books_in_the_pool() -> None:
    world = start(pool=100)
    first, second = world.replicas
    granted(world, 0, 1, 60)
    world.commit(0)
    rest(world)
    world.confine(0, 0)
    write(world, first)
    world.commit(0)
    assert world.etcd.pods["ns/1"].confined_to
    other = world.create(1, 2, 60, 1)  # its watch has told neither of the pod's confinement nor of the first's write
    for _ in range(3):
        for replica in (second, first):
            replica.hear()
            write(world, replica)
    assert not allowed(other)
    world.check()


# -- the object --------------------------------------------------------------------------------------------------------


def test_the_object_is_lost_and_a_new_replica_finds_the_mark_but_no_object() -> None:
    world = start()
    granted(world, 0, 1, 60)
    world.lose_object()
    world.crash(1)
    new = world.replicas[1]
    for _ in range(3):
        write(world, new)
    world.create(1, 2, 60, 0)
    write(world, new)
    world.check()


def test_somebody_empties_what_a_replica_holds_and_a_new_replica_reads_it() -> None:
    world = start()
    assert spare(world.replicas[0]) >= 10
    world.damage_object(3)
    world.crash(1)
    world.create(1, 1, 100, 0)
    write(world, world.replicas[1])
    write(world, world.replicas[1])
    world.create(0, 2, 10, 0)
    world.check()
