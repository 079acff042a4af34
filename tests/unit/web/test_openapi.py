"""The description of the API, held against the application: schemathesis asks whatever it says may be asked."""

import json
import time
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from werkzeug.test import TestResponse

from tests.support import accounts
from tests.support.configs import SMALLEST
from tests.support.examples import examples
from tests.support.manifests import deployment
from tests.support.reports import FixedRefusals, denial, sources
from tests.support.served import Account
from webhook.web.answers import Answers
from webhook.web.openapi import EVENTS
from webhook.web.questions import QUESTIONS
from webhook.web.reporting_routes import create_reporting_app
from webhook.web.sources import Sources

POOL = "pools: [{name: p, nodeSelector: {pool: p}, thresholds: {memory: {requests: 50%}}}]\n"


def usage() -> bytes:
    return b'{"items":[{"metadata":{"name":"a","namespace":"b"},"containers":[{"name":"c","usage":{"cpu":"1n"}}]}]}'


def app_of(given: Sources) -> Any:
    return create_reporting_app(Answers(given), given, CollectorRegistry(), lambda: None, lambda: None)


ACCOUNT = Account(accounts.ledger(POOL, accounts.node("n1"), accounts.node("n2")))
APP = app_of(sources(refusals=FixedRefusals(denial("x")), usage=usage)._replace(account=ACCOUNT.latest))
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", APP)
MOST_SECONDS = 30.0  # of processor time for any question; the longest takes three
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.mark.long
@SCHEMA.exclude(path=EVENTS).parametrize()
@settings(
    max_examples=8,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_it_is_described(case: Case[Any]) -> None:
    case.call_and_validate(checks=CHECKS)


# -- questions by POST -------------------------------------------------------------------------------------------------

NAMES = [each.name for each in QUESTIONS]
LARGEST = "9223372036854775807"
DIGITS = "9" * 4_300  # more than these JSON itself refuses
NODE_OF_MANY_DIGITS = f'{{"number":{DIGITS},"memory":"1"}}'
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(12)
)
MANY = json.dumps("---".join(deployment(f"a{n}", 20, "1") for n in range(800)))
HOSTILE = {
    "nothing": "",
    "no object": "[1]",
    "deep lists": '{"manifests":' + "[" * 50_000,
    "deep objects": '{"set":' + '{"a":' * 50_000,
    "half a surrogate": '{"manifests":"\\ud800","set":{"thresholds.\\ud800":"1"}}',
    "a long setting": json.dumps({"set": {"a" + ".a" * 50_000: "1"}}),
    "a long number": json.dumps({"set": {"thresholds.memory.requests": "1" * 5_000}}),
    "many settings": json.dumps({"set": {f"pools.p.nodeSelector.x{n}": "1" for n in range(20_000)}}),
    "too many nodes to be written": f'{{"addNodes":[{", ".join([NODE_OF_MANY_DIGITS] * 2)}]}}',
    "nodes in many portions": json.dumps({"addNodes": [{"number": 5_000, "memory": LARGEST, "cpu": LARGEST}] * 1_000}),
    "the largest nodes": json.dumps({"addNodes": [{"number": 5_000, "memory": LARGEST, "cpu": LARGEST}]}),
    "a YAML bomb": json.dumps({"manifests": BOMB, "config": BOMB}),
    "a set too large to be counted": json.dumps(
        {"manifests": deployment("a", 1, "0") + "---" + deployment("b", 1, "0"), "ratio": [10**30, 10**30]}
    ),
    "many kinds of small pods": f'{{"manifests":{MANY}}}',
    "the largest pods": json.dumps({"manifests": deployment("a", 20_000, LARGEST), "ratio": [2**63]}),
    "control characters": json.dumps({"manifests": deployment("a", 1, "1Gi"), "namespace": "\0\x1b[31m\u202e"}),
}


def ask(name: str, body: bytes) -> TestResponse:
    answer = APP.test_client().post(f"/api/v1/{name}", data=body, content_type="application/json")
    assert answer.status_code in {200, 400, 413}, answer.text
    assert "Traceback" not in answer.text
    said = answer.get_json()
    if answer.status_code != 200:
        assert (answer.content_type, said["status"]) == ("application/problem+json", answer.status_code)
    return answer  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", NAMES)
def test_hostile_questions_are_answered_or_refused_in_bounded_time(name: str, kind: str) -> None:
    begun = time.process_time()
    ask(name, HOSTILE[kind].encode())
    assert time.process_time() - begun < MOST_SECONDS


SETTINGS = st.sampled_from(
    ["mode", "thresholds.memory.requests", "pools.p.thresholds.memory.requests", "pools.x", "missingLimits", "a.b", ""]
)
TEXTS = st.sampled_from(["1", "50%", "enforce", "1Gi", LARGEST, "1e999999999", "deny", "n1", "z", "p"]) | st.text()
NODES = st.fixed_dictionaries(
    {"number": st.integers(-1, 5_001) | st.integers(), "memory": TEXTS}, optional={"cpu": TEXTS, "pool": TEXTS}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | SETTINGS, inner),
    max_leaves=20,
)
CONTAINERS = st.fixed_dictionaries({"name": TEXTS}, optional={"resources": JSON, "image": TEXTS})
OBJECTS = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["v1", "apps/v1"]),
        "kind": st.sampled_from(["Pod", "Deployment", "LimitRange", "List"]),
        "spec": st.fixed_dictionaries(
            {"containers": st.lists(CONTAINERS, max_size=3)},
            optional={"replicas": JSON, "template": JSON, "limits": JSON, "nodeSelector": JSON},
        ),
    },
    optional={"metadata": JSON, "items": JSON},
)
MANIFESTS = st.lists(OBJECTS | JSON, max_size=3).map(lambda all_: "\n---\n".join(map(json.dumps, all_))) | st.text()
BODIES = JSON | st.fixed_dictionaries(
    {},
    optional={
        "manifests": MANIFESTS,
        "namespace": TEXTS,
        "ratio": st.lists(st.integers(), max_size=4),
        "set": st.dictionaries(SETTINGS | st.text(), TEXTS),
        "withoutNodes": st.lists(TEXTS),
        "withoutZone": TEXTS,
        "drain": st.lists(TEXTS),
        "addNodes": st.lists(NODES, max_size=2),
        "config": st.just(SMALLEST) | TEXTS,
        "grow": st.lists(
            st.fixed_dictionaries(
                {"namespace": TEXTS, "kind": TEXTS, "name": TEXTS, "pods": st.integers(0, 1_000_000)},
                optional={"template": st.fixed_dictionaries({}, optional={"spec": JSON | OBJECTS}) | JSON},
            ),
            max_size=2,
        ),
    },
)


@pytest.mark.parametrize("name", NAMES)
@given(body=BODIES)
@settings(max_examples=examples(200))
def test_whatever_is_asked_is_answered_or_refused(name: str, body: object) -> None:
    ask(name, json.dumps(body).encode())


@pytest.mark.parametrize("name", NAMES)
@given(body=st.binary())
def test_whatever_bytes_come_are_refused_as_a_problem(name: str, body: bytes) -> None:
    assert ask(name, body).status_code in {200, 400}  # `{}` asks what becomes of the account as it is
