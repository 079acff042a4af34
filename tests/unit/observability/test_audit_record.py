"""Audit lines: a field means the same whatever the decision is, and docs/audit.md has every field."""

import json
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import structs

from tests.support.accounts import GI, node, pod
from tests.support.replica import Judge, ready, review
from tests.unit.core.quotas.making import a_quota
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.pending import PendingReview
from webhook.core.ledger.ledger import Ledger
from webhook.core.reviews.figures import figures_of
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.sharing.credit import SHARES
from webhook.core.values.scopes import CLUSTER
from webhook.observability.audit_record import SCHEMA, Line, TopOwner, line, worth_a_line

DOC = Path(__file__).parents[3] / "docs" / "audit.md"
BOUNDED = "missingLimits: {}\nthresholds: {{memory: {{requests: 100%, limits: 200%}}, cpu: {{requests: 100%}}}}"
ALL = f"\n{BOUNDED.format('count-request')}"


def asking(requests: str = "1Gi", limits: str | None = None, cpu: str | None = None, **changes: Any) -> bytes:
    """A pod with one container."""
    request = json.loads(review())["request"]
    resources = {"requests": {"memory": requests} | ({"cpu": cpu} if cpu else {})}
    request["object"]["spec"]["containers"][0]["resources"] = resources | (
        {"limits": {"memory": limits}} if limits else {}
    )
    if requests == "0":
        request["object"]["spec"]["containers"][0]["resources"] = {}
    return review(**({"object": request["object"]} | changes))


def started(settings: str = "", memory: float = 8, **how: Any) -> Judge:
    """A replica with 1Gi committed already."""
    judge = ready(settings, memory, **how)
    judge.admission.state.see_pod(pod("old", 1, "node", limits=1, cpu=500, revision=101))
    return judge


def with_quota(settings: str = "") -> Judge:
    judge = started(settings)
    judge.admission.quotas.relist([a_quota("q", {"limits.cpu": "4"})])
    return judge


def on_small_nodes(settings: str) -> Judge:
    judge = started(settings)
    judge.admission.state.see_node(node("more", 8))
    judge.book()
    return judge


def in_debt() -> Judge:
    """A replica whose credit for the namespace is used up by pods that never came."""
    judge = ready(memory=16, shares=SHARES)
    judge.admission.state.see_pod(pod("old", 1, "node", limits=1, cpu=500, revision=101))
    judge.clock.wait(1.0)
    answer = judge.ask(review("first", "7Gi"))
    if isinstance(answer, PendingReview):
        judge.book()
    return judge


def broken() -> Judge:
    judge = started()
    judge.admission.state.tell_broken(judge.admission.state.pods, "reset")
    judge.clock.wait(60)
    return judge


def lost(mode: str) -> Judge:
    judge = Judge()
    judge.configure(mode)
    return judge


def decided(judge: Judge, body: bytes) -> DecisionRecord:
    """Have it decided, with as many bookings as it takes."""
    before = len(judge.decided)
    answer = judge.ask(body, 1.0)
    for _ in range(10):
        if len(judge.decided) > before:
            break
        judge.book()
    if len(judge.decided) == before:
        assert isinstance(answer, PendingReview)
        judge.clock.now = answer.until
        judge.admission.give_up(answer)
    return judge.decided[-1]


Made = Callable[[], Judge]

