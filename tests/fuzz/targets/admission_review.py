"""AdmissionReviews: every body gets one answer, as an API server reads it, or is refused with a reason."""

import json
from collections.abc import Callable, Iterable

from tests.support.configs import SMALLEST
from tests.support.sample_reviews import SAMPLES
from webhook.core.api.types import ObjectError, Pod
from webhook.core.api.workloads import placement_of, read_scale, read_workload
from webhook.core.config.parse import parse
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.rules import AccountingRules
from webhook.core.quotas.check import Quota
from webhook.core.reviews.binding import evaluate_binding
from webhook.core.reviews.decision import foretell
from webhook.core.reviews.evaluation import Evaluation, asked_of_quotas, evaluate
from webhook.core.reviews.response import message, respond
from webhook.core.reviews.review import AdmissionRequest, ReviewError, decode, decode_of_pod, encode
from webhook.core.reviews.verdict import Verdict
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import RawQuantity

WORDS = (
    b'"request":{', b'"uid":"', b'"kind":{', b'"Pod"', b'"Binding"', b'"operation":"CREATE"', b'"operation":"UPDATE"',
    b'"subResource":"resize"', b'"namespace":"', b'"object":{', b'"oldObject":{', b'"metadata":{', b'"spec":{',
    b'"containers":[{', b'"initContainers":[{', b'"resources":{"requests":{"memory":', b'"limits":{"memory":',
    b'"overhead":{', b'"nodeSelector":{', b'"affinity":{', b'"resourceVersion":"', b'"1Gi"', b"null", b"1e999999999",
    b"\\u0000", b"\\ud800", b"\\u001b[31m",
)  # fmt: skip
_POLICY = "missingLimits: warn\nmissingRequests: deny\nmode: enforce\n"
_POOLS = "pools: [{name: p, nodeSelector: {pool: p}, thresholds: {memory: {requests: 50%}}}]\n"
_RULES = tuple(AccountingRules(parse(SMALLEST + more)) for more in (_POLICY, _POOLS))
_LEDGERS = tuple(Ledger(each) for each in _RULES)
_HARD: dict[str, RawQuantity] = {"requests.memory": "1Gi", "limits.cpu": "1", "pods": 0, "count/pods": "1"}
_QUOTA = Quota("default", "q", (), tuple(_HARD), "", _HARD, {})


def seeds() -> Iterable[bytes]:
    """Yield what API servers have sent, shortened, and a review of each other kind that is judged."""
    for path in sorted(SAMPLES.glob("*.json")):
        review = json.loads(path.read_bytes())
        yield json.dumps(review, separators=(",", ":")).encode()
    resources = {"requests": {"memory": "1Gi", "cpu": 1}, "limits": {"memory": "2Gi"}}
    pod = {
        "metadata": {"name": "a", "namespace": "default", "resourceVersion": "7"},
        "spec": {"containers": [{"name": "c", "resources": resources}]},
    }
    for kind, more in (
        ("Pod", {"operation": "CREATE"}),
        ("Pod", {"operation": "UPDATE", "oldObject": pod}),
        ("Pod", {"operation": "UPDATE", "oldObject": pod, "subResource": "resize"}),
        ("Binding", {"operation": "CREATE", "subResource": "binding"}),
    ):
        request = {"uid": "u", "kind": {"kind": kind}, "namespace": "default", "name": "a", "object": pod} | more
        yield json.dumps(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}, separators=(",", ":")
        ).encode()


def check(data: bytes) -> None:
    """Read the input as the body of a review, and judge it under two configurations."""
    fast, slow = _decoded(decode_of_pod, data), _decoded(decode, data)
    _check_same(fast, slow)
    if isinstance(fast, AdmissionRequest):
        for rules, ledger in zip(_RULES, _LEDGERS, strict=True):
            _judge(fast, data, rules, ledger)
    if isinstance(slow, AdmissionRequest):
        _check_workload(slow)


def _decoded(read: Callable[[bytes], AdmissionRequest], data: bytes) -> AdmissionRequest | str:
    try:
        return read(data)
    except ReviewError as error:
        _check_sentence(str(error))
        return str(error)


def _check_same(fast: AdmissionRequest | str, slow: AdmissionRequest | str) -> None:
    """Hold the way in one pass against the way in two."""
    assert isinstance(fast, AdmissionRequest) is isinstance(slow, AdmissionRequest)
    if isinstance(fast, str) or isinstance(slow, str):
        assert fast == slow
        return
    assert (fast.uid, fast.kind, fast.namespace, fast.name) == (slow.uid, slow.kind, slow.namespace, slow.name)
    if fast.is_pod or fast.is_resize:
        assert _pod(fast) == _pod(slow)


def _pod(request: AdmissionRequest) -> Pod | None:
    try:
        return request.pod()
    except ObjectError as error:
        assert str(error)
        return None


def _judge(request: AdmissionRequest, body: bytes, rules: AccountingRules, ledger: Ledger) -> None:
    try:
        asked = evaluate_binding(request, ledger) if request.is_binding else evaluate(request, rules)
    except ReviewError as error:
        _check_sentence(str(error))
        return
    verdict = asked if isinstance(asked, Verdict) else _verdict(asked, body, rules, ledger)
    name = asked.info.name if isinstance(asked, Evaluation) else None
    response = respond(request, verdict, name)
    assert json.loads(encode(response))["response"]["uid"] == request.uid
    for sentence in (message(request, verdict, response, name), *response.warnings):
        _check_sentence(sentence)


def _verdict(asked: Evaluation, body: bytes, rules: AccountingRules, ledger: Ledger) -> Verdict:
    size = asked.info.footprint
    assert isinstance(size, Amounts)
    assert min(size) >= 0
    kept = asked.kept(rules.rules)
    assert (kept.info, kept.form) == (asked.info, asked.form)
    return foretell(ledger, asked_of_quotas(asked, [_QUOTA], body))


def _check_sentence(text: str) -> None:
    assert len(text) < 2_500
    assert text.isprintable()


def _check_workload(request: AdmissionRequest) -> None:
    """Read the object as a workload and as a scale, as early answers do."""
    try:
        workload = read_workload(bytes(request.object))
        placement_of(workload.spec.template)
    except ObjectError as error:
        assert str(error)
    else:
        assert isinstance(workload.outdated, bool)
    try:
        assert isinstance(read_scale(bytes(request.object)), int)
    except ObjectError as error:
        assert str(error)
