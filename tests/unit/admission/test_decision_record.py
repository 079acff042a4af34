"""The record of a decision: it names the configuration of its verdict, whatever is in force by then."""

from msgspec.structs import replace

from tests.support.accounts import config
from tests.support.replica import ready, review, waits
from webhook.admission.decision_record import DecisionRecord
from webhook.core.config.render import digest


def recorded(settings: str = "", memory: str = "9Gi") -> DecisionRecord:
    judge = ready(settings)
    judge.ask(review(memory=memory))
    (record,) = judge.decided
    return record


def test_a_record_has_the_review_the_verdict_and_the_times() -> None:
    record = recorded()
    assert record.case.request.uid == "review-web"
    assert not record.verdict.allowed
    assert record.message.startswith("pod default/web exceeds ")
    assert record.figures
    assert record.took == 0.0
    assert record.age >= 0.0


def test_the_hash_is_that_of_the_configuration_that_the_review_was_judged_under() -> None:
    settings = "warnAt: 100%\nmode: warn"
    assert recorded(settings).config_hash == digest(config(settings))
    assert recorded(settings).config_hash != recorded("mode: audit").config_hash


def test_a_review_that_is_evaluated_again_keeps_when_it_came() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi")))
    other = replace(waiting.basis, config_hash="another")
    again = waiting.case.under(other, waiting.evaluation)
    assert (again.basis.config_hash, again.evaluation) == ("another", waiting.evaluation)
    assert (again.request, again.arrived, again.timeout) == (
        waiting.case.request,
        waiting.case.arrived,
        waiting.case.timeout,
    )
    assert waiting.case.basis.config_hash != "another", "the first one stays as it is"
