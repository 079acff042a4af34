"""No storm floods the operational log, and nothing is left out in silence."""

import json
import logging
import os
import re
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from tests.support.booking_replicas import until
from tests.support.replica import Clock
from webhook.observability import logging as logbook
from webhook.observability.logging import LogWriter, RateLimitFilter

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


# -- a standard error that nobody reads --------------------------------------------------------------------------------

MOST = 100  # lines that wait: more than a pipe holds of these
LINE = "x" * 1000  # 64 of them fill a pipe


@contextmanager
def piped() -> Iterator[tuple[LogWriter, int]]:
    """A writer that runs and writes into a pipe, and the pipe's other end."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        writer = LogWriter(stream, MOST)
        thread = threading.Thread(target=writer.run)
        thread.start()
        until(lambda: writer._queues)
        try:
            yield writer, read
        finally:
            threading.Thread(target=writer.stop).start()
            while thread.is_alive():
                if select.select([read], [], [], 0.05)[0]:
                    os.read(read, 1 << 16)
    os.close(read)


def flood(writer: LogWriter) -> None:
    """Log more than a pipe and the queue hold."""
    for _ in range(10 * MOST):
        writer.handle(record(LINE))


def dropped(text: str) -> list[int]:
    """What lines about dropped lines say."""
    return [int(count) for count in re.findall(r"^(\d+) lines of this log were dropped: ", text, re.MULTILINE)]


def test_no_thread_that_logs_waits_for_whoever_reads_and_what_is_dropped_is_counted() -> None:
    with piped() as (writer, read):
        logs = threading.Thread(target=flood, args=[writer], daemon=True)
        logs.start()
        logs.join(20)
        assert not logs.is_alive(), "it waits for the reader"
        assert writer.dropped > 0
        text = ""
        while text.count(LINE) < 10 * MOST - writer.dropped or sum(dropped(text)) < writer.dropped:
            text += os.read(read, 1 << 16).decode()
        assert sum(dropped(text)) == writer.dropped
        assert text.count(LINE) == 10 * MOST - writer.dropped


def test_lines_that_are_queued_are_written_before_it_stops_and_further_ones_at_once() -> None:
    with piped() as (writer, read):
        for number in range(20):
            writer.handle(record("line %d", number))
        writer.stop()
        writer.handle(record("the last"))
        text = ""
        while not text.endswith("the last\n"):
            text += os.read(read, 1 << 16).decode()
        assert text.splitlines() == [*(f"line {number}" for number in range(20)), "the last"]
        threading.Thread(target=writer.run).start()  # for the end of the block
        until(lambda: writer._queues)


def test_a_stop_that_comes_before_the_thread_ends_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    writer = LogWriter(sys.stderr)
    writer.stop()
    writer.run()  # returns
    writer.handle(record("at once"))
    assert capsys.readouterr().err == "at once\n"


def test_a_stop_does_not_wait_for_a_reader_that_never_comes() -> None:
    with piped() as (writer, _):
        flood(writer)
        writer.stop()  # after a second, which is all that is asked for here
        assert not writer._ended.is_set()


def test_a_reader_that_has_gone_breaks_nothing() -> None:
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w")
    LogWriter(stream).handle(record("to nobody"))
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_a_log_call_that_is_wrong_breaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    LogWriter(sys.stderr).handle(record("%d", "no number"))
    assert "--- Logging error ---" in capsys.readouterr().err
