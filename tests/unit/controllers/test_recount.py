"""The recount in the background: no drift is said to be none, a drift is said aloud."""

from threading import Event

import pytest

from tests.support.accounts import pod
from tests.support.replica import ready
from webhook.admission.pods import PodAdmission
from webhook.controllers.recount import RecountController
from webhook.core.ledger.drift import Drift
from webhook.core.values.amounts import Amounts


def recounted(admission: PodAdmission) -> tuple[Drift, ...]:
    found: list[tuple[Drift, ...]] = []
    RecountController(admission.state, Event(), found.append).recount()
    (drifts,) = found
    return drifts


def test_an_account_that_adds_up_has_no_drift(caplog: pytest.LogCaptureFixture) -> None:
    judge = ready()
    judge.admission.state.see_pod(pod("default/a"))
    assert recounted(judge.admission) == ()
    assert not caplog.records


def test_a_drift_is_reported_and_not_mended(caplog: pytest.LogCaptureFixture) -> None:
    judge = ready()
    judge.admission.state.see_pod(pod("default/a"))
    judge.admission.state._guarded.ledger._committed["cluster"] = Amounts(memory_requests=1)
    for _ in range(2):
        assert ("committed", "cluster") in {(drift.figure, drift.where) for drift in recounted(judge.admission)}
    assert "the account has drifted" in caplog.text
