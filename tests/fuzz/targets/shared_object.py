"""The shared object: what is read can be used and written again, and nothing else is read."""

from collections.abc import Iterable
from hashlib import sha256

from webhook.core.sharing.peers import Peers, Timing
from webhook.core.sharing.shared_state import Holding, NewerVersionError, Shared, SharedError, read, write
from webhook.core.values.amounts import Amounts

WORDS = (
    b'"epoch":"', b'"open":true', b'"serial":', b'"floor":', b'"call":', b'"called_at":', b'"holdings":{',
    b'"renewal":',
    b'"held":{"cluster":[', b'"named":{', b'"spare":{', b'"lapsed":{', b'"version":', b'"digest":"', b'"state":{',
    b"9223372036854775808", b"-1", b"1e999999999", b"\\ud800",
)  # fmt: skip


def seeds() -> Iterable[bytes]:
    """Yield states, whole and without their envelope."""
    some = Amounts(*range(1, 1 + len(Amounts._fields)))
    held = Holding(3, 5, 1, True, {"cluster": some}, {"n": {"cluster": some}}, {"cluster": some}, {"o": 2})
    names_too_much = Holding(1, named={"n": {"cluster": some}})
    for shared in (
        Shared("e", False),
        Shared("e", True, 4, 9, 1, 8, {"a": held, "b": Holding(1)}),
        Shared("e", True, holdings={"a": names_too_much}),
    ):
        text = write(shared).encode()
        yield text
        yield text.partition(b'"state":')[2].removesuffix(b"}")
    yield b'{"version":2,"state":null}'


def check(data: bytes) -> None:
    """Read the input as the whole text, and as the state below a digest that fits."""
    _check(data.decode(errors="surrogateescape"))
    state = data.strip()
    digest = sha256(state).hexdigest()[:16].encode()
    _check((b'{"version":1,"digest":"%b","state":%b}' % (digest, state)).decode(errors="surrogateescape"))


def _check(text: str) -> None:
    try:
        shared = read(text)
    except (SharedError, NewerVersionError) as error:
        assert len(str(error)) < 500
        return
    assert read(write(shared)) == shared
    peers = Peers("a", Timing())
    assert not peers.contradicts(shared, 0.0, 1e9)
    peers.see(shared, 0.0)
    assert not peers.contradicts(shared, 0.0, 1.0)
    assert peers.silent(1e9).keys() == shared.holdings.keys() - {"a"}
    for holding in shared.holdings.values():
        for scope in {*holding.held, *(scope for sums in holding.named.values() for scope in sums)}:
            assert min(holding.beside_names(scope)) >= 0
