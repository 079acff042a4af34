"""The memo begins with nothing."""

from webhook.core.reporting.memo import Memo


def test_a_new_memo_knows_nothing() -> None:
    memo = Memo()
    assert (memo.nodes, memo.node_rows, memo.namespaces) == ({}, (), {})
