"""What breaks and is mended again: one function for each fault. Each returns once nothing is broken any more.

They run on the thread that started the replicas: a program ends with the thread that started it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from devcluster.processes import until
from tests.stress.clients import Client, pod
from tests.stress.scene import BOUND, REQUEST_SECONDS, SHORT
from tests.stress.soak.outages import Down
from tests.stress.soak.schedule import Event, Fault
from tests.stress.soak.stage import RECOVERY_SECONDS, Stage

MOMENT_SECONDS = 2.0  # in which the balancer learns that a replica is gone; it looks ten times a second
TIMEOUT_SECONDS = 5.0  # that the API server gives the webhook
LAG_SECONDS = 2.0


def _kill(stage: Stage, event: Event) -> None:
    replica, began = stage.replicas[event.replica], time.monotonic()
    replica.program.kill()
    stage.kills += 1
    stage.note(Down.KILLED, began, MOMENT_SECONDS)
    time.sleep(event.seconds)
    replica.start()


def _stop(stage: Stage, event: Event) -> None:
    _end(stage, event)
    stage.replicas[event.replica].start()


def _end(stage: Stage, event: Event) -> None:
    """End a replica as the kubelet does; it should not have to be killed, and should say that all went well."""
    replica, began = stage.replicas[event.replica], time.monotonic()
    process = replica.program._process
    replica.stop()
    if process.returncode != 0:
        took = time.monotonic() - began
        stage.stuck.append(f"replica {replica.number} ended with {process.returncode} after {took:.0f} s")


def _pause(stage: Stage, event: Event) -> None:
    program, began = stage.replicas[event.replica].program, time.monotonic()
    program.pause()
    time.sleep(SHORT.validity + event.seconds)  # so that it grants on nothing that it held before
    program.resume()
    stage.note(Down.PAUSED, began, TIMEOUT_SECONDS)


def _restart_api_server(stage: Stage, event: Event) -> None:
    began = time.monotonic()
    stage.place.plane.stop_apiserver()
    time.sleep(event.seconds)
    stage.place.plane.start_apiserver()
    _back(stage, began)


def _restart_etcd(stage: Stage, event: Event) -> None:
    began = time.monotonic()
    stage.place.plane.stop_etcd()
    time.sleep(event.seconds)
    stage.place.plane.start_etcd()
    _back(stage, began)


def _back(stage: Stage, began: float) -> None:
    mended = time.monotonic()
    stage.await_(lambda: stage.books.answered > mended, "an answer of the API server")
    stage.note(Down.API_SERVER, began, REQUEST_SECONDS)
    stage.adopt()


def _fill_disk(stage: Stage, event: Event) -> None:
    disk = stage.disks[event.replica]
    with disk.full():
        _provoke(stage, event.seconds)
    _until_more(stage, lambda: disk.audit_file.stat().st_size, "an audit line in the file")


def _stall_output(stage: Stage, event: Event) -> None:
    outlet = stage.outlets[event.replica]
    with outlet.stalled():
        _provoke(stage, event.seconds)
    _until_more(stage, lambda: outlet.taken, "an audit line on standard output")


def _stop_while_stalled(stage: Stage, event: Event) -> None:
    with stage.outlets[event.replica].stalled():
        _provoke(stage, event.seconds)
        _end(stage, event)
    stage.replicas[event.replica].start()


def _provoke(stage: Stage, seconds: float) -> None:
    """Have pods refused that fit nowhere: each refusal is an audit line."""
    client = Client(stage.place.server, stage.place.namespace, stage.books)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        client.create(pod("too-large", 2 * BOUND))
    client.close()


def _until_more(stage: Stage, figure: Callable[[], int], what: str) -> None:
    before = figure()

    def grows() -> bool:
        _provoke(stage, 0.1)
        return figure() > before

    until(grows, what, RECOVERY_SECONDS)


def _tear(stage: Stage, event: Event) -> None:
    proxy = stage.proxies[event.replica]
    before = proxy.torn
    proxy.tearing.set()
    time.sleep(event.seconds)
    until(lambda: proxy.torn > before, "a watch that is cut in a line", RECOVERY_SECONDS)
    proxy.tearing.clear()


def _refuse(stage: Stage, event: Event) -> None:
    proxy = stage.proxies[event.replica]
    proxy.refusing.set()
    proxy.cut()  # watches that are open would go on
    time.sleep(event.seconds)
    until(lambda: bool(proxy.refused), "a request that is refused", RECOVERY_SECONDS)
    proxy.refusing.clear()


def _cut(stage: Stage, event: Event) -> None:
    deadline = time.monotonic() + event.seconds
    while time.monotonic() < deadline:
        stage.proxies[event.replica].cut()
        time.sleep(0.5)


def _lose_network(stage: Stage, event: Event) -> None:
    with stage.proxies[event.replica].stalled():
        time.sleep(SHORT.validity + event.seconds)


def _lag(stage: Stage, event: Event) -> None:
    with stage.proxies[event.replica].lagging(LAG_SECONDS):
        time.sleep(event.seconds)


ACTS: Final[Mapping[Fault, Callable[[Stage, Event], None]]] = {
    Fault.KILL: _kill,
    Fault.STOP: _stop,
    Fault.PAUSE: _pause,
    Fault.API_SERVER: _restart_api_server,
    Fault.ETCD: _restart_etcd,
    Fault.DISK: _fill_disk,
    Fault.STDOUT: _stall_output,
    Fault.STUCK: _stop_while_stalled,
    Fault.TEAR: _tear,
    Fault.BUSY: _refuse,
    Fault.CUT: _cut,
    Fault.NETWORK: _lose_network,
    Fault.LAG: _lag,
}
