"""Broken rules about a restore of etcd."""

from tests.model.mutants.registry import Patches, mutant
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Reservations
from webhook.core.sharing.allotment import Allotment
from webhook.core.sharing.continuity import Continuity
from webhook.core.sharing.peers import Peers
from webhook.core.sharing.shared_state import Shared


@mutant("7: a consistent read that went back proves a restore", "I3")
def restores_not_noticed() -> Patches:
    return [(Allotment, "begin_again", lambda *_: None)]


@mutant("7: after a restore the object is an old copy")
def restored_object_trusted() -> Patches:
    contradicts = Peers.contradicts

    def trusting(self: Peers, shared: Shared, written_at: float, now: float) -> bool:
        return self._restarted == float("-inf") and contradicts(self, shared, written_at, now)

    return [(Peers, "contradicts", trusting)]


@mutant("7: after a restore an open object is an old copy, though nobody knows it")
def unknown_copy_trusted() -> Patches:
    return [(Peers, "begin_again", lambda self, _: self.lose())]


@mutant("7: revisions begin again", "I3")
def old_revisions_kept() -> Patches:
    def doubt(self: Ledger, since: float) -> None:
        self.doubt(since)
        self.reservations.begin_again()

    return [(Ledger, "begin_again", doubt)]


@mutant("7: what was seen in another history raises no floor", "I3")
def seen_before_the_restore_raises_the_floor() -> Patches:
    return [(Reservations, "begin_again", lambda _: None)]


@mutant("7: nothing is granted after an outage before a write")
def grants_go_on_after_an_outage() -> Patches:
    return [(Continuity, "doubted_since", lambda *_: None)]


@mutant("7: a write from before an outage lets nobody in")
def old_bookings_vouched_for() -> Patches:
    return [(Continuity, "vouches", lambda *_, **__: True)]


@mutant("7: nor does one that was sent before its end")
def writes_outlast_outages() -> Patches:
    return [(Continuity, "outlast", lambda *_: None)]


@mutant("7: a view that is ahead of a write is of another history")
def views_of_the_past_trusted() -> Patches:
    return [(Allotment, "sees_the_past", False)]


@mutant("7: nothing is booked from a new object before a list")
def booked_before_a_list() -> Patches:
    return [(Ledger, "doubt", lambda *_: None)]


@mutant("7: an old copy is damage, also where others have built further on it")
def undone_writes_not_missed() -> Patches:
    return [(Peers, "_lacks_mine", lambda *_: False)]


@mutant("7: what is told before the list is of another history", "I1", "I3", "I5")
def old_watch_believed() -> Patches:
    begin_again = Ledger.begin_again

    def gullible(self: Ledger, since: float) -> None:
        begin_again(self, since)
        self.awaits_list = False

    return [(Ledger, "begin_again", gullible)]
