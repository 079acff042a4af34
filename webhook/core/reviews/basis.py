"""The basis of a review: the configuration and the counting rules that it is judged under, as one value.

A review takes it once and carries it from its evaluation through its decision to its audit line. If another basis is
in force by the time of the decision, the review is evaluated again: no verdict mixes two configurations.
"""

from msgspec import Struct

from webhook.core.config.config import HeadroomConfig
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import Rules
from webhook.core.reviews.messages import NO_HELP, Help


class Basis(Struct, frozen=True, gc=False):
    """What reviews are judged under from one moment on; never changed, only replaced. Compare with `==`.

    `config_hash` is the hash of the configuration in the audit log, empty before the first one. `help` is where a user
    whose pod is refused gets help.
    """

    accounting: AccountingRules
    config_hash: str = ""
    help: Help = NO_HELP

    @property
    def config(self) -> HeadroomConfig:
        """The configuration."""
        return self.accounting.config

    @property
    def rules(self) -> Rules:
        """The rules by which pods are counted."""
        return self.accounting.rules

    def configured(self, config: HeadroomConfig, config_hash: str) -> "Basis":
        """Return the basis with another configuration."""
        return Basis(AccountingRules(config, self.rules), config_hash, self.help._replace(contact=config.message))

    def counted_by(self, rules: Rules) -> "Basis":
        """Return the basis with other rules by which pods are counted."""
        return Basis(AccountingRules(self.config, rules), self.config_hash, self.help)
