"""History: the subjects whose pods were admitted, held a good part of what was free, and never appeared.

    in good standing ──pods lapse unseen──► a pause ──it is over──► one pod at a time ──it comes──► in good standing
                                              ▲  doubled, up to a maximum  │
                                              └────────── it lapses ───────┘        or a long quiet time

A subject's level is the number of such lapses in a row, up to 4. A lapse counts only if no pod of the subject that is
at least as large was seen since the grant: if another webhook refuses some of a subject's pods, the others are not shut
out. The lapse of a grant that was made before the level last rose does not raise it further. A pod of the subject
clears its history if it is as large as what lapsed, in every sum: otherwise small pods that appear would excuse large
pods that never do.

When this replica's own view or its writes had a fault, no reservation that was open at that time counts: the fault may
be the reason why the pods did not appear.

Pure, and bounded in size: the history of owners never displaces that of namespaces. Times are seconds of the replica's
own clock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import islice
from typing import Final, NamedTuple

from msgspec import Struct

from webhook.core.ledger.subjects import USER, is_namespace, namespace_of, owner_in
from webhook.core.values.amounts import Amounts

MOST_LEVEL: Final = 4
MOST: Final = 4_096  # subjects
OWNERS: Final = 16  # of one namespace
REPORTED: Final = 64  # subjects whose levels one replica reports to the others
_REPORTED_OWNERS = 4  # of one namespace
_PAUSE = 4  # in lapses; doubled with each level
_QUIET = 32  # in lapses: how long after the end of a pause a subject's history is forgotten


def digest(subject: str) -> str:
    """Return 12 hexadecimal digits that stand for a subject in the shared object, however long its name is."""
    return sha256(subject.encode(errors="surrogatepass")).hexdigest()[:12]


class Standing(NamedTuple):
    """The standing of a subject: level 0 is good. Until the pause ends (`until`), the subject has a small credit."""

    level: int = 0
    until: float = float("-inf")


GOOD: Final = Standing()


class _Record(Struct, eq=False):
    level: int
    since: float  # when the level rose
    until: float
    size: Amounts  # the most that lapsed


class _Heard(Struct, eq=False):
    level: int
    since: float
    until: float


class History:
    """The lapses that this replica saw, and the levels that the other replicas report."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._heard: dict[str, _Heard] = {}  # by digest
        self._trouble_at = float("-inf")
        self._to_report: dict[str, int] | None = None  # worked out on demand
        self.any = False  # whether any subject is not in good standing, here or by what other replicas report

    # -- questions -----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return how many subjects are not in good standing by what this replica saw."""
        return len(self._records)

    def standing(self, subject: str) -> Standing:
        """Return the standing of a subject: the worst that this replica saw or another one reports."""
        if not self.any:
            return GOOD
        mine, heard = self._records.get(subject), self._heard.get(digest(subject)) if self._heard else None
        found = [each for each in (mine, heard) if each is not None]
        if not found:
            return GOOD
        return Standing(max(each.level for each in found), max(each.until for each in found))

    def levels_to_report(self, most: int = REPORTED) -> dict[str, int]:
        """Return the levels to report to other replicas, by digest: the highest and newest, a few of each namespace."""
        if self._to_report is None:
            self._to_report = self._choose_levels()
        return self._to_report if len(self._to_report) <= most else dict(islice(self._to_report.items(), most))

    def _choose_levels(self) -> dict[str, int]:
        owners: Counter[str] = Counter()
        levels: dict[str, int] = {}
        for subject in sorted(self._records, key=self._weight, reverse=True):
            owners[namespace_of(subject)] += not is_namespace(subject)
            if is_namespace(subject) or owners[namespace_of(subject)] <= _REPORTED_OWNERS:
                levels[digest(subject)] = self._records[subject].level
            if len(levels) == REPORTED:
                break
        return levels

    # -- changes -------------------------------------------------------------------------------------------------------

    def excuse(self, now: float) -> None:
        """Note that this replica has a fault now: no grant made until now is held against its subject."""
        self._trouble_at = now

    def lapsed(self, subject: str, size: Amounts, granted_at: float, now: float, lapse: float) -> bool:
        """Note that a pod of the subject never appeared; say whether the subject's level rose or its pause began again.

        `lapse` is in seconds.
        """
        if granted_at <= self._trouble_at:
            return False
        known, heard = self._records.get(subject), self._heard.get(digest(subject))
        level = max(known.level if known else 0, heard.level if heard else 0)
        since = max(known.since if known else float("-inf"), heard.since if heard else float("-inf"))
        if known is not None:
            known.size = known.size.or_more(size)
        if level and granted_at < since:
            return False
        level = min(level + 1, MOST_LEVEL)
        self._records.pop(subject, None)
        self._make_room(subject)
        most = size if known is None else known.size
        self._records[subject] = _Record(level, now, now + _pause(level, lapse), most)
        self._changed()
        return True

    def saw(self, name: str, owner: str, size: Amounts) -> None:
        """Take in that a pod appeared or grew by `size`; `owner` is empty where its metadata names no controller."""
        if not self._records:
            return
        namespace = namespace_of(name)
        whose = [namespace, owner_in(namespace, owner)]
        if not owner:  # a user created it, and the pod does not say which user
            users = owner_in(namespace, USER)
            whose += [subject for subject in self._records if subject.startswith(users)]
        for subject in whose:
            known = self._records.get(subject)
            if known is not None and known.size.within(size):
                del self._records[subject]
                self._changed()

    def forget(self, now: float, lapse: float) -> None:
        """Forget the subjects whose pause ended long ago."""
        over = [subject for subject, known in self._records.items() if now >= known.until + _QUIET * lapse]
        for subject in over:
            del self._records[subject]
            self._changed()

    def hear(self, tables: Iterable[Mapping[str, int]], now: float, lapse: float) -> None:
        """Take in the tables of all other replicas: where a level rose, a pause begins here, by this replica's clock.

        So clocks of different replicas are never compared.
        """
        levels: dict[str, int] = {}
        for table in filter(None, tables):
            for each, level in table.items():
                levels[each] = max(levels.get(each, 0), min(level, MOST_LEVEL))
        if not (levels or self._heard):
            return
        before, self._heard = self._heard, {}
        for each, level in levels.items():
            known = before.get(each)
            if known is None or level > known.level:
                known = _Heard(level, now, now + _pause(level, lapse))
            self._heard[each] = known
        self._changed()

    def _changed(self) -> None:
        self.any, self._to_report = bool(self._records or self._heard), None

    def _make_room(self, subject: str) -> None:
        """Make room for a subject: drop the record of the lowest and oldest level, of the same namespace first."""
        if not is_namespace(subject):
            namespace = namespace_of(subject)
            owners = [s for s in self._records if namespace_of(s) == namespace and not is_namespace(s)]
            if len(owners) >= OWNERS:
                del self._records[min(owners, key=self._weight)]
        if len(self._records) >= MOST:
            owners = [s for s in self._records if not is_namespace(s)]
            del self._records[min(owners or self._records, key=self._weight)]

    def _weight(self, subject: str) -> tuple[int, float]:
        known = self._records[subject]
        return known.level, known.since


def _pause(level: int, lapse: float) -> float:
    return _PAUSE * lapse * 2.0 ** (level - 1)
