"""Problems: each says where it is in the text, and the error for a text holds all of them."""

import pytest

from webhook.core.config.errors import ConfigError, Place, Problem


def test_a_problem_is_written_as_its_path_and_its_message() -> None:
    assert str(Problem("pools[0].name", "is missing")) == "pools[0].name: is missing"
    assert str(Problem("", "is empty")) == "the configuration: is empty"


@pytest.mark.parametrize(
    ("number", "last"), [(1, "p0: bad"), (20, "p19: bad"), (21, "... and 1 more"), (25, "... and 5 more")]
)
def test_a_page_of_problems_is_shown_and_how_many_more_there_are(number: int, last: str) -> None:
    lines = str(ConfigError(Problem(f"p{each}", "bad") for each in range(number))).splitlines()
    assert (len(lines), lines[-1]) == (min(number, 21), last)


def test_an_error_holds_every_problem_whatever_it_shows() -> None:
    problems = tuple(Problem(f"p{each}", "bad") for each in range(25))
    assert ConfigError(iter(problems)).problems == problems


@pytest.mark.parametrize(
    ("names", "path"),
    [
        (["mode"], "mode"),
        (["nodes", "notReadyGrace"], "nodes.notReadyGrace"),
        (["no key"], '["no key"]'),
        (["nodes", ""], 'nodes[""]'),
        (["nodes", "9lives"], 'nodes["9lives"]'),
        (["a.b", "c"], '["a.b"].c'),
        (["line\nbreak"], '["line\\nbreak"]'),
        (["k" * 60], "k" * 60),
        (["k" * 61], '["' + "k" * 60 + '..."]'),
    ],
)
def test_a_key_is_added_with_a_dot_if_it_is_plain_and_in_quotes_if_not(names: list[str], path: str) -> None:
    place = Place([])
    for name in names:
        place = place.key(name)
    assert place.path == path


def test_items_are_added_by_their_number() -> None:
    assert Place([]).key("pools").item(0).key("name").path == "pools[0].name"


@pytest.mark.parametrize(
    ("path", "below", "whole"),
    [("pools[0]", "name", "pools[0].name"), ("", "name", "name"), ("pools[0]", "", "pools[0]"), ("", "", "")],
)
def test_a_path_that_is_written_already_is_added_as_it_is(path: str, below: str, whole: str) -> None:
    assert Place([], path).below(below).path == whole


def test_all_places_of_a_text_report_into_one_list() -> None:
    problems: list[Problem] = []
    root = Place(problems)
    root.key("mode").report("is bad")
    root.key("pools").item(1).report("is worse")
    assert problems == [Problem("mode", "is bad"), Problem("pools[1]", "is worse")]


def test_the_error_of_a_place_holds_what_was_reported_before_and_reports_nothing_itself() -> None:
    problems = [Problem("mode", "is bad")]
    error = Place(problems, "pools").error("cannot be read")
    assert isinstance(error, ConfigError)
    assert error.problems == (Problem("mode", "is bad"), Problem("pools", "cannot be read"))
    assert problems == [Problem("mode", "is bad")]
