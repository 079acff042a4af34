"""The gate: what each entry trusts and where it leads, as it is read and as it is written."""

from base64 import b64encode

import pytest

from certs.bundle import Bundle
from certs.keyring import PLAIN, new_token
from certs.rotation import Entry
from tests.support.certificates import AUTHORITY, FIRST
from tests.support.gates import NAMES, PATHS, gate
from webhook.controllers.gate import entries, foreign_terms, pointed

TOKEN = new_token()
BUNDLE: Bundle = (AUTHORITY.certificate,)


@pytest.mark.parametrize("url", ["", "https://127.0.0.1:8443"])
@pytest.mark.parametrize("token", [TOKEN, PLAIN])
def test_what_is_written_is_read_in_every_entry_of_headrooms_own(url: str, token: str) -> None:
    written = pointed(gate(url=url), BUNDLE, token)
    assert entries(written) == (Entry(BUNDLE, token),) * len(NAMES)
    paths = [f"{path}/{token}" if token else path for path in PATHS]
    configs = [each["clientConfig"] for each in written["webhooks"][:-1]]
    assert [each.get("url") or each["service"]["path"] for each in configs] == [url + path for path in paths]
    assert written["webhooks"][-1] == gate()["webhooks"][-1], "it is somebody else's"


def test_writing_changes_bundle_and_path_and_nothing_else() -> None:
    before = gate((FIRST.certificate,), PLAIN)
    kept = gate((FIRST.certificate,), PLAIN)
    written = pointed(before, BUNDLE, TOKEN)
    assert before == kept, "the object that was read stays as it was"
    for was, now in zip(before["webhooks"], written["webhooks"], strict=True):
        now["clientConfig"].pop("caBundle", None)
        was["clientConfig"].pop("caBundle", None)
        was["clientConfig"]["service"].pop("path")
        now["clientConfig"]["service"].pop("path")
    assert written == before


def test_as_the_manifests_have_it_nobody_is_trusted_and_no_path_is_known() -> None:
    assert entries(gate()) == (Entry((), None),) * len(NAMES)


@pytest.mark.parametrize(
    "bundle", ["", "not base64!", b64encode(b"no certificate").decode(), b64encode(b"-----BEGIN").decode()]
)
def test_a_bundle_that_cannot_be_read_trusts_nobody(bundle: str) -> None:
    damaged = gate(BUNDLE, TOKEN)
    damaged["webhooks"][0]["clientConfig"]["caBundle"] = bundle
    assert entries(damaged)[0] == Entry((), TOKEN)
    assert entries(damaged)[1] == Entry(BUNDLE, TOKEN)


@pytest.mark.parametrize(
    "path", ["/", "/validate/", f"/workloads/{TOKEN}", f"/validate/{TOKEN}/x", f"/validate/{TOKEN[:-1]}", "/x", None]
)
def test_a_path_of_another_kind_is_not_headrooms(path: str | None) -> None:
    led = gate(BUNDLE, TOKEN)
    led["webhooks"][0]["clientConfig"]["service"]["path"] = path
    assert entries(led)[0].token is None


def test_a_gate_without_entries_is_empty() -> None:
    assert entries({"metadata": {"name": "headroom"}}) == ()


def test_labels_by_which_others_leave_namespaces_out_are_found_once_each() -> None:
    seen = gate()
    own = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
    added = {"key": "control-plane", "operator": "NotIn", "values": ["true"]}
    for entry in seen["webhooks"][:2]:
        entry["namespaceSelector"] = {"matchExpressions": [own, added], "matchLabels": {"example.com/on": "yes"}}
    assert foreign_terms(seen) == ("control-plane", "example.com/on")
    assert foreign_terms(gate()) == ()
