"""What a review is judged under is one value, which is replaced and never changed."""

from tests.support.accounts import config
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import KUBERNETES_1_36, NEWEST
from webhook.core.reviews.basis import Basis
from webhook.core.reviews.messages import Help


def test_each_change_makes_another_value_and_leaves_the_first_as_it_was() -> None:
    first = Basis(AccountingRules(config("")), "first", Help("ns/config"))
    made = config("mode: warn\nmessage: ask us")
    second = first.configured(made, "second")
    assert (first.config_hash, first.config.mode.value, first.help.contact) == ("first", "enforce", "")
    assert (second.config_hash, second.config, second.rules) == ("second", made, NEWEST)
    assert second.help == Help("ns/config", contact="ask us")
    third = second.counted_by((KUBERNETES_1_36,))
    assert (third.config_hash, third.config, third.rules) == ("second", made, (KUBERNETES_1_36,))
    assert third.help == second.help
    assert first != second != third
