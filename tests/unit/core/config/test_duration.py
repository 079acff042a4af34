import pytest
from hypothesis import given

from tests.support.configs import durations
from webhook.core.config.duration import Duration


@given(duration=durations)
def test_what_is_written_is_read_back(duration: Duration) -> None:
    assert Duration.parse(str(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds", "shortest"),
    [
        ("0s", 0, "0s"),
        ("10s", 10, "10s"),
        ("90s", 90, "1m30s"),
        ("1h30m", 5400, "1h30m"),
        ("1500ms", 1.5, "1s500ms"),
        ("24h", 86_400, "24h"),
    ],
)
def test_units_add_up(text: str, seconds: float, shortest: str) -> None:
    assert Duration.parse(text).seconds == seconds
    assert str(Duration.parse(text)) == shortest


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("10", '"10" has no unit; write 10s'),
        ("", '"" is not a duration; write 10s or 5m'),
        ("1w", '"1w" is not a duration; write 10s or 5m'),
        ("5s1h", '"5s1h" is not a duration; write 10s or 5m'),
        ("-5s", '"-5s" is not a duration; write 10s or 5m'),
        ("25h", '"25h" is too long; write 24h at most'),
    ],
)
def test_anything_else_is_refused_with_what_would_be_right(text: str, error: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        Duration.parse(text)
    assert str(refused.value) == error
