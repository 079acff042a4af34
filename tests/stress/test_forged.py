"""Reviews from anybody: whoever reaches the port can neither stop the replicas nor make them say what is not true.

It can take headroom away for the lapse, as long as replicas answer whoever asks: a forged review of a small pod is like
any other. Where the API server shows a certificate, or knows a secret path, it cannot even do that.
"""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from certs.bundle import write_certificates
from certs.keyring import new_token
from devcluster.controlplane import ControlPlane
from devcluster.processes import until
from devcluster.replica import Replica, ready
from devcluster.replicas import Replicas
from tests.e2e.headroom import SHARED
from tests.stress.churn import Churn
from tests.stress.clients import CREATED, DELETED, Tally, dry_runs, pod
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.forger import attempt, mislead, post, reviews
from tests.stress.scene import APISERVER, BOUND, SETTLE_SECONDS, SHIPPED, STEADY, Scene, scene, shown
from tests.stress.self_certified import self_certified
from tests.stress.witness import Witness
from tests.support.client_certificates import CLIENTS, OTHERS, admission_configuration, client, pem

pytestmark = pytest.mark.live

OBJECT, _ = SHARED
MOST = 64 << 10  # bytes of the shared object, as the API server shows it
LIMIT = 256 << 20  # bytes of memory, of the 448 MiB that manifests/base/deployment.yaml gives
SECONDS, LEAST, WHOLE = 12.0, 2_000, 100_000  # reviews are sent for so long, and so many at least; in full so many
FORGERS = 6  # where each review is sent over a connection of its own
LEAST_BESIDE = 20  # creates beside them
TURNS = 5  # in full: reviews are forged in so many turns, and as many turns without come between them
RESERVED = r'headroom_reservations\{state="open"\}'
RESERVATIONS = r"headroom_reservations\{.*\}"
EXPIRED = "headroom_reservations_expired_total"


class Watch:
    """Looks at replicas and at what they share, again and again, while something else happens."""

    def __init__(self, scene: Scene, replicas: Replicas) -> None:
        self._scene, self._replicas = scene, replicas
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._look_at, args=(each,)) for each in replicas]
        self._threads.append(threading.Thread(target=self._look_at_object))
        self.ready: Counter[bool] = Counter()
        self.memory = self.size = 0

    def __enter__(self) -> "Watch":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _look_at(self, replica: Replica) -> None:
        while not self._stop.wait(0.25):
            self.ready[ready(replica.url)] += 1
            self.memory = max(self.memory, _resident(replica))

    def _look_at_object(self) -> None:
        while not self._stop.wait(0.25):
            self.size = max(self.size, len(self._scene.plane.api.text(OBJECT)))


def _resident(replica: Replica) -> int:
    """The most memory that a replica ever had."""
    status = Path(f"/proc/{replica.program.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def _owner(uid: str) -> dict[str, Any]:
    """How a pod names the ReplicaSet that controls it."""
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "idle", "uid": uid, "controller": True}


