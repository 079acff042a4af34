"""Broken rules of credit. None of them can pass a bound, but each lets one subject keep headroom from the others."""

from tests.model.mutants.registry import Patches, mutant
from webhook.core.ledger.history import GOOD, History, Standing
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.subjects import Subjects, subjects_of
from webhook.core.sharing import credit as credit_module
from webhook.core.sharing.credit import Credit
from webhook.core.sharing.grants import Grants
from webhook.core.sharing.proposal import Draft
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import Amounts


@mutant("credit: what is seen is open no longer", "I5")
def credit_is_never_returned() -> Patches:
    return [(Subjects, "remove", lambda *_: None)]


@mutant("credit: a duplicate of an open name costs what it asks", "I8")
def duplicates_need_no_credit() -> Patches:
    return [(Ledger, "asked_beyond_live", Ledger.growth)]


@mutant("credit: a namespace has no more, however many its owners", "I8")
def each_owner_has_a_credit_of_its_own() -> Patches:
    return [(credit_module, "subjects_of", lambda name, owner: subjects_of(name, owner)[:1])]


@mutant("credit: what others have open is not left", "I8")
def open_elsewhere_counts_as_left() -> Patches:
    hear = Credit.hear

    def deaf(self: Credit, shared: Shared, replica: str, now: float) -> None:
        hear(self, shared, replica, now)
        self._elsewhere = {}

    return [(Credit, "hear", deaf)]


@mutant("credit: bookings need it as well, one after the other", "I8")
def bookings_need_no_credit() -> Patches:
    class Unlimited:
        def shortfall(self, *_: object) -> None:
            return None

    reserve = Draft.reserve

    def careless(self: Draft, *arguments: object, **named: object) -> None:
        self._credit = Unlimited()  # type: ignore[assignment]  # that is the fault
        reserve(self, *arguments, **named)  # type: ignore[arg-type]

    return [(Draft, "reserve", careless)]


@mutant("credit: policy reserves within it only", "I8")
def forced_reserve_beyond_credit() -> Patches:
    return [(Grants, "force", lambda self, pod, now: self._grant(pod, now))]


@mutant("credit: a lapse is remembered")
def lapses_are_forgiven() -> Patches:
    return [(Credit, "lapsed", lambda *_: [])]


@mutant("credit: one that lapsed while others came is not held against anybody")
def nobody_speaks_for_what_lapsed() -> Patches:
    return [(Subjects, "seen_since", lambda *_: False)]


@mutant("credit: only a pod as large clears a history")
def tiny_pods_clear_history() -> Patches:
    saw = History.saw

    def gullible(self: History, name: str, owner: str, size: Amounts) -> None:
        saw(self, name, owner, Amounts._make(1 << 62 for _ in size))

    return [(History, "saw", gullible)]


@mutant("credit: nothing is let in beyond it before the pause is over")
def one_pod_in_a_pause() -> Patches:
    standing = History.standing

    def impatient(self: History, subject: str) -> Standing:
        found = standing(self, subject)
        return found if found is GOOD else Standing(found.level)

    return [(History, "standing", impatient)]


@mutant("credit: replicas tell each other whose pods lapsed")
def history_is_not_shared() -> Patches:
    return [(History, "hear", lambda *_: None)]


@mutant("credit: an outage is not the tenant's fault")
def outages_count() -> Patches:
    return [(History, "excuse", lambda *_: None)]


@mutant("credit: a name that is taken is not reserved for")
def taken_names_have_credit() -> Patches:
    def never(self: Ledger, name: PodInfo) -> bool:
        return False

    return [(Ledger, "is_taken", never)]
