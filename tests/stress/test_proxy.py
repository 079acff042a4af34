"""What the proxy makes of a watch that it cuts, without a network."""

import pytest

from tests.stress.proxy import _is_whole, torn

LINE = b'{"type":"ADDED","object":{}}\n'
CHUNK = b"%x\r\n%b\r\n" % (len(LINE), LINE)


def test_a_chunk_is_cut_in_its_middle() -> None:
    assert torn(CHUNK, orderly=False) == CHUNK[: len(CHUNK) // 2]


def test_or_half_of_it_is_all_of_a_body_that_ends_in_good_order() -> None:
    half = LINE[: len(LINE) // 2]
    assert torn(CHUNK, orderly=True) == b"%x\r\n%b\r\n0\r\n\r\n" % (len(half), half)


@pytest.mark.parametrize("data", [b"no chunk at all", b"\r\n", b"zz\r\nxx"])
def test_what_does_not_begin_with_a_chunk_is_cut_anyhow(data: bytes) -> None:
    assert data.startswith(torn(data, orderly=False))


@pytest.mark.parametrize(
    ("request_", "whole"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", False),
        (b"PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc", False),
        (b"PUT / HTTP/1.1\r\ncontent-length: 4\r\n\r\nabcd", True),
    ],
)
def test_a_request_is_whole_once_its_body_is(request_: bytes, whole: bool) -> None:
    assert _is_whole(request_) == whole
