"""The box for manifests: the answer is that of `headroom check`, and whatever is wrong is said beside the box."""

import json

import pytest

from tests.support import accounts
from tests.support.served import Account, sources
from webhook.core.forecast.questions import CheckQuestion, check_answer
from webhook.core.reporting.answer_text import check_lines
from webhook.core.reporting.report import Circumstances, Report
from webhook.web.page_check import Asked, checked
from webhook.web.page_rows import PageRows

GI = accounts.GI


def deployment(name: str, replicas: int, memory: str = "1Gi") -> str:
    container = {"name": "c", "resources": {"requests": {"memory": memory}}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


@pytest.fixture
def account() -> Account:
    return Account(accounts.ledger("", accounts.node("n1"), requests="75%"))


def test_it_is_the_answer_of_the_command(account: Account) -> None:
    text = f"{deployment('web', 4)}\n---\n{deployment('api', 4)}\n---\n{{kind: Secret, apiVersion: v1}}"
    view = PageRows(sources(account)).checked(Asked(text, "shop"))
    assert not view.fits
    assert view.sentence == "Not all pods fit: pod 3 of 4 of Deployment/api would be refused."
    answer = check_answer(account.latest(), CheckQuestion(text, "shop"))
    lines = list(check_lines(answer.items, answer.skipped))
    assert view.sentence == lines[0]
    assert view.table.lines() == lines[2:5]
    assert [each for each in view.notes if each.startswith("Deployment/api: pod shop/api exceeds")]
    assert view.notes[-1] == "Skipped, because they commit no resources: Secret."


def test_what_fits_is_said(account: Account) -> None:
    view = checked(account.latest, Asked(deployment("web", 6)))
    assert (view.fits, view.sentence, view.faults) == (True, "All 6 pods fit.", ())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "Some of these manifests cannot be read."), ("", "There is no pod in these manifests.")],
)
def test_what_cannot_be_read_is_said(account: Account, text: str, sentence: str) -> None:
    assert checked(account.latest, Asked(text)).sentence == sentence


def test_too_many_pods_are_refused_with_a_sentence(account: Account) -> None:
    view = checked(account.latest, Asked(deployment("web", 1_000_000)))
    assert (view.fits, view.sentence) == (False, "Nothing was checked.")
    assert "ask about fewer replicas at once" in view.faults[0]


def test_of_many_objects_the_first_are_shown(account: Account) -> None:
    view = checked(account.latest, Asked("\n---\n".join(deployment(f"w{number}", 0) for number in range(150))))
    assert len(view.table.rows) == 100
    assert view.notes[0] == "The first 100 of 150 objects are shown; kubectl headroom check shows them all."


def test_before_the_first_account_nothing_is_checked(account: Account) -> None:
    early = Report(account.latest().account, Circumstances(problem="pods are being listed"))
    assert checked(lambda: early, Asked("a: b")).faults == ("there is no account yet: pods are being listed",)
    assert checked(None, Asked("a: b")).faults == ("nothing can be checked here",)


def test_a_fault_of_the_form_is_shown(account: Account) -> None:
    assert checked(account.latest, Asked(fault="too long")).faults == ("too long",)
