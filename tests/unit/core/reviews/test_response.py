"""Replies: each verdict as the response that the API server gets."""

import re

import pytest
from msgspec import structs

from tests.support.accounts import GI
from tests.support.sample_reviews import asking, body, memory, resizing, sample
from webhook.core.config.percentage import Share
from webhook.core.config.types import Mode
from webhook.core.ledger.nodes import Allocatable
from webhook.core.reviews.response import respond, subject
from webhook.core.reviews.review import AdmissionRequest, AdmissionResponse, decode, encode
from webhook.core.reviews.verdict import Decision, Reason, Sum, Verdict, cannot_tell, refuse
from webhook.core.values.scopes import CLUSTER

SHORT = Sum(CLUSTER, 0, GI, 4 * GI, 2 * GI, 6 * GI, Allocatable(8 * GI, 0), 0, Share.parse("75%"))
POOL = Sum("high-mem", 2, GI, 4 * GI, 2 * GI, 6 * GI, Allocatable(8 * GI, 0), 0, Share.parse("75%"))
REVIEW = asking()


def test_a_plain_allow_says_nothing_else() -> None:
    assert respond(REVIEW, Verdict(Decision.ALLOW, Reason.FITS)) == AdmissionResponse("review-1", True)


def test_a_refusal_is_forbidden_and_carries_its_facts_for_the_audit_log() -> None:
    told = respond(REVIEW, refuse((SHORT, POOL), Mode.ENFORCE))
    assert not told.allowed
    assert told.warnings == ()
    assert told.status is not None
    assert (told.status.code, told.status.reason) == (403, "Forbidden")
    assert told.status.message.startswith("pod default/web-7 exceeds the cluster's memory headroom: it adds 1Gi")
    assert told.audit_annotations == {
        "decision": "deny",
        "reason": "MemoryCommitmentExceeded",
        "scope": "cluster",
        "sum": "memory-requests",
        "asked": str(GI),
        "committed": str(6 * GI),
        "bound": str(6 * GI),
    }


def test_growth_is_refused_in_words_of_its_own() -> None:
    told = respond(resizing(memory("1Gi"), memory("2Gi")), refuse((SHORT,), Mode.ENFORCE))
    assert told.status is not None
    assert told.status.message.startswith(
        "growth of pod default/web-7 exceeds the cluster's memory headroom: it adds 1Gi"
    )


@pytest.mark.parametrize(
    ("verdict", "code", "reason"),
    [
        (Verdict(Decision.DENY, Reason.INVALID, detail="bad"), 400, "BadRequest"),
        (Verdict(Decision.DENY, Reason.NOT_JUDGED, detail="bad"), 400, "BadRequest"),
        (Verdict(Decision.DENY, Reason.MISSING_LIMITS), 403, "Forbidden"),
        (cannot_tell(Mode.ENFORCE, "why"), 503, "ServiceUnavailable"),
    ],
)
def test_every_refusal_has_a_code_that_the_api_server_keeps(verdict: Verdict, code: int, reason: str) -> None:
    status = respond(REVIEW, verdict).status
    assert status is not None
    assert (status.code, status.reason) == (code, reason)
    assert code >= 400


@pytest.mark.parametrize(
    "verdict",
    [
        refuse((SHORT,), Mode.WARN),
        Verdict(Decision.WARN, Reason.NEAR_BOUND, sums=(SHORT,)),
        cannot_tell(Mode.WARN, "why"),
    ],
)
def test_a_warning_lets_in_and_is_told(verdict: Verdict) -> None:
    told = respond(REVIEW, verdict)
    assert (told.allowed, told.status, len(told.warnings)) == (True, None, 1)
    assert told.audit_annotations["decision"] == "warn"


def test_in_audit_mode_only_the_audit_log_is_told() -> None:
    told = respond(REVIEW, refuse((SHORT,), Mode.AUDIT))
    assert (told.allowed, told.warnings, told.audit_annotations["decision"]) == (True, (), "audit")


def test_an_exemption_is_let_in_and_audited() -> None:
    told = respond(REVIEW, Verdict(Decision.ALLOW, Reason.EXEMPT, sums=(SHORT,), detail="namespace x is exempt"))
    assert (told.allowed, told.warnings) == (True, ())
    assert told.audit_annotations["reason"] == "Exempt"


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("sums", [(), (SHORT,), (POOL, SHORT)])
def test_the_keys_of_audit_annotations_are_valid_and_their_values_short(reason: Reason, sums: tuple[Sum, ...]) -> None:
    annotations = respond(REVIEW, Verdict(Decision.AUDIT, reason, sums=sums)).audit_annotations
    assert annotations
    for key, value in annotations.items():
        assert re.fullmatch(r"[a-z]([-a-z]*[a-z])?", key)
        assert 0 < len(value) < 64


def test_an_answer_can_be_sent_whatever_the_names_are() -> None:
    request = structs.replace(asking(), namespace="a\nb", name="\x1b[31m" + "x" * 9000)
    told = respond(request, refuse((SHORT,), Mode.ENFORCE))
    assert told.status is not None
    assert told.status.message.isprintable()
    assert len(told.status.message) <= 500
    assert encode(told)


@pytest.mark.parametrize(
    ("named", "name", "expected"),
    [
        (asking(), None, "pod default/web-7"),
        (asking(), "default/web-x2x7k", "pod default/web-x2x7k"),
        (asking(name="", namespace=""), None, "pod"),
        (decode(sample("deployment")), None, "Deployment shop/frontend"),
        (decode(sample("scale-of-a-deployment")), None, "Scale/scale shop/frontend"),
        (decode(body(kind={"kind": "Node"}, name="n1")), None, "Node n1"),
        (decode(body(kind={"kind": "Namespace"}, namespace="n1")), None, "Namespace n1"),
        (decode(body()), None, "object of no kind"),
        # Such a kind never gets here, and would do no harm if it did.
        (
            structs.replace(decode(body(name="\u202e")), sub_resource="Evil\nKind"),
            None,
            r"object of no kind/Evil\nKind \u202e",
        ),
    ],
)
def test_what_is_asked_about_is_named_on_one_harmless_line(
    named: AdmissionRequest, name: str | None, expected: str
) -> None:
    assert subject(named, name) == expected


def test_the_longest_legal_name_is_shown_in_full() -> None:
    named = asking(namespace="n" * 63, name="p" * 253)
    assert subject(named) == f"pod {'n' * 63}/{'p' * 253}"
