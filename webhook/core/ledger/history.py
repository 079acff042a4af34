"""History: whose pods were let in, held a good part of what was free, and never came.

    in good standing ──pods lapse unseen──► a pause ──it is over──► one pod at a time ──it comes──► in good standing
                                              ▲  doubled, up to a most     │
                                              └────────── it lapses ───────┘        or a long quiet time

A level says how often in a row. A lapse counts only if no pod of the subject as large was seen since the grant: a
webhook that refuses some of many does not shut the others out. Lapses of grants that were made before the level rose
last belong to the same time, and raise it no further. A pod of the subject clears its history if it is as large as
what lapsed, in every sum: otherwise small pods that come would excuse large ones that never do.

When something was wrong with this replica's own view or with its writes, nothing that was open meanwhile counts: it may
be for that reason that the pods did not come.

Pure, and bounded: the namespaces' own history is never pushed out by that of their owners. Times are seconds of the
replica's own clock.
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
TOLD: Final = 64  # subjects that one replica tells the others of
_TOLD_OWNERS = 4  # of one namespace
_PAUSE = 4  # lapses; doubled with each level
_QUIET = 32  # lapses after a pause until all is forgotten


def digest(subject: str) -> str:
    """Return what stands for a subject where others read it: short, whatever its name is."""
    return sha256(subject.encode(errors="surrogatepass")).hexdigest()[:12]


class Standing(NamedTuple):
    """How a subject stands: 0 is good. Until the pause is over, it has no more than a small credit."""

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
    """What this replica saw lapse, and what others say that they saw."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._heard: dict[str, _Heard] = {}  # by digest
        self._trouble_at = float("-inf")
        self._told: dict[str, int] | None = None  # worked out when it is asked for
        self.any = False  # whether anybody is not in good standing, by all that is known

    # -- questions -----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many subjects are not in good standing here."""
        return len(self._records)

    def standing(self, subject: str) -> Standing:
        """Return how a subject stands."""
        if not self.any:
            return GOOD
        mine, heard = self._records.get(subject), self._heard.get(digest(subject)) if self._heard else None
        found = [each for each in (mine, heard) if each is not None]
        if not found:
            return GOOD
        return Standing(max(each.level for each in found), max(each.until for each in found))

    def told(self, most: int = TOLD) -> dict[str, int]:
        """Return the levels that others should know, by digest: the highest and newest, a few of each namespace."""
        if self._told is None:
            self._told = self._tell()
        return self._told if len(self._told) <= most else dict(islice(self._told.items(), most))

    def _tell(self) -> dict[str, int]:
        owners: Counter[str] = Counter()
        told: dict[str, int] = {}
        for subject in sorted(self._records, key=self._weight, reverse=True):
            owners[namespace_of(subject)] += not is_namespace(subject)
            if is_namespace(subject) or owners[namespace_of(subject)] <= _TOLD_OWNERS:
                told[digest(subject)] = self._records[subject].level
            if len(told) == TOLD:
                break
        return told

    # -- changes -------------------------------------------------------------------------------------------------------

    def excuse(self, now: float) -> None:
        """Note that something is wrong here: what is open now is held against nobody."""
        self._trouble_at = now

    def lapsed(self, subject: str, size: Amounts, granted_at: float, now: float, lapse: float) -> bool:
        """Note that a pod of the subject never came; say whether the subject stands worse for it."""
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
        """Take in that a pod came, or grew by so much; `owner` is empty where its metadata names no controller."""
        if not self._records:
            return
        namespace = namespace_of(name)
        whose = [namespace, owner_in(namespace, owner)]
        if not owner:  # which user made it is not known
            users = owner_in(namespace, USER)
            whose += [subject for subject in self._records if subject.startswith(users)]
        for subject in whose:
            known = self._records.get(subject)
            if known is not None and known.size.within(size):
                del self._records[subject]
                self._changed()

    def forget(self, now: float, lapse: float) -> None:
        """Forget whose pause has been over for long."""
        over = [subject for subject, known in self._records.items() if now >= known.until + _QUIET * lapse]
        for subject in over:
            del self._records[subject]
            self._changed()

    def hear(self, tables: Iterable[Mapping[str, int]], now: float, lapse: float) -> None:
        """Take in what all others tell: where a level has risen, a pause begins here too. No clocks are compared."""
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
        self.any, self._told = bool(self._records or self._heard), None

    def _make_room(self, subject: str) -> None:
        """Let go of the least, of the same namespace first."""
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
