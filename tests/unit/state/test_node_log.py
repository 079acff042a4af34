"""What nodes change is logged once, by whichever thread finds it."""

from dataclasses import replace

import pytest

from tests.support.accounts import node
from tests.support.replica import Judge
from webhook.core.ledger.nodes import NodeInfo

POOLS = """pools:
- {name: large, nodeSelector: {size: large}, thresholds: {memory: {requests: 50%}}}
- {name: old, nodeSelector: {age: old}, thresholds: {memory: {requests: 50%}}}
"""


def labelled(*labels: tuple[str, str]) -> NodeInfo:
    return replace(node("a"), labels=labels)


def test_an_overlap_is_logged_when_it_comes_and_when_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    judge = Judge()
    judge.configure(POOLS)
    account = judge.admission.account
    account.relist_nodes([labelled(("age", "old"), ("size", "large"))])
    account._nodes.tell()
    account.see_node(labelled(("size", "large")))
    said = [each.getMessage() for each in caplog.records if "pools" in each.getMessage()]
    assert len(said) == 2
    assert "both select nodes (1 now)" in said[0]
    assert "no longer select the same node" in said[1]
