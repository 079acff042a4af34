"""The shared object: what is written is read again, and nothing else is believed."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.sharing.shared import VERSION, Holding, NewerVersionError, Shared, SharedError, read, write
from webhook.core.values.amounts import NOTHING, Amounts

numbers = st.integers(0, 2**53)
amounts = st.builds(Amounts, *(numbers for _ in Amounts._fields))
holdings = st.builds(
    Holding, numbers, numbers, numbers, st.booleans(), st.dictionaries(st.text(max_size=8), amounts, max_size=3)
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


def test_others_are_all_but_oneself() -> None:
    shared = Shared("e", open=True, holdings={r: Holding(1, held={"cluster": Amounts(n)}) for n, r in enumerate("abc")})
    assert shared.held_by_others("c", "cluster") == Amounts(1)
    assert shared.held_by_others("x", "cluster") == Amounts(3)
    assert shared.held_by_others("c", "elsewhere") == NOTHING


def test_it_stays_small() -> None:
    full = Amounts(*(2**50 for _ in Amounts._fields))
    held = dict.fromkeys(("cluster", "pool-one", "pool-two"), full)
    shared = Shared("e", open=True, holdings={f"{r:08x}": Holding(1, held=held) for r in range(5)})
    assert len(write(shared)) < 5_000
