"""Sightings: the rules of every version that was seen of an API server lately are in force."""

import pytest

from webhook.core.pods.rules import KUBERNETES_1_36, KUBERNETES_1_37, KUBERNETES_1_38
from webhook.core.pods.sightings import KEPT, Sightings


def test_what_was_seen_of_an_api_server_is_in_force_for_a_while() -> None:
    sightings = Sightings(kept=300.0)
    assert sightings.see(KUBERNETES_1_36, 0.0) == (KUBERNETES_1_36,)
    assert sightings.see(KUBERNETES_1_37, 10.0) == (KUBERNETES_1_36, KUBERNETES_1_37)
    assert sightings.see(KUBERNETES_1_36, 250.0) == (KUBERNETES_1_36, KUBERNETES_1_37)
    assert sightings.see(KUBERNETES_1_37, 550.0) == (KUBERNETES_1_36, KUBERNETES_1_37)
    assert sightings.see(KUBERNETES_1_37, 551.0) == (KUBERNETES_1_37,)


def test_the_rules_in_force_are_in_the_order_of_their_versions_whatever_was_seen_first() -> None:
    sightings = Sightings()
    found = [sightings.see(rule_set, 0.0) for rule_set in (KUBERNETES_1_38, KUBERNETES_1_36, KUBERNETES_1_37)]
    assert found[-1] == (KUBERNETES_1_36, KUBERNETES_1_37, KUBERNETES_1_38)


@pytest.mark.parametrize(("passed", "kept"), [(KEPT, 2), (KEPT + 0.1, 1)])
def test_a_rule_set_is_kept_for_five_minutes_after_it_was_last_seen(passed: float, kept: int) -> None:
    sightings = Sightings()
    sightings.see(KUBERNETES_1_36, 100.0)
    assert KEPT == 300.0
    assert len(sightings.see(KUBERNETES_1_37, 100.0 + passed)) == kept


def test_what_is_seen_now_is_in_force_whenever_that_is() -> None:
    assert Sightings(kept=0.0).see(KUBERNETES_1_36, 1e9) == (KUBERNETES_1_36,)
