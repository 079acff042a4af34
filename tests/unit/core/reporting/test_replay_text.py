"""A replay for people and for programs."""

from webhook.core.reporting.auditlines import Faulty
from webhook.core.reporting.replay import Change, Replay
from webhook.core.reporting.replay_text import replay_data, replay_notes, replayed
from webhook.core.reporting.trial import Owner
from webhook.core.reviews.verdict import Decision

FIRST, LAST = "2026-01-02T03:04:05.250+00:00", "2026-01-02T03:05:05.250+00:00"
CHANGE = Change(Owner("shop", "Deployment", "web"), Decision.DENY, Decision.ALLOW, 3, FIRST, LAST)


def test_each_change_is_a_row() -> None:
    assert list(replayed(Replay((CHANGE,), 4, 1, {}))) == [
        "Of 8 logged decisions, 3 would be different.",
        "1 cannot be told: their lines lack figures, or concern several scopes.",
        "",
        "NAMESPACE  OWNER           DECISIONS  WAS      THEN      FIRST                LAST",
        "shop       Deployment/web          3  refused  admitted  2026-01-02T03:04:05  2026-01-02T03:05:05",
    ]
    assert list(replayed(Replay((), 1, 0, {}))) == ["Of 1 logged decision, 0 would be different."]


def test_what_was_left_out_is_said() -> None:
    assert list(replay_notes(Replay((), 0, 0, {Faulty.OTHER: 9}))) == []
    assert len(list(replay_notes(Replay((), 0, 0, {Faulty.DAMAGED: 1, Faulty.NEWER: 2})))) == 2


def test_for_programs() -> None:
    said = replay_data(Replay((CHANGE,), 4, 1, {}))
    assert (said["changed"], said["same"], said["untold"]) == (3, 4, 1)
    assert said["changes"][0]["was"] == "deny"
    assert said["changes"][0]["ownerName"] == "web"