# decision, reason, replica, review, what is asked of memory requests, what is committed of them
DECISIONS: list[tuple[Decision, Reason, Made, bytes, int | None, int | None]] = [
    (Decision.DENY, Reason.MEMORY, lambda: started(ALL), asking("7.5Gi"), 15 * GI // 2, GI),
    (Decision.WARN, Reason.MEMORY, lambda: started(f"mode: warn{ALL}"), asking("7.5Gi"), 15 * GI // 2, GI),
    (Decision.AUDIT, Reason.MEMORY, lambda: started(f"mode: audit{ALL}"), asking("7.5Gi"), 15 * GI // 2, GI),
    (Decision.DENY, Reason.CPU, lambda: started(ALL), asking(cpu="3600m"), GI, GI),
    (Decision.WARN, Reason.CPU, lambda: started(f"mode: warn{ALL}"), asking(cpu="3600m"), GI, GI),
    (Decision.WARN, Reason.NEAR_BOUND, lambda: started(f"warnAt: 50%{ALL}"), asking("4Gi"), 4 * GI, GI),
    (Decision.DENY, Reason.QUOTA, with_quota, asking(), GI, GI),
    (Decision.WARN, Reason.QUOTA, lambda: with_quota("mode: warn"), asking(), GI, GI),
    (Decision.AUDIT, Reason.QUOTA, lambda: with_quota("mode: audit"), asking(), GI, GI),
    (Decision.DENY, Reason.MISSING_LIMITS, lambda: started("missingLimits: deny"), asking(), GI, GI),
    (Decision.WARN, Reason.MISSING_LIMITS, lambda: started("missingLimits: warn"), asking(), GI, GI),
    (
        Decision.AUDIT,
        Reason.MISSING_LIMITS,
        lambda: started("missingLimits: deny\nmode: audit"),
        asking("2Gi"),
        2 * GI,
        GI,
    ),
    (Decision.DENY, Reason.MISSING_REQUESTS, lambda: started("missingRequests: deny"), asking("0"), 0, GI),
    (Decision.WARN, Reason.MISSING_REQUESTS, lambda: started("missingRequests: warn"), asking("0"), 0, GI),
    (Decision.DENY, Reason.UNPLACEABLE, lambda: on_small_nodes("unplaceable: deny"), asking("9Gi"), 9 * GI, GI),
    (Decision.WARN, Reason.UNPLACEABLE, lambda: on_small_nodes("unplaceable: warn"), asking("9Gi"), 9 * GI, GI),
    (
        Decision.AUDIT,
        Reason.UNPLACEABLE,
        lambda: on_small_nodes("unplaceable: deny\nmode: audit"),
        asking("9Gi"),
        9 * GI,
        GI,
    ),
    (Decision.DENY, Reason.AWAITING, in_debt, asking("8Gi"), 8 * GI, 8 * GI),
    (Decision.ALLOW, Reason.EXEMPT, lambda: started("exempt: {namespaces: [default]}"), asking(), GI, GI),
    (
        Decision.ALLOW,
        Reason.EXEMPT,
        lambda: started(f"exempt: {{namespaces: [default]}}{ALL}"),
        asking("9Gi"),
        9 * GI,
        GI,
    ),
    (Decision.CANNOT_TELL, Reason.UNAVAILABLE, broken, asking(), GI, None),
    (Decision.CANNOT_TELL, Reason.UNAVAILABLE, lambda: lost(""), asking(), GI, None),
    (Decision.WARN, Reason.UNAVAILABLE, lambda: lost("mode: warn"), asking(), GI, None),
    (Decision.DENY, Reason.INVALID, started, asking("many"), None, None),
    (Decision.DENY, Reason.NOT_JUDGED, started, asking(kind={"group": "apps", "kind": "Deployment"}), None, None),
]


@pytest.mark.parametrize(
    ("decision", "reason", "made", "body", "asked", "committed"),
    [pytest.param(*each, id=f"{each[0]}-{each[1]}-{number}") for number, each in enumerate(DECISIONS)],
)
def test_a_field_means_the_same_whatever_the_decision_is(
    decision: Decision, reason: Reason, made: Made, body: bytes, asked: int | None, committed: int | None
) -> None:
    found = decided(made(), body)
    assert worth_a_line(found)
    said = line(found, "r1", 0.0)
    assert (said.schema, said.decision, said.reason) == (SCHEMA, decision.value, reason.value)
    assert (said.asked_requests_bytes, said.committed_requests_bytes) == (asked, committed)
    assert said.message, "every line has a sentence"
    assert (said.scope is None) == (committed is None)
    assert (said.allocatable_bytes is None) == (committed is None)
    _adds_up(said)


def _adds_up(said: Line) -> None:
    """See that the figures of each sum belong together, and that exactly those that are short are called so."""
    short = []
    for unit, resource in (("bytes", "memory"), ("millicores", "cpu")):
        for kind in ("requests", "limits"):
            asked, committed, bound, missing = (
                getattr(said, f"{what}_{kind}_{unit}") for what in ("asked", "committed", "bound", "short_by")
            )
            if bound is None:
                assert missing is None
            elif asked is not None:
                assert missing == (max(0, committed + asked - bound) if asked else 0)
                short += [f"{said.scope}/{resource}-{kind}"] if missing else []
    assert list(said.short_sums) == short


def test_every_reason_and_every_decision_is_among_those() -> None:
    assert {each[1] for each in DECISIONS} == set(Reason) - {Reason.FITS}
    assert {each[0] for each in DECISIONS} == set(Decision)


@pytest.mark.parametrize("mode", ["warn", "audit"])
def test_what_is_let_in_past_the_threshold_has_the_sentence_that_would_have_refused_it(mode: str) -> None:
    enforced = line(decided(started(ALL), asking("7.5Gi")), "r1", 0.0)
    let_in = line(decided(started(f"mode: {mode}{ALL}"), asking("7.5Gi")), "r1", 0.0)
    assert let_in.message == enforced.message
    same = [field for field in structs.fields(Line) if field.name not in {"decision", "mode", "config_hash", "ts"}]
    assert [getattr(let_in, each.name) for each in same] == [getattr(enforced, each.name) for each in same]


def test_a_warning_is_told_as_it_is_and_an_exemption_with_what_exempts() -> None:
    near = line(decided(started("warnAt: 50%"), asking("4Gi")), "r1", 0.0)
    assert near.message.startswith("memory requests of the cluster at 62.5% of ")
    exempt = line(decided(started("exempt: {namespaces: [default]}"), asking()), "r1", 0.0)
    assert exempt.message == "namespace default is exempt"


def test_a_container_without_a_limit_counts_in_a_sum_of_limits_as_that_is_bounded() -> None:
    for word, counted in (("count-request", 7 * GI), ("ignore", 0)):
        found = decided(started(f"mode: audit\n{BOUNDED.format(word)}"), asking("7Gi", cpu="9"))
        said = line(found, "r1", 0.0)
        assert (said.asked_limits_bytes, said.committed_limits_bytes) == (counted, GI), word


@pytest.mark.parametrize("mode", ["warn", "audit"])
def test_a_review_that_is_repeated_is_told_the_same_figures(mode: str) -> None:
    judge = started(f"mode: {mode}\nmissingRequests: warn\nunplaceable: deny")
    first, again = (line(decided(judge, asking("9Gi")), "r1", 0.0) for _ in range(2))
    assert (first.asked_requests_bytes, first.committed_requests_bytes) == (9 * GI, GI)
    assert (again.asked_requests_bytes, again.committed_requests_bytes) == (9 * GI, GI)


@pytest.mark.parametrize("seen", [False, True], ids=["granted", "seen"])
def test_a_pod_that_is_there_by_now_is_not_in_what_is_committed(seen: bool) -> None:
    judge = started("missingLimits: warn")
    assert line(decided(judge, asking()), "r1", 0.0).committed_requests_bytes == GI
    if seen:
        judge.admission.state.see_pod(pod("web", 1, "node", uid="pod-web", revision=200))
    said = line(decided(judge, asking()), "r1", 0.0)
    assert (said.asked_requests_bytes, said.committed_requests_bytes) == (GI, GI)


def test_another_grant_under_the_same_name_counts_as_committed() -> None:
    judge = started("missingLimits: warn")
    request = json.loads(asking("3Gi"))["request"]["object"]
    request["metadata"]["uid"] = "another"
    decided(judge, review(object=request))
    said = line(decided(judge, asking("4Gi")), "r1", 0.0)
    assert (said.asked_requests_bytes, said.committed_requests_bytes) == (GI, 4 * GI), "one name holds the larger"


def test_the_first_scope_in_which_a_sum_is_short_has_its_figures_told() -> None:
    pools = "pools: [{name: hm, nodeSelector: {pool: hm}, thresholds: {memory: {requests: 50%}}}]"
    judge = Judge()
    judge.configure(pools)
    judge.admission.state.relist_nodes([node("one", 8), node("two", 8, pool="hm")])
    judge.admission.state.relist_pods([], 100, judge.admission.state.clock())
    judge.prepare()
    request = json.loads(asking("5Gi"))["request"]["object"]
    request["spec"]["nodeSelector"] = {"pool": "hm"}
    said = line(decided(judge, review(object=request)), "r1", 0.0)
    assert (said.scope, said.short_sums) == ("hm", ("hm/memory-requests",))
    assert (said.bound_requests_bytes, said.short_by_requests_bytes) == (4 * GI, GI)
    request["spec"]["containers"][0]["resources"]["requests"]["memory"] = "17Gi"
    said = line(decided(judge, review("other", object=request | {"metadata": {"name": "other"}})), "r1", 0.0)
    assert (said.scope, said.short_sums) == (CLUSTER, ("cluster/memory-requests", "hm/memory-requests"))


def test_the_figures_beside_a_pod_are_those_that_its_verdict_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever judged it (verdict.py), and whoever takes the account down afterwards (figures.py), must say the same."""
    judge = started(f"mode: audit{ALL}")
    seen: list[Any] = []
    found = decided(judge, asking("9Gi"))
    ledger: Ledger = judge.admission.state._guarded.ledger
    evaluation = found.case.evaluation
    assert evaluation is not None
    seen += figures_of(ledger, evaluation.info)
    assert list(found.figures) == seen


# -- the document ------------------------------------------------------------------------------------------------------

ROW = re.compile(r"^\| `(\w+)` \| ([a-z ]+) \| (.*) \|$", re.MULTILINE)
WORDS = {"str": "string", "int": "integer", "bool": "boolean", "float": "number"}


def _word(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return "list of strings"
    if isinstance(hint, types.UnionType):
        return " or ".join("null" if each is type(None) else WORDS[each.__name__] for each in get_args(hint))
    return WORDS[hint.__name__]


def test_the_document_has_every_field_in_order_with_its_type() -> None:
    told = [(name, kind) for name, kind, _ in ROW.findall(DOC.read_text())]
    hints = get_type_hints(Line) | get_type_hints(TopOwner)
    fields = [*structs.fields(Line), *structs.fields(TopOwner)]
    assert told == [(field.name, _word(hints[field.name])) for field in fields]


def test_the_document_has_every_decision_and_every_reason() -> None:
    text = DOC.read_text()
    for word in (*Decision, *(reason for reason in Reason if reason is not Reason.FITS)):
        assert re.search(rf"^\| (`\w+`, )?`{word.value}`", text, re.MULTILINE), word


def test_a_line_is_written_in_the_documents_order() -> None:
    said = json.loads(msgspec.json.encode(line(decided(started(ALL), asking("9Gi")), "r1", 0.0)))
    told = [name for name, _, _ in ROW.findall(DOC.read_text())]
    assert list(said) == told[: len(said)]
    assert told[len(said) :] == [field.name for field in structs.fields(TopOwner)]
