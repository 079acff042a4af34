"""Which entry leaves a full table."""

import pytest

from webhook.core.reporting.fairness import leaving


def test_the_oldest_of_the_namespace_with_the_most_entries_leaves() -> None:
    entries = {"a": ("quiet", 1.0), "b": ("loud", 3.0), "c": ("loud", 2.0)}
    assert leaving(entries) == "c"


def test_an_empty_table_has_none() -> None:
    with pytest.raises(ValueError, match="empty"):
        leaving({})
