"""Answers: made once for all who ask the same of the same account."""

import json

import pytest

from tests.support.reports import FixedRefusals, FixedReport, Reports, denial, node, sources
from webhook.core.reporting.collection import COLLECTIONS
from webhook.core.reporting.query import Query, parse
from webhook.web.answers import Answers, UnsyncedError


def query(name: str, **given: str) -> Query:
    return parse(COLLECTIONS[name], given.items())


def test_the_same_question_makes_rows_once() -> None:
    reports = Reports()
    answers = Answers(sources(reports), spent=lambda: 0.0)
    first = answers.rows(query("nodes", over="true"))
    assert answers.rows(query("nodes", over="true")) is first
    answers.rows(query("nodes", over="true", limit="1"))
    assert reports.report.asked == [("nodes",)], "the second page is cut from the same listing"
    reports.change()
    answers.rows(query("nodes", over="true"))
    assert len(reports.report.asked) == 2


class Costly:
    """A clock, and a meter that says each answer took so many seconds of the processor."""

    def __init__(self, cost: float) -> None:
        self.now, self._cost, self._spent = 100.0, cost, 0.0

    def clock(self) -> float:
        return self.now

    def spent(self) -> float:
        self._spent += self._cost
        return self._spent


@pytest.mark.parametrize(("cost", "kept"), [(0.001, 0.01), (0.1, 1.0), (0.15, 1.5), (9.0, 1.5)])
def test_a_report_is_shown_for_ten_times_as_long_as_it_cost_and_not_for_long(cost: float, kept: float) -> None:
    reports, costly = Reports(), Costly(cost)
    answers = Answers(sources(reports), costly.clock, costly.spent)
    first = answers.rows(query("nodes"))
    reports.change(node_rows=[node("new")])
    costly.now = 100.0 + kept - 0.001
    assert answers.rows(query("nodes")) is first
    costly.now = 100.0 + kept
    assert b'"new"' in answers.rows(query("nodes")).body


def test_the_costs_of_all_answers_count_together() -> None:
    reports, costly = Reports(), Costly(0.03)
    answers = Answers(sources(reports), costly.clock, costly.spent)
    for name in ("nodes", "namespaces", "workloads"):
        answers.rows(query(name))
    reports.change(node_rows=[node("new")])
    costly.now = 100.89
    assert b'"new"' not in answers.rows(query("nodes")).body
    costly.now = 100.9
    assert b'"new"' in answers.rows(query("nodes")).body


def test_what_was_refused_makes_no_other_answer_old() -> None:
    refusals = FixedRefusals()
    answers = Answers(sources(Reports(), refusals), spent=lambda: 0.0)
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
    answers = Answers(sources(reports), spent=lambda: 0.0)

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
