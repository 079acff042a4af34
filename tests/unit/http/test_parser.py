"""HTTP/1.1 out of bytes and into bytes: whatever comes, however it is cut."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webhook.http import parser as reading
from webhook.http.messages import LARGEST_BODY, Request, Response
from webhook.http.parser import LONGEST_KNOWN, MOST_FIELDS, MOST_HELD, MOST_KNOWN, BodyBudget, RequestParser, Step

MI = 1 << 20
TARGETS = ("/", "/validate?timeout=5s", "/a%20b", "http://host:1/x?y", "//two", "/?")


def read(*pieces: bytes, room: BodyBudget | None = None) -> tuple[list[Request | Response], RequestParser]:
    reader = RequestParser(room or BodyBudget())
    return [found for piece in pieces for found in reader.feed(piece)], reader


def one(*pieces: bytes) -> Request:
    (found,), reader = read(*pieces)
    assert isinstance(found, Request)
    assert reader.step is Step.BETWEEN
    return found


def statuses(found: list[Request | Response]) -> list[int]:
    return [each.status if isinstance(each, Response) else 0 for each in found]


def in_chunks(*parts: bytes, trailer: bytes = b"") -> bytes:
    head = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"


def test_all_of_a_request_is_there() -> None:
    asked = one(b"PUT /a%20b/c?x=1&y HTTP/1.1\r\nHost: h\r\nX-Odd: 1\r\nx-odd: 2\r\nContent-Length: 3\r\n\r\nabc")
    fields = {b"host": b"h", b"x-odd": b"1,2", b"content-length": b"3"}
    assert asked == Request(b"PUT", b"/a%20b/c", b"x=1&y", fields, b"abc")


def test_a_target_may_name_its_host() -> None:
    assert one(b"GET http://h:80/p?q HTTP/1.1\r\n\r\n") == Request(b"GET", b"/p", b"q", {}, b"")
    assert one(b"GET http://h HTTP/1.1\r\n\r\n") == Request(b"GET", b"/", b"", {}, b"")


def test_chunks_are_joined_and_what_comes_after_them_is_left() -> None:
    asked = one(in_chunks(b"one ", b"two", trailer=b"X-Late: 1\r\nHost: other\r\n"))
    assert asked.body == b"one two"
    assert asked.fields == {b"transfer-encoding": b"chunked"}


@pytest.mark.parametrize(
    ("head", "ended"),
    [
        (b"HTTP/1.1\r\n", False),
        (b"HTTP/1.1\r\nConnection: close\r\n", True),
        (b"HTTP/1.0\r\n", True),
        (b"HTTP/1.0\r\nConnection: keep-alive\r\n", False),
    ],
)
def test_a_request_may_be_the_last(head: bytes, ended: bool) -> None:
    found, reader = read(b"GET / " + head + b"\r\n" + b"GET /more HTTP/1.1\r\n\r\n")
    assert reader.ended is ended
    assert statuses(found) == [0] * (1 if ended else 2)
    assert len(reader.feed(b"GET /more HTTP/1.1\r\n\r\n")) == (0 if ended else 1)


@pytest.mark.parametrize(
    "text",
    [
        b"what is this\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\nB: c\r\n\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_ends_it(text: bytes) -> None:
    found, reader = read(text)
    assert statuses(found) == [400]
    assert reader.ended
    assert reader.feed(b"GET / HTTP/1.1\r\n\r\n") == []


def test_what_came_before_is_still_answered() -> None:
    found, _ = read(b"GET / HTTP/1.1\r\n\r\nnonsense\r\n\r\n")
    assert statuses(found) == [0, 400]


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 17_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"a" * 17_000 + b": b\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (MOST_FIELDS + 1) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 200_000, 431),
    ],
)
def test_the_head_is_bounded(head: bytes, status: int, size: int) -> None:
    found, reader = read(*(head[at : at + size] for at in range(0, len(head), size)))
    assert statuses(found) == [status]
    assert reader.ended


def test_a_trailer_without_end_is_cut_off() -> None:
    room = BodyBudget()
    found, reader = read(in_chunks(b"x")[:-2] + b"A: ", *[b"b" * 1000] * 33, room=room)
    assert (statuses(found), reader.ended) == ([431], True)
    reader.close()
    assert room.held == 0


@pytest.mark.parametrize("line", [b"A: " + b"b" * 17_000, b"A: b\r\n" * MOST_FIELDS, b"A: %b\r\n" % (b"b" * 9_000) * 2])
def test_trailers_are_bounded_as_the_head_is(line: bytes) -> None:
    found, reader = read(in_chunks(b"x", trailer=b"Y: 1\r\n" + line + b"\r\n"))
    assert (statuses(found), reader.ended) == ([431], True)


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_a_body_is_refused_once_and_discarded(chunked: bool) -> None:
    parts = [b" " * MI] * 8
    plain = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (8 * MI)
    whole = in_chunks(*parts) if chunked else plain + b"".join(parts)
    room = BodyBudget()
    found, reader = read(*cut(whole, range(0, len(whole), 100_000)), b"GET / HTTP/1.1\r\n\r\n", room=room)
    assert statuses(found) == [413, 0]
    assert not reader.ended
    assert room.held == 0


def test_what_is_refused_is_not_discarded_for_ever() -> None:
    found, reader = read(b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (100 * MI), *[b" " * MI] * 65)
    assert statuses(found) == [413]
    assert reader.ended


def test_a_peer_that_asks_first_is_told_to_go_on_or_not_to() -> None:
    head = b"POST /x HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: %d\r\n\r\n"
    found, reader = read(head % 3)
    assert (found, reader.expects, reader.step) == ([], True, Step.BODY)
    assert statuses(reader.feed(b"abc")) == [0]
    assert not reader.expects
    found, reader = read(head % (LARGEST_BODY + 1))
    assert (statuses(found), reader.expects, reader.ended) == ([413], False, True)


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_nothing_is_upgraded(protocol: bytes) -> None:
    found, reader = read(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n\x00\x01rest" % protocol)
    assert statuses(found) == [0]
    assert reader.ended


@pytest.mark.parametrize("target", [b"CONNECT host:443", b"OPTIONS *"])
def test_targets_that_are_no_path_do_no_harm(target: bytes) -> None:
    found, _ = read(target + b" HTTP/1.1\r\n\r\n")
    assert len(found) == 1


# -- what bodies hold together -----------------------------------------------------------------------------------------


def stalled(room: BodyBudget, size: int) -> RequestParser:
    found, reader = read(b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (size + 1) + b" " * size, room=room)
    assert found == []
    return reader


def test_large_bodies_at_one_time_are_bounded_and_small_ones_pass() -> None:
    room = BodyBudget()
    holding = [stalled(room, 7 * MI - 1) for _ in range(4)]
    large = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (6 * MI) + b" " * (6 * MI)
    small = b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nsmall"
    assert statuses(read(small, room=room)[0]) == [0]
    assert statuses(read(large, room=room)[0]) == [503]
    holding.pop().close()
    assert statuses(read(large, room=room)[0]) == [0]
    for each in holding:
        each.close()
    assert room.held == 0


def test_the_bounds_fit_a_replicas_memory() -> None:
    assert MOST_HELD + LARGEST_BODY < 64 * MI


# -- heads that are known ----------------------------------------------------------------------------------------------

KNOWN = b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n"


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    reading._heads.clear()


def test_a_head_that_was_parsed_once_is_not_parsed_again() -> None:
    first, reader = read(KNOWN + b"abc")
    reader.close()  # there is no parser any more
    reader.ended = False
    assert reader.feed(KNOWN + b"def") == [Request(b"POST", b"/x", b"", {b"content-length": b"3"}, b"def")]
    assert len(first) == len(reading._heads) == 1


@pytest.mark.parametrize(
    "text",
    [
        KNOWN + b"ab",
        KNOWN + b"abcGET / HTTP/1.1\r\n\r\n",
        b"\r\n" + KNOWN + b"abc",
        KNOWN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"abc",
        KNOWN.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * LONGEST_KNOWN + b"\r\n\r\n") + b"abc",
        KNOWN.replace(b"3", b"9999999") + b"abc",
        in_chunks(b"abc"),
        in_chunks(b"abc", trailer=b"X-Late: 1\r\n"),
        b"what is this\r\n\r\n",
    ],
)
def test_only_what_is_whole_and_plain_is_kept(text: bytes) -> None:
    read(text)
    kept = {b"\r\n" + KNOWN: (3, Request(b"POST", b"/x", b"", {b"content-length": b"3"}, b""))}
    assert reading._heads in ({}, kept)
    assert one(KNOWN + b"abc").body == b"abc"


def test_the_heads_that_are_kept_are_bounded() -> None:
    for number in range(MOST_KNOWN + 1):
        one(b"GET /%d HTTP/1.1\r\n\r\n" % number)
    assert len(reading._heads) == 1


# -- however it is cut -------------------------------------------------------------------------------------------------

tokens = st.text("abcXYZ-09", min_size=1, max_size=12).map(str.encode)
bodies = st.binary(max_size=200)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"DELETE"]))
    target = draw(st.sampled_from(TARGETS)).encode()
    lines = [
        b"%b %b HTTP/1.1" % (method, target),
        *(b"x-%b: %b" % each for each in draw(st.lists(st.tuples(tokens, tokens), max_size=MOST_FIELDS - 1))),
    ]
    body = draw(bodies)
    if draw(st.booleans()):
        parts = [part for part in cut(body, draw(st.lists(st.integers(0, 200)))) if part]
        lines.append(b"transfer-encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    else:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def cut(text: bytes, places: "list[int] | range") -> Iterator[bytes]:
    ends = sorted({0, len(text), *(place for place in places if place < len(text))})
    return (text[begin:end] for begin, end in pairwise(ends))


@given(st.lists(requests(), max_size=4), st.lists(st.integers(0, 2000), max_size=30))
def test_requests_are_the_same_however_they_are_cut(asked: list[bytes], places: list[int]) -> None:
    whole = b"".join(asked)
    room = BodyBudget()
    found, reader = read(*cut(whole, places), room=room)
    assert found == read(whole)[0]
    assert statuses(found) == [0] * len(asked)
    assert (reader.step, room.held) == (Step.BETWEEN, 0)


# -- as many as come on one connection ---------------------------------------------------------------------------------


def test_a_connection_may_carry_any_number_of_requests_in_pieces() -> None:
    text = b"POST /validate HTTP/1.1\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000
    reader = RequestParser(BodyBudget())
    for number in range(20_000):
        first, second = text[: 1 + number % (len(text) - 1)], text[1 + number % (len(text) - 1) :]
        assert reader.feed(first) == []
        assert statuses(reader.feed(second)) == [0], number
    assert not reader.ended


def test_large_requests_may_add_up_to_more_than_is_ever_discarded() -> None:
    text = b"POST /validate HTTP/1.1\r\nContent-Length: 900000\r\n\r\n" + b"x" * 900_000
    reader = RequestParser(BodyBudget())
    for number in range(2 * reading.MOST_DISCARDED // len(text)):
        found = [each for piece in cut(text, range(0, len(text), 256_000)) for each in reader.feed(piece)]
        assert statuses(found) == [0], number


@pytest.mark.parametrize("text", [b"\r\n\r\n", b"0\r\n\r\n", b"1\r\nx\r\n"])
def test_nobody_makes_the_parser_begin_over_and_over(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    """Each piece costs microseconds, and nothing else runs meanwhile."""
    pieces: list[int] = []
    whole = RequestParser._read

    def counted(reader: RequestParser, data: bytes, at: int) -> int:
        pieces.append(at)
        return whole(reader, data, at)

    monkeypatch.setattr(RequestParser, "_read", counted)
    body = text * (MI // len(text))
    found, reader = read(in_chunks(body))
    assert statuses(found) == [0]
    assert len(pieces) < 2 * len(body) // (16 << 10)
    pieces.clear()
    reader = RequestParser(BodyBudget())
    reader.feed(b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000)
    assert len(pieces) < 10


@st.composite
def any_requests(draw: st.DrawFn) -> bytes:
    """Requests on both sides of each bound, all bounds being small."""
    if draw(st.booleans()):
        return draw(requests())
    head = b"POST /%b HTTP/1.1\r\n" % (b"a" * draw(st.integers(55, 62)))
    head += b"".join(b"A: b\r\n" for _ in range(draw(st.integers(0, 12))))
    head += b"X: %b\r\n" % (b"y" * draw(st.integers(1, 250)))
    body = b"z" * draw(st.sampled_from([0, 1, 499, 500, 501, 1900, 2500]))
    if draw(st.booleans()):
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    size = draw(st.sampled_from([1, 7, 90, 3000]))
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    extension = b";" + b"e" * draw(st.integers(1, 150))
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
    trailer = b"T: %b\r\n" % (b"t" * draw(st.integers(1, 250))) * draw(st.integers(0, 3))
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {"LONGEST_HEAD": 300, "LONGEST_TARGET": 60, "MOST_FIELDS": 10, "_STRETCH": 100, "MOST_DISCARDED": 3000}
    for name, bound in {**bounds, "LARGEST_BODY": 500, "SMALL": 200}.items():
        monkeypatch.setattr(reading, name, bound)


@pytest.mark.usefixtures("small_bounds")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_requests(), min_size=1, max_size=6), st.lists(st.integers(0, 6000), max_size=60))
def test_requests_on_one_connection_are_what_they_are_alone(asked: list[bytes], places: list[int]) -> None:
    alone: list[Request | Response] = []
    for text in asked:
        found, one_reader = read(text)
        alone += found
        if one_reader.ended:
            break
    room = BodyBudget()
    found, reader = read(*cut(b"".join(asked), places), room=room)
    assert found == alone
    reader.close()
    assert (room.held, [len(each) for each in room._large]) == (0, [0, 0])


damages = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), max_size=4)


def damaged(asked: bytes, damage: list[tuple[int, bytes]]) -> bytes:
    for place, bytes_ in damage:
        asked = asked[:place] + bytes_ + asked[place + 1 :]
    return asked


@given(st.lists(requests(), min_size=1, max_size=4), damages, st.lists(st.integers(0, 500)))
def test_what_is_known_changes_no_answer(
    asked: list[bytes], damage: list[tuple[int, bytes]], places: list[int]
) -> None:
    pieces = [piece for text in (*asked, damaged(asked[0], damage), *asked) for piece in cut(text, places)]
    forgetful, fresh = RequestParser(BodyBudget()), []
    for piece in pieces:
        reading._heads.clear()
        fresh += forgetful.feed(piece)
    for text in asked:
        read(text)
    known, reader = read(*pieces)
    assert (known, reader.ended, reader.step) == (fresh, forgetful.ended, forgetful.step)


@given(requests(), damages, st.lists(st.integers(0, 500)))
def test_whatever_comes_is_read_or_refused(asked: bytes, damage: list[tuple[int, bytes]], places: list[int]) -> None:
    room = BodyBudget()
    found, reader = read(*cut(damaged(asked, damage), places), room=room)
    assert all(status in {0, 400, 413, 414, 431} for status in statuses(found))
    assert sum(status != 0 for status in statuses(found)) <= 1
    reader.close()
    assert room.held == 0


# -- responses ---------------------------------------------------------------------------------------------------------

DATE = b"Sat, 21 Nov 2026 12:00:00 GMT"


def test_a_response_says_how_long_it_is_and_whether_it_is_the_last() -> None:
    response = Response(200, b"body", "text/plain")
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: %b\r\n" % DATE
    assert response.encode(DATE, last=False) == start + b"Content-Length: 4\r\n\r\nbody"
    assert response.encode(DATE, last=True) == start + b"Connection: close\r\nContent-Length: 4\r\n\r\nbody"


def test_a_response_without_a_body_has_the_length_that_it_was_given() -> None:
    response = Response(405, b"", "", None, (("Content-Length", "9"),), to_head=True)
    assert response.encode(DATE, last=False).endswith(b"Content-Length: 9\r\nDate: %b\r\n\r\n" % DATE)


def test_a_status_without_a_name_is_written_all_the_same() -> None:
    assert Response(299, b"", "").encode(DATE, last=False).startswith(b"HTTP/1.1 299 \r\nDate: ")
