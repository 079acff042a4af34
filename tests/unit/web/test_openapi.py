"""The description of the API, held against the application: schemathesis asks whatever it says may be asked."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
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

from tests.support.reports import FixedRefusals, denial, sources
from webhook.web.answers import Answers
from webhook.web.openapi import EVENTS
from webhook.web.reporting_routes import create_reporting_app
from webhook.web.sources import Sources


def usage() -> bytes:
    return b'{"items":[{"metadata":{"name":"a","namespace":"b"},"containers":[{"name":"c","usage":{"cpu":"1n"}}]}]}'


def app_of(given: Sources) -> Any:
    return create_reporting_app(Answers(given), given, CollectorRegistry(), lambda: None, lambda: None)


APP = app_of(sources(refusals=FixedRefusals(denial("x")), usage=usage))
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", APP)
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
