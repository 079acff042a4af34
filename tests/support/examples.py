"""How many examples a property test draws that needs another number than the 100 of Hypothesis."""

from hypothesis import settings

UNIT = "unit"
"""The profile of `make unit`, whose tests draw a fifth of the examples; every other run draws all of them."""


def examples(full: int) -> int:
    """Return how many examples to draw, of `full`; call it where a test module is imported."""
    return max(5, full // 5) if settings.get_current_profile_name() == UNIT else full
