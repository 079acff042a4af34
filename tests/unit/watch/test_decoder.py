"""The decoder: what is kept of pages and of lines, and that one object that does not fit costs only itself."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reflecting import PATH, THINGS, Thing
from webhook.watch.decoder import Decoder, Page, RelistRequired, Resource, revision_of_list
from webhook.watch.events import Bookmark, Changed, Deleted, Unreadable


def tolerant(body: bytes) -> Thing:
    """Read a thing whose size may be a number in text."""
    return msgspec.json.decode(body, type=Thing, strict=False)


def kept(thing: Thing) -> str:
    if thing.size < 0:
        raise ValueError("a size below zero")
    return f"{thing.metadata.name}={thing.size}"


SIZES = Resource(PATH, Thing, tolerant, kept)


@pytest.fixture
def decoder() -> Decoder[Thing, str]:
    return Decoder(SIZES)


def thing(name: str, size: Any = 1, revision: Any = "7", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": revision}
    return {"kind": "Thing", "metadata": metadata | more, "size": size, "other": {"deep": [1, 2]}}


def page(*items: Any, revision: Any = "9", **more: str) -> bytes:
    return json.dumps({"metadata": {"resourceVersion": revision, **more}, "items": list(items)}).encode()


def line(kind: str, value: Any) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode()


# -- pages -------------------------------------------------------------------------------------------------------------


def test_of_a_page_only_what_is_kept_of_each_object_is_passed_on(decoder: Decoder[Thing, str]) -> None:
    assert decoder.page(page(thing("a", 1), thing("b", 2))) == Page(["a=1", "b=2"], [], 9, "")


def test_a_page_says_how_to_go_on(decoder: Decoder[Thing, str]) -> None:
    assert decoder.page(page(thing("a"), **{"continue": "token"})).more == "token"


@pytest.mark.parametrize("items", [b"null", b"[]"])
def test_an_empty_page_may_be_null(decoder: Decoder[Thing, str], items: bytes) -> None:
    body = b'{"metadata":{"resourceVersion":"9"},"items":%b}' % items
    assert decoder.page(body) == Page([], [], 9, "")


def test_an_object_that_fits_only_the_tolerant_decoder_is_kept(decoder: Decoder[Thing, str]) -> None:
    assert decoder.page(page(thing("a", "12"), thing("b", 2))) == Page(["a=12", "b=2"], [], 9, "")


@pytest.mark.parametrize("size", ["huge", -1, None])
def test_an_object_that_cannot_be_read_or_kept_costs_only_itself(decoder: Decoder[Thing, str], size: Any) -> None:
    found = decoder.page(page(thing("a", 1), thing("bad", size, "8"), thing("b", 2)))
    assert found.objects == ["a=1", "b=2"]
    (bad,) = found.unreadable
    assert (bad.namespace, bad.name, bad.uid, bad.revision, bad.deleted) == ("default", "bad", "uid-bad", 8, False)
    assert bad.fault


@pytest.mark.parametrize("item", [7, {}, {"metadata": None}, thing("bad", "huge", revision="x"), []])
def test_of_an_object_without_names_nothing_is_known_but_its_fault(decoder: Decoder[Thing, str], item: Any) -> None:
    (bad,) = decoder.page(page(thing("a"), item)).unreadable
    assert bad == Unreadable("", "", "", 0, bad.fault)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"null",
        page(revision="x"),
        page(revision=9),
        b'{"metadata":{"resourceVersion":"9"},"items":7}',
    ],
)
def test_a_page_that_is_not_a_list_asks_for_another_one(decoder: Decoder[Thing, str], body: bytes) -> None:
    with pytest.raises(RelistRequired, match="a page that is not a list"):
        decoder.page(body)


# -- lines -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "event"), [("ADDED", Changed("a=3", 7)), ("MODIFIED", Changed("a=3", 7)), ("DELETED", Deleted("a=3", 7))]
)
def test_a_line_is_a_change_or_a_deletion_with_its_revision(
    decoder: Decoder[Thing, str], kind: str, event: Changed[str] | Deleted[str]
) -> None:
    assert decoder.event(line(kind, thing("a", 3))) == event
    assert decoder.event(line(kind, thing("a", "3"))) == event, "by the tolerant decoder too"


def test_the_type_of_a_line_may_come_after_its_object(decoder: Decoder[Thing, str]) -> None:
    body = json.dumps({"object": thing("a", 3), "type": "ADDED"}).encode()
    assert decoder.event(body) == Changed("a=3", 7)


def test_a_bookmark_has_a_revision_and_hardly_an_object(decoder: Decoder[Thing, str]) -> None:
    assert decoder.event(line("BOOKMARK", {"metadata": {"resourceVersion": "12"}, "size": None})) == Bookmark(12)


@pytest.mark.parametrize(("kind", "deleted"), [("ADDED", False), ("MODIFIED", False), ("DELETED", True)])
def test_an_object_that_does_not_fit_is_named_and_the_watch_goes_on(
    decoder: Decoder[Thing, str], kind: str, deleted: bool
) -> None:
    found = decoder.event(line(kind, thing("bad", "huge", "8")))
    assert isinstance(found, Unreadable)
    assert found == Unreadable("default", "bad", "uid-bad", 8, found.fault, deleted)
    assert "$.size" in found.fault


def test_an_error_says_why_the_api_server_ended_the_watch(decoder: Decoder[Thing, str]) -> None:
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    with pytest.raises(RelistRequired, match="ended the watch: 410 Expired: too old resource version"):
        decoder.event(line("ERROR", status))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "a line that is not an event"),
        (b"<html>", "a line that is not an event"),
        (b"{}", "a line that is not an event"),
        (line("ADDED", {}), "a line that is not an event"),
        (line("ADDED", thing("a", revision="x")), "a line that is not an event"),
        (line("BOOKMARK", {"metadata": {"resourceVersion": "x"}}), "a line that is not an event"),
        (b'{"type":"ADDED","object":' + b"[" * 100_000, "a line that is not an event"),
        (line("SOMETHING", thing("a")), "an event of an unknown type: 'SOMETHING'"),
        (line("x" * 100, thing("a")), f"an event of an unknown type: '{'x' * 40}'$"),
    ],
)
def test_any_other_line_asks_for_a_list(decoder: Decoder[Thing, str], body: bytes, told: str) -> None:
    with pytest.raises(RelistRequired, match=told):
        decoder.event(body)


@given(st.integers(0), st.binary(max_size=3))
def test_a_line_that_is_cut_or_damaged_is_an_event_or_asks_for_a_list(at: int, noise: bytes) -> None:
    whole = line("MODIFIED", thing("a", 3))
    at %= len(whole)
    for damaged in (whole[:at], whole[:at] + noise + whole[at + len(noise) :]):
        try:
            event = Decoder(SIZES).event(damaged)
        except RelistRequired:
            continue
        assert isinstance(event, Changed | Deleted | Unreadable)


# -- the revision of a list --------------------------------------------------------------------------------------------


def test_the_revision_of_a_list_is_read_without_its_items() -> None:
    assert revision_of_list(page(7, "anything", revision="1234")) == 1234


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", page(revision=None), page(revision="x"), page(revision=5)])
def test_a_list_without_its_revision_asks_for_another_one(body: bytes) -> None:
    with pytest.raises(RelistRequired, match="a list without its revision"):
        revision_of_list(body)


def test_the_default_resource_of_tests_keeps_things_as_they_are() -> None:
    assert Decoder(THINGS).page(page(thing("a", 3))).objects[0].size == 3