def _anybodys(scene: Scene) -> dict[str, Any]:
    """A ReplicaSet of another namespace than the one that is forged."""
    labels = {"app": "idle"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    path = f"/apis/apps/v1/namespaces/{scene.namespace}/replicasets"
    made = scene.plane.api.create(path, {"metadata": {"name": "idle"}, "spec": spec})["metadata"]
    return _owner(made["uid"])


def test_forged_reviews_stop_nobody_and_tell_nothing(bare: Scene, work: Path, full: bool) -> None:
    owner = _anybodys(bare)
    with bare.guarded(work, 2, SHIPPED if full else STEADY) as replicas:
        before = max(_resident(each) for each in replicas)
        told: Counter[int] = Counter()
        began = time.monotonic()

        def more() -> bool:
            enough = not full and time.monotonic() >= began + SECONDS and told.total() >= LEAST
            return told.total() < WHOLE and not enough

        def forge(number: int) -> None:
            forged = reviews(number, owner)
            while more():
                batch = (next(forged) for _ in range(1000))
                told.update(post(replicas[number].url, batch, more))

        with Watch(bare, replicas) as seen:
            with ThreadPoolExecutor(2) as forgers:
                list(forgers.map(forge, range(2)))
            took = time.monotonic() - began
            until(lambda: seen.ready.total() > 10, "looks at the replicas", SETTLE_SECONDS)
        # Of its own configuration a replica tells at its start, and the one before it may still have done so.
        events = bare.plane.api.items("/api/v1/events", fieldSelector="reportingComponent=headroom.internal/admission")
        print(
            f"{told.total():,} reviews in {took:.1f} s ({dict(told)}): the object had {seen.size:,} bytes at most, "
            f"a replica {seen.memory >> 20} MiB after {before >> 20}, ready {dict(seen.ready)}"
        )
        assert told.total() >= (WHOLE if full else LEAST)
        assert told[200] > 0
        assert told[400] > 0
        assert seen.size <= MOST
        assert seen.ready[False] == 0
        assert seen.ready[True] > 10
        assert seen.memory < LIMIT
        assert [event for event in events if event["involvedObject"]["kind"] != "ConfigMap"] == []
        for replica in replicas:
            until(lambda each=replica: shown(each, RESERVED) == 0, "what was forged to lapse", 2 * SETTLE_SECONDS)  # type: ignore[misc]  # mypy knows no defaults in a lambda
        bare.plane.api.create(bare.pods, pod("true", 1 << 20))
        bare.clear()


@pytest.mark.timeout(900)
def test_without_the_secret_path_a_forged_review_reserves_nothing_and_is_told_nothing(
    bare: Scene, work: Path, figures: Record, full: bool
) -> None:
    with (
        self_certified(bare, work) as replicas,
        Witness(bare.server) as witness,
        ProcessPoolExecutor(len(replicas.replicas), get_context("spawn")) as forgers,
    ):
        secret = replicas.keyring().path
        tokens = ("", new_token(), secret[:-1], f"{secret}x", f"{secret}/", f"/{secret}", secret.swapcase())
        assert set(tokens).isdisjoint({secret})
        turns = TURNS if full else 1
        shares = turns * len(replicas.replicas)
        least, most = (WHOLE if full else LEAST) // shares, WHOLE // shares
        found: list[tuple[Counter[int], set[bytes]]] = []
        quiet, beside = list[float](), list[float]()

        def forge() -> None:
            calls = [
                forgers.submit(mislead, each.url, number, tokens, least, most) for number, each in enumerate(replicas)
            ]
            found.extend(call.result() for call in calls)

        with Watch(bare, replicas) as seen:
            for _ in range(turns):
                quiet += _dry_runs_while(bare, lambda: time.sleep(SECONDS)) if full else []
                beside += _dry_runs_while(bare, forge)
        told, said = sum((each for each, _ in found), Counter[int]()), set[bytes]().union(*(each for _, each in found))
        reserved = [shown(each, sample) for each in replicas for sample in (RESERVATIONS, EXPIRED)]
        logs = "".join(each.log.read_text() for each in replicas)
        evidence = witness.testify()
    note = f"{told.total():,} forged ({dict(told)}); p99 of {len(beside)} dry runs {_p99(beside) * 1000:.0f} ms"
    note += f", of {len(quiet)} without them {_p99(quiet) * 1000:.0f} ms" if quiet else ""
    figures.append(Figures("forged without the path", "2", BOUND, evidence, note=note))
    print(note)
    assert told.total() >= (WHOLE if full else LEAST)
    assert told[404] > 0.9 * told.total()
    assert told.keys() <= {404, 413}
    assert said <= {b"Not Found: no such path\n", b"the body is larger than 7 MiB\n"}
    assert reserved == [0] * len(reserved)
    assert (seen.ready[False], seen.memory < LIMIT, seen.size <= MOST) == (0, True, True)
    assert not [token for token in (secret, *tokens) if token and token in logs]
    assert not quiet or _p99(beside) <= 2 * _p99(quiet)


def _dry_runs_while(place: Scene, run: Callable[[], None]) -> list[float]:
    """Create pods as dry runs while `run` runs; each must be admitted. Return the seconds that each took."""
    tally = Tally()
    with dry_runs(place.server, place.namespace, tally, 2):
        run()
        until(lambda: tally.outcomes().total() >= LEAST_BESIDE, "answers beside the forgers", SETTLE_SECONDS)
    assert tally.outcomes().keys() == {CREATED}, str(tally)
    return [each.took for each in tally]


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[-max(1, len(seconds) // 100)]


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a handshake for each of them
def test_where_the_api_server_shows_a_certificate_no_forged_review_is_answered(work: Path, tmp_path: Path) -> None:
    flags = (*APISERVER, f"--admission-control-config-file={admission_configuration(tmp_path)}")
    authorities = tmp_path / "clients-ca.crt"
    authorities.write_bytes(write_certificates([CLIENTS.certificate]))
    tally, told = Tally(), Counter[int | None]()
    with (
        ControlPlane(tmp_path / "control-plane", controllers=False, apiserver_flags=flags) as plane,
        scene(plane) as place,
        place.guarded(work, 2, SHIPPED, flags=["--client-ca-file", authorities]) as replicas,
    ):
        churn = Churn(place, tally, creators=1, deleters=1)
        churn.level = 8
        began = time.monotonic()

        def forge(number: int) -> None:
            forged, strangers = reviews(number, _owner("nobody")), _strangers(tmp_path)
            while told.total() < WHOLE:
                told.update(attempt(replicas[number % 2].url, next(forged), each) for each in strangers)

        with Watch(place, replicas) as seen, churn.running(), ThreadPoolExecutor(FORGERS) as forgers:
            list(forgers.map(forge, range(FORGERS)))
        took = time.monotonic() - began
        reserved = [shown(each, "headroom_reservations_expired_total") for each in replicas]
        print(
            f"{told.total():,} reviews in {took:.1f} s ({dict(told)}): the object had {seen.size:,} bytes at most, "
            f"a replica {seen.memory >> 20} MiB, ready {dict(seen.ready)}; beside them {tally}"
        )
        assert told.keys() <= {401, 403, None}
        assert min(told[401], told[403]) > WHOLE // 10
        assert seen.ready.keys() == {True}
        assert seen.size <= MOST
        assert seen.memory < LIMIT
        assert tally.outcomes().keys() == {CREATED, DELETED}
        assert reserved == [0, 0]
        until(lambda: not sum(shown(each, RESERVED) for each in replicas), "no reservations", SETTLE_SECONDS)
        place.clear()


def _strangers(folder: Path) -> list[ssl.SSLContext]:
    """Clients that cannot show what the API server shows: no certificate, one of another authority, another name's."""
    contexts = []
    for number, shown_by in enumerate((None, client(authority=OTHERS), client("somebody"))):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if shown_by is not None:
            path = folder / f"stranger-{threading.get_ident()}-{number}.pem"
            path.write_bytes(pem(shown_by))
            context.load_cert_chain(path)
        contexts.append(context)
    return contexts
