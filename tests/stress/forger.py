"""A forger: a client that reaches a replica's port and posts reviews that no API server sent, without any credential.

It sends many requests at a time over one connection, so that one thread keeps a replica busy.
"""

import json
import os
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import count, cycle, islice
from socket import create_connection
from typing import IO, Any, NamedTuple

BATCH = 40
ROUND = 200  # reviews over one connection
MISLED_SECONDS = 8.0
LONG_NAMESPACE = "n" * 63
HEAD = (
    b"POST /%b?timeout=5s HTTP/1.1\r\nHost: headroom\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


class Forged(NamedTuple):
    """A forged review, and the path to send it to."""

    path: bytes
    body: bytes

    def encode(self) -> bytes:
        """Return the request as bytes of HTTP."""
        return HEAD % (self.path, len(self.body), self.body)


def reviews(number: int, owner: dict[str, Any]) -> Iterator[Forged]:
    """Yield reviews of every hostile kind, endlessly; `number` distinguishes forgers, `owner` is any pod's owner."""
    for each in count():
        yield _KINDS[each % len(_KINDS)](each * 10 + number, owner)


def misled(forged: Iterator[Forged], tokens: Sequence[str]) -> Iterator[Forged]:
    """Yield the same reviews for paths that end with one of these tokens or, for an empty one, without a token."""
    for each, token in zip(forged, cycle(tokens), strict=False):
        yield each._replace(path=each.path + f"/{token}".encode() if token else each.path)


def post(
    url: str, forged: Iterator[Forged], seconds_are_left: Callable[[], bool], said: set[bytes] | None = None
) -> Counter[int]:
    """Send reviews while there are any and time is left; count answers by status, and add their bodies to `said`."""
    told: Counter[int] = Counter()
    bodies = set[bytes]() if said is None else said
    address, port = url.removeprefix("https://").split(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with closing(context.wrap_socket(create_connection((address, int(port)), timeout=60))) as connection:
        answers: IO[bytes] = connection.makefile("rb")
        while seconds_are_left():
            batch = [each.encode() for each, _ in zip(forged, range(BATCH), strict=False)]
            if not batch:
                break
            connection.sendall(b"".join(batch))
            for _ in batch:
                status, body = _answer(answers)
                told[status] += 1
                bodies.add(body)
    return told


def attempt(url: str, forged: Forged, context: ssl.SSLContext) -> int | None:
    """Send one review over a new connection; return the status, or None if there was no answer."""
    address, port = url.removeprefix("https://").split(":")
    try:
        with closing(context.wrap_socket(create_connection((address, int(port)), timeout=60))) as connection:
            connection.sendall(forged.encode())
            return _answer(connection.makefile("rb"))[0]
    except (OSError, IndexError):  # the server may close in the middle of a body that it does not read
        return None


def mislead(url: str, number: int, tokens: Sequence[str], least: int, most: int) -> tuple[Counter[int], set[bytes]]:
    """Post misled reviews for `MISLED_SECONDS`, but `least` at least and `most` at most; return statuses and bodies.

    It runs in a process of its own that yields to others, because a forger's processor is not the cluster's.
    """
    os.nice(10)
    told, said, until = Counter[int](), set[bytes](), time.monotonic() + MISLED_SECONDS
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "idle", "uid": "idle", "controller": True}
    forged = misled(reviews(number, owner), tokens)

    def more() -> bool:
        return told.total() < most and (told.total() < least or time.monotonic() < until)

    while more():
        told.update(post(url, islice(forged, ROUND), more, said))
    return told, said


def _answer(answers: IO[bytes]) -> tuple[int, bytes]:
    """Read one answer; return its status and its body."""
    status = int(answers.readline().split()[1])
    length = 0
    while line := answers.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, answers.read(length)


# -- kinds -------------------------------------------------------------------------------------------------------------


def _review(number: int, memory: str, *, namespace: str = LONG_NAMESPACE, name: str = "", **more: Any) -> Forged:
    """Forge the creation of a pod whose names have the greatest length."""
    name = name or f"{number:09}".ljust(253, "x")
    metadata = {"name": name, "namespace": namespace, "uid": f"{number:09}".ljust(128, "u"), **more.pop("metadata", {})}
    resources = {"requests": {"memory": memory}, "limits": {"cpu": "9223372036854775807"}}
    pod = {"metadata": metadata, "spec": {"containers": [{"name": "c", "resources": resources}]}}
    request = {
        "uid": f"{number:09}".ljust(128, "r"),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": namespace,
        "name": name,
        "userInfo": {"username": "u" * 1000},
        "object": pod,
    }
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request | more}
    return Forged(b"validate", json.dumps(whole).encode())


def _is_large(number: int) -> bool:
    """Say whether a body has the greatest size: only one of 25 of each kind, because sending it takes long."""
    return number // (10 * len(_KINDS)) % 25 == 0


def _small(number: int, _: dict[str, Any]) -> Forged:
    return _review(number, "1")


def _none(number: int, _: dict[str, Any]) -> Forged:
    return _review(number, "0")


def _vast(number: int, _: dict[str, Any]) -> Forged:
    return _review(number, "7Ei", namespace="kube-system")


def _let_in(number: int, _: dict[str, Any]) -> Forged:
    return _review(number, "1Ki", namespace="kube-system")


def _repeated(number: int, _: dict[str, Any]) -> Forged:
    return _review(number, "1Ki", name=f"{number // 10 % 12:02}".ljust(253, "r"))


def _of_anybody(number: int, owner: dict[str, Any]) -> Forged:
    forged = owner if number % 3 else owner | {"name": f"{owner['name']}-{number}"}
    return _review(number, "1Pi", namespace="default", metadata={"ownerReferences": [forged]})


def _long_uid(number: int, _: dict[str, Any]) -> Forged:
    return _review(number, "1", uid=f"{number}".ljust(3 << 20 if _is_large(number) else 3000, "u"))


def _long_name(number: int, _: dict[str, Any]) -> Forged:
    return _review(number, "1", name=f"{number}".ljust(200_000 if _is_large(number) else 2000, "x"))


def _scaled(number: int, _: dict[str, Any]) -> Forged:
    scale = {"metadata": {"name": "web", "namespace": "default"}, "spec": {"replicas": 9}}
    request = {
        "uid": f"{number:09}".ljust(128, "s"),
        "kind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "subResource": "scale",
        "operation": "UPDATE",
        "namespace": "default",
        "name": f"{number:09}".ljust(253, "w"),
        "object": scale,
        "oldObject": scale | {"spec": {"replicas": 1}},
    }
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return Forged(b"workloads", json.dumps(whole).encode())


def _crumbs(number: int, _: dict[str, Any]) -> Forged:
    """Forge a body of as many small parts as fit."""
    size = 6 << 20 if _is_large(number) else 50_000
    part = '{"name":"x"}' if number % 3 else "{}"
    name = f"{number:09}".ljust(253, "x")
    pod = {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": ["HERE"]}}
    request = {"uid": f"{number:09}", "kind": {"kind": "Pod"}, "operation": "CREATE", "namespace": "default"}
    whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request | {"object": pod}}
    crumbs = ",".join([part] * (size // len(part)))
    return Forged(b"validate", json.dumps(whole).replace('"HERE"', crumbs).encode())


_KINDS = (
    *(_small, _none, _vast, _let_in, _repeated, _small, _of_anybody, _long_uid, _none, _long_name),
    *(_small, _none, _vast, _let_in, _repeated, _small, _of_anybody, _long_uid, _crumbs, _scaled),
)
