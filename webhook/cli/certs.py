"""`headroom certs`: certificates that Headroom looks after by itself."""

import json
import time
from collections.abc import Callable

import click

from certs.keyring import Step, Waits
from certs.rotation import fingerprint
from webhook.cli.cluster import CannotTell, Target, connect
from webhook.controllers.keyring_store import ANNOTATION, NAME, KeyringStore, Stored
from webhook.kube.client import Api
from webhook.kube.objects import Objects
from webhook.kube.stream import KubeError, NotFound

_TIMEOUT = 10.0  # seconds for a call
_EVERY = 1.0  # seconds between two looks
_SERVED = (Step.RETIRE, Step.STEADY)  # what follows once all replicas serve the new certificate

_SAID = {
    Step.PUBLISH: "the new authority is published; API servers get time to trust it",
    Step.SIGN: "there is a new certificate; replicas take it up",
}


@click.group()
def certs() -> None:
    """Look after certificates that Headroom makes by itself (`--certificates=self`)."""


@certs.command()
@click.option("--ca", "authority", is_flag=True, help="Exchange the authority too, not only certificate and path.")
@click.option(
    "--publish-wait",
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help="How long a new authority is trusted before it signs. Default: 60.",
)
@click.option(
    "--retire-wait",
    type=click.FloatRange(0, 2592000),
    metavar="SECONDS",
    help="How long what was replaced is still trusted. Default: a day.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=600.0, show_default=True, help="Seconds to wait for it."
)
@click.option("--kubeconfig", type=click.Path(), help="Kubeconfig to use; default: $KUBECONFIG or ~/.kube/config.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option(
    "--headroom-namespace", default="headroom-system", show_default=True, help="Namespace that Headroom runs in."
)
def rotate(
    authority: bool,
    publish_wait: float | None,
    retire_wait: float | None,
    timeout: float,
    kubeconfig: str | None,
    context: str | None,
    headroom_namespace: str,
) -> None:
    """Renew the certificate and the secret path now; return once every replica serves them.

    Needs the right to get and patch the Secret headroom-certificate. Until what was replaced is retired, a day later
    unless --retire-wait says otherwise, both old and new are accepted.
    """
    waits = (("publish", publish_wait), ("retire", retire_wait))
    settings = [f"{name}={seconds:g}" for name, seconds in waits if seconds is not None]
    api = connect(Target(kubeconfig, context, headroom_namespace, None, direct=False))
    path = f"/api/v1/namespaces/{headroom_namespace}/secrets"
    store = KeyringStore(Objects(api, path, "headroom-cli", _TIMEOUT), headroom_namespace)
    try:
        before = _fingerprint(store.read(Waits()), headroom_namespace)
        _ask(api, f"{path}/{NAME}", " ".join(["authority" if authority else "certificate", *settings]))
        _await(lambda: store.read(Waits()), before, timeout)
    except KubeError as error:
        raise CannotTell(f"the rotation cannot be asked for or followed: {error}") from error
    click.echo("every replica serves the new certificate")


def _ask(api: Api, secret: str, request: str) -> None:
    try:
        api.patch(secret, json.dumps({"metadata": {"annotations": {ANNOTATION: request}}}).encode(), _TIMEOUT)
    except NotFound as error:
        raise CannotTell(f"{error}; try again") from error


def _fingerprint(stored: Stored, namespace: str) -> str:
    if not stored.revision:
        raise CannotTell(
            f"there is no Secret {NAME} in namespace {namespace}: name Headroom's namespace with --headroom-namespace. "
            "If Headroom serves a certificate from files, whoever makes them renews them"
        )
    if stored.keyring is None:
        raise CannotTell(f"{stored.fault}; Headroom restores it by itself, so try again in a minute")
    return fingerprint(stored.keyring.serving.certificate)


def _is_served(stored: Stored, before: str) -> bool:
    keyring = stored.keyring
    if keyring is None or stored.asked is not None:
        return False
    return keyring.step in _SERVED and fingerprint(keyring.serving.certificate) != before


def _await(look: Callable[[], Stored], before: str, timeout: float) -> None:
    """Return once every replica serves another certificate than `before`; raises `CannotTell` after `timeout` s."""
    deadline, shown = time.monotonic() + timeout, ""
    while True:
        stored = look()
        if stored.bad_request:
            raise CannotTell(stored.bad_request)
        keyring = stored.keyring
        if _is_served(stored, before):
            return
        said = "waiting for a replica to take it up" if stored.asked or keyring is None else _SAID.get(keyring.step, "")
        if said and said != shown:
            click.echo(said, err=True)
            shown = said
        if time.monotonic() > deadline:
            raise CannotTell(
                f"not every replica serves a new certificate after {timeout:g} s; the rotation goes on by itself. "
                "The log of the replica that holds the Lease headroom says what it waits for"
            )
        time.sleep(_EVERY)
