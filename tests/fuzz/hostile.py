"""Hostile inputs that no mutation finds, because they are large; each in a form for every reader."""

from collections.abc import Iterator

_REVIEW = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":{"kind":"Pod"},'
_BOMB = b"a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"a%d: &a%d [%b]\n" % (level, level, b", ".join([b"*a%d" % (level - 1)] * 9)) for level in range(1, 12)
)


def inputs() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each input."""
    yield "deep lists", b"[" * 100_000
    yield "deep lists that end", b"[" * 50_000 + b"]" * 50_000
    yield "deep objects", b'{"a":' * 100_000
    yield "deep mappings", b"".join(b" " * level + b"a:\n" for level in range(400))
    yield "deep object of a review", _review(b"[" * 100_000)
    yield "deep status", b'{"type":"ERROR","object":{"details":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}}"
    yield "a large exponent", b"1e999999999"
    yield "a long number", b"9" * 100_000
    yield "a long fraction", b"0." + b"1" * 100_000
    yield "a long exponent", b"1e" + b"0" * 100_000 + b"1"
    yield "numbers of an object", b'{"resourceVersion":' + b"9" * 5_000 + b"}"
    yield "a hundred thousand containers", _review(b'{"spec":{"containers":[' + b"{}," * 100_000 + b"{}]}}")
    yield "many items", b'{"metadata":{"resourceVersion":"1"},"items":[' + b"0," * 10_000 + b"0]}"
    yield "many documents", b"{}\n" * 10_000
    yield "many YAML documents", b"---\na: b\n" * 1_000
    yield "a YAML bomb", _BOMB
    yield "a YAML bomb of merges", _BOMB.replace(b"[", b"{<<: [").replace(b"]\n", b"]}\n")
    yield "a YAML bomb in each of many documents", (_BOMB[:130] + b"\n---\n") * 200
    yield "invalid UTF-8", bytes(range(256)) * 16
    yield "duplicate keys", b"{" + b'"kind":"AdmissionReview",' * 10_000 + b'"kind":1}'
    yield "NUL", b"\0" * 10_000
    yield (
        "terminal escapes",
        b'{"kind":"\\u001b]0;x\\u0007\\u001b[2J","apiVersion":"\x1b[31m","metadata":{"name":"\\u202e"}}',
    )
    yield "one long line", b"a" * 300_000
    yield "many line breaks", b"\r\n" * 20_000
    yield "many header fields", b"\x7fGET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n"
    yield "many small chunks", b"\x7fPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 5_000


def _review(pod: bytes) -> bytes:
    return _REVIEW + b'"operation":"CREATE","object":' + pod + b"}}"
