"""The shared object: what is written is read again, and nothing else is believed."""

import json
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.ledger.interval import Sums
from webhook.core.sharing.name_claims import MOST
from webhook.core.sharing.shared_state import VERSION, Holding, NewerVersionError, Shared, SharedError, read, write
from webhook.core.values.amounts import NOTHING, Amounts

numbers = st.integers(0, 2**53)
amounts = st.builds(Amounts, *(numbers for _ in Amounts._fields))
sums = st.dictionaries(st.sampled_from(("cluster", "p", "q")), amounts, max_size=3)


def _holding(renewal: int, view: int, rest: Sums, named: dict[str, Sums], *, lean: bool) -> Holding:
    """What is held is the names and something more."""
    held = dict(rest)
    for each in named.values():
        for scope, amount in each.items():
            held[scope] = held.get(scope, NOTHING).plus(amount)
    return Holding(renewal, view, view, lean, held, named)


holdings = st.builds(
    _holding, numbers, numbers, sums, st.dictionaries(st.text(max_size=8), sums, max_size=3), lean=st.booleans()
)
states = st.builds(
    Shared, st.text(max_size=8), st.booleans(), numbers, numbers, numbers, numbers,
    st.dictionaries(st.text(max_size=8), holdings, max_size=3),
)  # fmt: skip
SOME = Shared("e", open=True, serial=3, floor=7, holdings={"a": Holding(2, held={"cluster": Amounts(5)})})


@given(states)
def test_what_is_written_is_read_again(shared: Shared) -> None:
    assert read(write(shared)) == shared


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_damage(text: str) -> None:
    with pytest.raises(SharedError):
        read(text)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text[:-1],
        lambda text: text.replace("true", "false"),
        lambda text: text.replace('"floor":7', '"floor":0'),
        lambda text: text.replace('"serial":3', '"serial":3,"more":1'),
        lambda text: text.replace("5,", "1,"),
        lambda text: text.replace('"version":1', '"version":"1"'),
        lambda _: '{"version":1}',
        lambda _: "[" * 100_000,
        lambda _: "\ud800",
    ],
)
def test_an_edit_by_hand_is_damage(edit: Callable[[str], str]) -> None:
    assert edit(write(SOME)) != write(SOME)
    with pytest.raises(SharedError):
        read(edit(write(SOME)))


def test_a_digest_does_not_make_a_negative_number_true() -> None:
    with pytest.raises(SharedError, match="below zero"):
        read(write(Shared("e", open=True, holdings={"a": Holding(1, held={"cluster": Amounts(-1)})})))


def test_a_newer_version_is_told_apart_from_damage() -> None:
    with pytest.raises(NewerVersionError, match=f"this Headroom knows {VERSION}: upgrade it"):
        read(f'{{"version":{VERSION + 1},"whatever":[]}}')


@pytest.mark.parametrize(
    ("names", "sums"),
    [
        (("x",), {"cluster": Amounts(6)}),
        (("x", "y"), {"cluster": Amounts(3)}),
        (("x",), {"elsewhere": Amounts(1)}),
        (("x",), {"cluster": Amounts(1, 1)}),
    ],
)
def test_names_that_come_to_more_than_what_is_held_are_damage(names: tuple[str, ...], sums: Sums) -> None:
    holding = Holding(1, held={"cluster": Amounts(5)}, named=dict.fromkeys(names, sums))
    with pytest.raises(SharedError, match="names come to more"):
        read(write(Shared("e", open=True, holdings={"a": holding})))


def test_what_is_held_beside_names_is_the_rest_of_it() -> None:
    names = {"x": {"cluster": Amounts(3)}, "y": {"cluster": Amounts(1), "p": Amounts(1)}}
    holding = Holding(1, held={"cluster": Amounts(5), "p": Amounts(1)}, named=names)
    assert [holding.beside_names(scope) for scope in ("cluster", "p", "q")] == [Amounts(1), NOTHING, NOTHING]


def test_a_holding_that_tells_no_names_is_read_as_before() -> None:
    known = write(Shared("e", open=True, holdings={"a": Holding(1, held={"cluster": Amounts(5)})}))
    state = json.loads(known)["state"]
    assert state["holdings"]["a"].pop("named") == {}
    text = json.dumps(state, separators=(",", ":"))
    digest = sha256(text.encode()).hexdigest()[:16]
    assert read(f'{{"version":1,"digest":"{digest}","state":{text}}}').holdings["a"].held == {"cluster": Amounts(5)}


def test_it_stays_small() -> None:
    full = Amounts(*(2**50 for _ in Amounts._fields))
    held = dict.fromkeys(("cluster", "pool-one", "pool-two"), full)
    shared = Shared("e", open=True, holdings={f"{r:08x}": Holding(1, held=held) for r in range(5)})
    assert len(write(shared)) < 5_000
    names = {f"{'n' * 63}/{'p' * 62}{number}": held for number in range(MOST)}
    shared = Shared("e", open=True, holdings={f"{r:08x}": Holding(1, held=held, named=names) for r in range(5)})
    assert len(write(shared)) < 50_000
