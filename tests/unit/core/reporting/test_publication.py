"""What a replica publishes: short, complete as far as it goes, and read by the others only if it is sound."""

import zlib
from base64 import b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.refusing import at, blocked, owner, row
from webhook.core.reporting.publication import (
    LONGEST,
    Publication,
    PublicationError,
    blocked_of,
    denials_of,
    fitted,
    read,
    written,
)


def packed(data: bytes) -> str:
    return b64encode(zlib.compress(data)).decode()


def test_what_is_written_is_read_again() -> None:
    made = Publication(renewal=7, denials=(row(message='a "quoted" ümlaut'),), blocked=(blocked(),))
    assert read(written(made)) == made
    assert read(written(Publication())).is_empty


def test_hundreds_of_refusals_with_their_sentences_fit() -> None:
    sentence = "pod team-{0}/web-{0} exceeds the cluster's memory headroom: it adds {0}Mi of requests, 0 is free"
    rows = tuple(row(f"web-{n}", n, owner_name=f"web-{n}", message=sentence.format(n)) for n in range(200))
    owners = tuple(blocked(f"web-{n}", n, message=sentence.format(n)) for n in range(300))
    made = fitted(rows, owners)
    assert (len(made.denials), len(made.blocked)) == (200, 300)
    assert len(written(made)) <= LONGEST


@given(st.integers(0, 40), st.integers(0, 40), st.integers(40, 8000))
def test_what_does_not_fit_is_cut_from_its_end_denials_first(denials: int, owners: int, longest: int) -> None:
    rows = tuple(row(f"web-{n}", n) for n in range(denials))
    told = tuple(blocked(f"web-{n}", n) for n in range(owners))
    made = fitted(rows, told, longest)
    assert made.denials == rows[: len(made.denials)]
    assert made.blocked == told[: len(made.blocked)]
    assert made.is_empty or len(written(made)) <= longest
    assert not made.denials or made.blocked == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        "ä",
        b64encode(b"no zlib").decode(),
        packed(b"no json"),
        packed(b"{}"),
        packed(b'{"version": 2, "denials": "in another form"}'),
        packed(b'{"version": 1, "denials": [{"ts": 3}]}'),
        packed(b" " * (5 << 20)),
        written(Publication(blocked=(blocked(),)))[:-8],
    ],
)
def test_what_no_replica_wrote_is_not_taken_in(text: str) -> None:
    with pytest.raises(PublicationError):
        read(text)


def test_all_replicas_make_one_view() -> None:
    one = Publication(denials=(row("a", 3),), blocked=(blocked("web-2", 2), blocked("web-3", 3)))
    other = Publication(denials=(row("b", 4, user="me"),), blocked=(blocked("web-2", 1),))
    views = {"r1": one, "r2": other}
    assert [each.name for each in denials_of(views)] == ["b", "a"]
    assert [(each.owner, each.count, each.since) for each in blocked_of(views)] == [
        (owner("web-2"), 2, at(1)),
        (owner("web-3"), 1, at(3)),
    ]
    assert blocked_of({"r2": other, "r1": one}) == blocked_of(views)


def test_a_renewal_alone_shows_nothing_new() -> None:
    made = Publication(denials=(row(),))
    assert made.shows_the_same(msgspec.structs.replace(made, renewal=9))
    assert not made.shows_the_same(Publication())
