"""What a rotation does next, one step after the other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certs import names
from certs.authority import make_authority
from certs.keyring import PLAIN, Keyring, Step, Waits, new_token, read, write
from certs.renewal import signed_by
from certs.rotation import (
    Action,
    Asked,
    Dial,
    Entry,
    Point,
    Policy,
    Rest,
    Seen,
    Write,
    fingerprint,
    may_serve,
    next_action,
)

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WAITS = Waits(timedelta(seconds=60), DAY)
POLICY = Policy(names.parse(["a.test"], []), waits=WAITS)
FOREIGN = make_authority("foreign", NOW)


def written(action: Action) -> Keyring:
    """The keyring that the action writes; it must be one that can be read back."""
    assert isinstance(action, Write), action
    read(write(action.keyring))
    return action.keyring


def led(held: Keyring) -> tuple[Entry, ...]:
    """A gate that is as the keyring wants it."""
    return (Entry(held.trusted, held.path), Entry(held.trusted, held.path))


def served(held: Keyring) -> dict[str, str | None]:
    return {"one": fingerprint(held.serving.certificate), "two": fingerprint(held.serving.certificate)}


def begun() -> Keyring:
    return written(next_action(Seen(None, None, NOW), POLICY))


STEADY = begun()


def after(held: Keyring, now: datetime = NOW, **seen: Any) -> Action:
    return next_action(replace(Seen(held, led(held), now), **seen), POLICY)


def asked(*, authority: bool) -> Asked:
    return Asked(authority, Waits(SECOND, 2 * SECOND))


def test_at_first_a_keyring_is_made_and_the_gate_is_led_to_it() -> None:
    bare = (Entry((), None), Entry((), PLAIN))
    made = written(next_action(Seen(None, bare, NOW), POLICY))
    assert made.step is Step.STEADY
    assert made.paths == (made.path,) != (PLAIN,)
    assert made.trusted == (made.authority.certificate,)
    assert next_action(Seen(made, bare, NOW), POLICY) == Point(made.trusted, made.path)
    assert next_action(Seen(made, led(made), NOW), POLICY) == Rest("nothing is due")
    assert next_action(Seen(made, None, NOW), POLICY) == Rest("nothing is due")


def test_what_the_gate_trusted_and_sent_before_goes_on_until_all_replicas_serve_the_new_certificate() -> None:
    before = (Entry((FOREIGN.certificate,), PLAIN),)
    made = written(next_action(Seen(None, before, NOW), POLICY))
    assert made.trusted == (made.authority.certificate, FOREIGN.certificate)
    assert (made.step, made.path, made.paths[1:]) == (Step.SIGN, PLAIN, (PLAIN,))
    assert not may_serve(made, before)
    assert next_action(Seen(made, before, NOW), POLICY) == Point(made.trusted, PLAIN)
    assert isinstance(after(made), Dial)
    assert isinstance(after(made, served={**served(made), "old": "another"}), Rest)
    retiring = written(after(made, served=served(made)))
    assert (retiring.step, retiring.path, retiring.trusted) == (Step.RETIRE, made.paths[0], made.trusted)


def test_a_whole_rotation() -> None:
    publishing = written(after(STEADY, asked=asked(authority=True)))
    assert publishing.step is Step.PUBLISH
    assert publishing.trusted == (publishing.authority.certificate, STEADY.authority.certificate)
    assert publishing.serving == STEADY.serving
    assert may_serve(publishing, led(STEADY))
    assert isinstance(after(publishing, unchanged=0.9 * SECOND), Rest)
    signing = written(after(publishing, unchanged=SECOND))
    assert signing.step is Step.SIGN
    assert signed_by(signing.serving.certificate, signing.authority.certificate)
    assert not may_serve(signing, led(STEADY))
    assert may_serve(signing, led(signing))
    assert (signing.path, signing.paths[1:]) == (STEADY.path, (STEADY.path,))
    assert after(signing) == Dial()
    for behind in ({}, {"one": None}, {**served(signing), "three": fingerprint(STEADY.serving.certificate)}):
        assert isinstance(after(signing, served=behind), Rest)
    retiring = written(after(signing, served=served(signing)))
    assert (retiring.path, retiring.paths) == (signing.paths[0], signing.paths)
    assert isinstance(after(retiring, NOW + SECOND, unchanged=SECOND), Rest)
    assert isinstance(after(retiring, NOW + 2 * SECOND, unchanged=0.9 * SECOND), Rest), "a clock that jumped"
    assert after(retiring, NOW + 2 * SECOND, unchanged=SECOND) == Dial()
    late = {"one": fingerprint(STEADY.serving.certificate)}
    assert isinstance(after(retiring, NOW + 2 * SECOND, unchanged=SECOND, served=late), Rest)
    done = written(after(retiring, NOW + 2 * SECOND, unchanged=SECOND, served=served(retiring)))
    assert (done.step, done.trusted, done.paths) == (Step.STEADY, signing.trusted[:1], signing.paths[:1])
    assert done.serving == signing.serving


def test_a_rotation_of_the_certificate_alone_keeps_the_authority() -> None:
    signing = written(after(STEADY, asked=asked(authority=False)))
    assert (signing.step, signing.authority) == (Step.SIGN, STEADY.authority)
    assert signing.trusted == STEADY.trusted
    assert may_serve(signing, led(STEADY))


def test_both_are_renewed_in_time_and_by_the_nearer_end() -> None:
    leaf, authority = STEADY.serving.certificate, STEADY.authority.certificate
    assert leaf.not_valid_after_utc < authority.not_valid_after_utc
    assert isinstance(after(STEADY, NOW + 59 * DAY), Rest)
    assert written(after(STEADY, NOW + 61 * DAY)).step is Step.SIGN
    assert written(after(STEADY, NOW + 800 * DAY)).step is Step.PUBLISH
    held = STEADY
    for day in range(0, 4000, 20):
        now = NOW + day * DAY
        action = next_action(Seen(held, led(held), now, unchanged=DAY, served=served(held)), POLICY)
        held = action.keyring if isinstance(action, Write) else held
        end = held.serving.certificate.not_valid_after_utc
        assert now < end, "it was renewed too late"
        signer = next(each for each in held.trusted if signed_by(held.serving.certificate, each))
        assert end <= signer.not_valid_after_utc


@pytest.mark.parametrize("days", [4000, -400])
def test_what_has_expired_or_is_not_valid_yet_is_replaced_without_a_wait(days: int) -> None:
    """Nobody can verify it, so no caller loses anything."""
    publishing = written(after(STEADY, NOW + days * DAY))
    assert publishing.step is Step.PUBLISH
    signing = written(after(publishing, NOW + days * DAY))
    assert signing.step is Step.SIGN
    leaf = signing.serving.certificate
    assert leaf.not_valid_before_utc <= NOW + days * DAY < leaf.not_valid_after_utc


def test_a_clock_that_is_set_back_by_less_than_the_margin_ends_no_wait() -> None:
    publishing = written(after(STEADY, asked=asked(authority=True)))
    back = STEADY.serving.certificate.not_valid_before_utc + SECOND
    assert isinstance(after(publishing, back), Rest)


def test_another_name_is_a_reason_and_fewer_names_are_none() -> None:
    more = replace(POLICY, names=names.parse(["a.test", "b.test"], []))
    signing = written(next_action(Seen(STEADY, led(STEADY), NOW), more))
    assert signing.step is Step.SIGN
    assert isinstance(next_action(Seen(signing, led(signing), NOW), POLICY), Dial)


@pytest.mark.parametrize(
    "entry",
    [
        Entry((), STEADY.path),
        Entry((FOREIGN.certificate,), STEADY.path),
        Entry((*STEADY.trusted, FOREIGN.certificate), STEADY.path),
        Entry(STEADY.trusted, None),
        Entry(STEADY.trusted, PLAIN),
        Entry(STEADY.trusted, new_token()),
    ],
)
def test_an_edited_gate_is_led_back_before_anything_else(entry: Entry) -> None:
    for held in (STEADY, written(after(STEADY, asked=asked(authority=True)))):
        gate = (led(held)[0], entry)
        seen = Seen(held, gate, NOW + 4000 * DAY, asked=asked(authority=True))
        assert next_action(seen, POLICY) == Point(held.trusted, held.path)


def test_a_lost_keyring_is_restored_from_memory() -> None:
    seen = Seen(None, led(STEADY), NOW, remembered=STEADY)
    assert written(next_action(seen, POLICY)) == STEADY


def test_a_keyring_that_is_restored_from_an_old_memory_keeps_what_is_live() -> None:
    publishing = written(after(STEADY, asked=asked(authority=True)))
    signing = written(after(publishing, unchanged=SECOND))
    retiring = written(after(signing, served=served(signing)))
    restored = written(next_action(Seen(None, led(retiring), NOW, remembered=STEADY), POLICY))
    assert set(restored.trusted) == set(retiring.trusted)
    assert restored.path == retiring.path
    assert set(restored.paths) >= {STEADY.path, retiring.path}
    assert restored.step is Step.SIGN
    again = written(next_action(Seen(None, led(retiring), NOW, remembered=publishing), POLICY))
    assert again.step is Step.PUBLISH, "its authority has signed nothing that is known"


def test_without_a_memory_what_is_live_goes_on_too() -> None:
    made = written(next_action(Seen(None, led(STEADY), NOW), POLICY))
    assert made.trusted[1:] == STEADY.trusted
    assert made.path == STEADY.path
    assert made.paths[0] != STEADY.path


def test_a_request_waits_for_a_rotation_that_has_not_reached_all_replicas() -> None:
    signing = written(after(STEADY, asked=asked(authority=False)))
    assert after(signing, asked=asked(authority=True)) == Dial()
    retiring = written(after(signing, served=served(signing)))
    publishing = written(after(retiring, asked=asked(authority=True)))
    assert set(publishing.paths) == set(retiring.paths)


def test_rotations_without_end_do_not_grow_the_keyring_without_end() -> None:
    held = STEADY
    for _ in range(20):
        held = written(after(held, asked=asked(authority=True)))
        held = written(after(held, unchanged=SECOND))
        held = written(after(held, served=served(held)))
    assert len(held.trusted) == len(held.paths) == 8


def test_a_clock_that_was_set_back_does_not_keep_old_trust_for_ever() -> None:
    signing = written(after(STEADY, NOW + DAY, asked=asked(authority=False)))
    retiring = written(after(signing, NOW + DAY, served=served(signing)))
    assert written(after(retiring, NOW + 22 * timedelta(hours=1))).since == NOW + 22 * timedelta(hours=1)


@pytest.mark.parametrize(
    ("lives", "said"),
    [
        ({"serving": 2 * DAY}, "let certificates live longer, or wait for less"),
        ({"serving": 40 * DAY, "authority": 40 * DAY}, "would outlive its authority"),
    ],
)
def test_lives_that_leave_no_time_to_renew_are_refused(lives: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(POLICY, **lives)
