"""Answers: made once for all who ask the same of the same account."""

import json
from unittest.mock import patch

import pytest

from tests.support.reports import FixedRefusals, FixedReport, Reports, denial, node, sources
from webhook.core.reporting.collection import COLLECTIONS
from webhook.core.reporting.query import Query, parse
from webhook.web.answers import Answers, UnsyncedError


def query(name: str, **given: str) -> Query:
    return parse(COLLECTIONS[name], given.items())


def test_the_same_question_makes_rows_once() -> None:
    reports = Reports()
    answers = Answers(sources(reports))
    first = answers.rows(query("nodes", over="true"))
    assert answers.rows(query("nodes", over="true")) is first
    answers.rows(query("nodes", over="true", limit="1"))
    assert reports.report.asked == [("nodes",)], "the second page is cut from the same listing"
    reports.change()
    answers.rows(query("nodes", over="true"))
    assert len(reports.report.asked) == 2


def test_nodes_of_which_none_has_changed_are_neither_sorted_nor_encoded_again() -> None:
    rows = [node("a"), node("b")]
    reports = Reports()
    reports.change(node_rows=rows)
    answers = Answers(sources(reports))
    before, listed = answers.nodes_as_pykles(), answers.rows(query("nodes", sortBy="name"))
    reports.change(node_rows=rows)
    assert answers.nodes_as_pykles() is before
    with patch("webhook.web.answers.arrange", side_effect=AssertionError("sorted again")):
        assert answers.rows(query("nodes", sortBy="name")).body == listed.body
    reports.change(node_rows=[*rows, node("c")])
    assert b'"c"' in answers.nodes_as_pykles().body
    assert b'"c"' in answers.rows(query("nodes", sortBy="name")).body


def test_what_was_refused_makes_no_other_answer_old() -> None:
    refusals = FixedRefusals()
    answers = Answers(sources(Reports(), refusals))
    nodes, denials = answers.rows(query("nodes")), answers.rows(query("denials"))
    refusals.rows.append(denial("x"))
    assert answers.rows(query("nodes")) is nodes
    assert answers.rows(query("denials")).etag != denials.etag
    assert answers.refused() == 1


def test_where_nothing_is_recorded_there_is_no_number_of_refusals() -> None:
    assert Answers(sources()).refused() is None


def test_many_rows_are_encoded_some_at_a_time_and_are_whole() -> None:
    rows = [node(f"n{index:04}") for index in range(101)]
    body = Answers(sources(Reports(FixedReport(node_rows=rows)))).rows(query("nodes")).body
    assert [each["name"] for each in json.loads(body)["items"]] == [row.name for row in rows]


def test_a_node_that_has_changed_is_encoded_again_and_one_that_is_gone_is_left_out() -> None:
    one, two = node("one"), node("two")
    reports = Reports(FixedReport(node_rows=[one, two]))
    answers = Answers(sources(reports))

    def shown() -> dict[str, float]:
        found = json.loads(answers.nodes_as_pykles().body)["Nodes"]
        return {each["NodeName"]: each["CPU"]["Requests"]["InstrumentedValue"] for each in found}

    assert shown() == {"one": 2000, "two": 2000}
    reports.change(node_rows=[one, node("two", requests=3), node("three", why_not="deleted")])
    assert shown() == {"one": 2000, "two": 3000}
    reports.change(node_rows=[node("two", requests=4)])
    assert shown() == {"two": 4000}


def test_lists_wait_for_the_first_account() -> None:
    answers = Answers(sources(Reports(FixedReport(revision=0, problem="not listed yet"))))
    for ask in (answers.nodes_as_pykles, lambda: answers.rows(query("nodes"))):
        with pytest.raises(UnsyncedError, match="not listed yet"):
            ask()
    assert b"not listed yet" in answers.commitment().body


def test_an_account_that_is_old_is_shown_as_such() -> None:
    answers = Answers(sources(Reports(FixedReport(revision=71, problem="stale"))))
    assert json.loads(answers.rows(query("nodes")).body)["metadata"]["problem"] == "stale"
