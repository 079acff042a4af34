"""The basis of a review: the configuration and the counting rules that it is judged under, as one value.

A review takes it once and carries it from its evaluation through its decision to its audit line. If another basis is
in force by the time of the decision, the review is evaluated again: no verdict mixes two configurations.
"""

from msgspec import Struct

from webhook.core.config.config import HeadroomConfig
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import Rules
from webhook.core.reviews.messages import NO_HELP, Help
from webhook.core.reviews.review import AdmissionRequest


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

    def evaluates_alike(self, other: "Basis", request: AdmissionRequest) -> bool:
        """Say whether an evaluation (evaluation.py) of this request comes out the same under another basis.

        The thresholds are no part of an evaluation: they only matter when it is decided.
        """
        ours, theirs = self.config, other.config
        return (
            self.rules == other.rules
            and ours.policy(request.namespace) == theirs.policy(request.namespace)
            and ours.exempt == theirs.exempt
            and ours.missing_limits == theirs.missing_limits
            and bool(ours.pools) == bool(theirs.pools)
            and (ours.pools == theirs.pools or not request.is_binding)
        )
