"""Moments: times as Kubernetes writes them, as numbers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.values.moments import moment


@given(st.integers(0, 4_000_000_000))
def test_a_time_is_the_seconds_since_1970(seconds: int) -> None:
    assert moment(datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")) == seconds


@pytest.mark.parametrize(
    "text", ["", "now", "2026-11-21T13:00:15+01:00", "2026-11-21T13:00:xxZ", "20261121T13:00:15.5Z"]
)
def test_another_text_is_no_time(text: str) -> None:
    assert moment(text) == 0
