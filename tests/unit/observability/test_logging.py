"""No storm floods the operational log, and nothing is left out in silence."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.support.replica import Clock
from webhook.observability import logging as logbook
from webhook.observability.logging import RateLimitFilter

NOW = 1_767_225_600.25  # 2026-01-01 00:00:00.250 UTC


def record(text: str, *details: object, name: str = "webhook") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, __file__, 1, text, details, None)


def passed(bounded: RateLimitFilter, text: str, *details: object, name: str = "webhook") -> str | None:
    """What is written of a record; None where it is left out."""
    made = record(text, *details, name=name)
    return made.getMessage() if bounded.filter(made) else None


def test_a_storm_of_one_kind_is_cut_short_and_counted() -> None:
    clock = Clock()
    bounded = RateLimitFilter(clock, most=3, seconds=10.0)
    said = [passed(bounded, "refused %s", index) for index in range(100)]
    assert said == ["refused 0", "refused 1", "refused 2"] + 97 * [None]
    clock.wait(10.0)
    assert passed(bounded, "refused %s", "x") == "refused x (and 97 more like it since the last one)"
    assert passed(bounded, "refused %s", "y") == "refused y"


def test_one_kind_does_not_silence_another() -> None:
    bounded = RateLimitFilter(Clock(), most=1)
    assert passed(bounded, "one") == "one"
    assert passed(bounded, "one") is None
    assert passed(bounded, "another") == "another"
    assert passed(bounded, "one", name="other") == "one"


def test_what_is_seldom_is_left_alone() -> None:
    clock = Clock()
    bounded = RateLimitFilter(clock, most=1, seconds=10.0)
    for _ in range(5):
        assert passed(bounded, "refused %s", "x") == "refused x"
        clock.wait(10.0)


def test_kinds_are_forgotten_before_they_are_too_many() -> None:
    bounded = RateLimitFilter(Clock(), most=1)
    for index in range(5_000):
        passed(bounded, f"kind {index}")
    assert len(bounded._kinds) <= 1_000


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger as it is before anything was set up, and after."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    yield root
    root.handlers[:] = before
    root.setLevel(level)


def test_it_is_written_to_standard_error(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logbook.begin("warning", Clock(), "text", lambda: NOW)
    logging.getLogger("webhook.some").info("too little")
    for _ in range(100):
        logging.getLogger("webhook.some").warning("a %s", "warning")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20
    assert lines[0] == "2026-01-01T00:00:00.250+00:00 WARNING webhook.some: a warning"


def test_lines_can_be_json_each_with_its_exception_in_it(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logbook.begin("info", Clock(), "json", lambda: NOW)
    log = logging.getLogger("webhook.some")
    log.info('a "%s"\nof two lines \ud800', "word")
    try:
        int("wrong")
    except ValueError:
        log.exception("it failed")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first == {
        "ts": "2026-01-01T00:00:00.250+00:00",
        "level": "info",
        "logger": "webhook.some",
        "message": 'a "word"\nof two lines \\ud800',
    }
    assert (second["level"], second["message"]) == ("error", "it failed")
    assert second["exception"].startswith("Traceback (most recent call last):")
    assert second["exception"].endswith("ValueError: invalid literal for int() with base 10: 'wrong'")


def test_lines_are_in_order_whatever_the_clock_does_and_whoever_was_first(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([NOW, NOW - 3600, NOW + 1])
    logbook.begin("info", Clock(), "text", lambda: next(times))
    handler = root.handlers[-1]
    late, early = (record(text) for text in ("made first", "made second"))
    for each in (early, late, record("third")):
        handler.handle(each)
    said = [line.split()[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["2026-01-01T00:00:00.250+00:00"] * 2 + ["2026-01-01T00:00:01.250+00:00"]
    assert all(datetime.fromisoformat(each).tzinfo is not None for each in said)
