"""The rotation: from what one pass has seen, the next thing to do. Values in, values out; it remembers nothing.

    steady ──► publish ──► sign ──► retire ──► steady
      └─── without a new authority ──┘

Every step is one write of the keyring by compare-and-swap, so a rotation goes on where it was, whoever does the next
pass. What stands in the gate follows from the keyring alone. These rules keep every call verified and accepted:

- A client trusts a new authority for a while before a certificate of it is served (publish), and an old one for as long
  as a replica serves a certificate of it (retire).
- Replicas accept a new path before a client sends it, and an old one until the end of `retire`.
- A keyring that was lost or damaged is restored so that all that is trusted and sent now goes on to be.

`unchanged` and the waits that it is compared with are of a clock that cannot be set, so a jump of the time of day ends
no wait early.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from certs import names as naming
from certs import renewal
from certs.authority import issue, make_authority
from certs.bundle import Bundle
from certs.keyring import Keyring, Step, Waits, new_token
from certs.names import Names
from certs.renewal import Reason, signed_by

_NAME: Final = "headroom-ca"
_MOST: Final = 8  # certificates that are trusted, and paths that are accepted, after rotations without end
_SET_BACK: Final = timedelta(hours=1)  # a clock that was set back by more than that had been wrong


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the gate sends one kind of review, as it is live: what it trusts (empty: nothing readable), and the token.

    The token is None where the path is not one of Headroom's.
    """

    trusted: Bundle
    token: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A rotation that somebody asks for: of the certificate, or of the authority too, with these waits."""

    authority: bool
    waits: Waits


@dataclass(frozen=True, slots=True)
class Policy:
    """For which names certificates are issued, for how long they live, and the usual waits."""

    names: Names
    serving: timedelta = timedelta(days=90)
    authority: timedelta = timedelta(days=3 * 365)
    waits: Waits = field(default_factory=Waits)

    def __post_init__(self) -> None:
        """Raise ValueError if a rotation that begins when a certificate is due could end after the certificate."""
        if self.serving >= self.authority:
            raise ValueError(f"a certificate of {self.serving} would outlive its authority of {self.authority}")
        ahead, takes = self.serving / 3, self.waits.publish + self.waits.retire
        if takes >= ahead:
            raise ValueError(
                f"a rotation waits for {takes}, and begins only {ahead} before the certificate ends: "
                "let certificates live longer, or wait for less"
            )


@dataclass(frozen=True, slots=True)
class Seen:
    """What one pass has seen. The gate must have been read before the keyring.

    keyring: as it is stored; None if it is missing or damaged. gate: its entries; None if there is no gate.
    remembered: the last good keyring that this process has read. unchanged: for how long keyring and gate have been as
    they are. served: the fingerprint that each replica shows, None for one that does not answer; None if nobody was
    asked.
    """

    keyring: Keyring | None
    gate: tuple[Entry, ...] | None
    now: datetime
    remembered: Keyring | None = None
    unchanged: timedelta = timedelta(0)
    asked: Asked | None = None
    served: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Write the keyring by compare-and-swap; with `taken`, the request is fulfilled by it and is removed."""

    keyring: Keyring
    why: str
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """Write into every entry of the gate what it trusts, and which token it sends, by compare-and-swap."""

    trusted: Bundle
    token: str


@dataclass(frozen=True, slots=True)
class Dial:
    """Ask every replica which certificate it shows, and then again what to do."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Do nothing; `why` says what is waited for."""

    why: str


Action = Write | Point | Dial | Rest


def next_action(seen: Seen, policy: Policy) -> Action:
    """Return what to do next."""
    held = seen.keyring
    if held is None:
        return _restored(seen, policy)
    if seen.gate is not None and not all(_leads(each, held) for each in seen.gate):
        return Point(held.trusted, held.path)
    return _due(held, seen, policy) or _AFTER[held.step](held, seen, policy)


def may_serve(keyring: Keyring, gate: tuple[Entry, ...] | None) -> bool:
    """Say whether a replica may show the keyring's certificate: everybody who calls it trusts the authority."""
    return gate is None or all(_trusts(each, keyring.serving.certificate) for each in gate)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 of a certificate, in hexadecimal digits."""
    return certificate.fingerprint(SHA256()).hex()


def _leads(entry: Entry, held: Keyring) -> bool:
    return set(entry.trusted) == set(held.trusted) and entry.token == held.path


def _trusts(entry: Entry, certificate: x509.Certificate) -> bool:
    return any(signed_by(certificate, each) for each in entry.trusted)


# -- beginnings --------------------------------------------------------------------------------------------------------


def _restored(seen: Seen, policy: Policy) -> Action:
    made = seen.remembered or _begin(policy, seen.now)
    how = "made" if seen.remembered is None else "restored"
    return Write(_keeping_what_is_live(made, seen), f"the certificate is {how}")


def _begin(policy: Policy, now: datetime) -> Keyring:
    authority = make_authority(_NAME, now, policy.authority)
    serving, token = issue(authority, policy.names, now, policy.serving), new_token()
    return Keyring(
        authority, (authority.certificate,), serving, token, (token,), Step.STEADY, _seconds(now), policy.waits
    )


def _keeping_what_is_live(made: Keyring, seen: Seen) -> Keyring:
    """Return the keyring with all that the gate trusts and sends now added, to be retired like all that is replaced."""
    live = [certificate for entry in seen.gate or () for certificate in entry.trusted]
    trusted = tuple(dict.fromkeys((*made.trusted, *live)))
    tokens = [entry.token for entry in seen.gate or () if entry.trusted and entry.token is not None]
    if trusted == made.trusted and set(tokens) <= {made.path}:
        return made
    path, paths = next(iter(tokens), made.path), tuple(dict.fromkeys((*made.paths, *tokens)))
    step = made.step if made.step is Step.PUBLISH else Step.SIGN
    return replace(made, trusted=trusted, path=path, paths=paths, step=step, since=_seconds(seen.now))


# -- what is due -------------------------------------------------------------------------------------------------------


def _due(held: Keyring, seen: Seen, policy: Policy) -> Action | None:
    """Return the write that begins a rotation; None if none is due."""
    now = seen.now
    if (reason := renewal.of_authority(held.authority, now).reason) is not None:
        return Write(_published(held, now, policy, policy.waits), f"the authority: {reason}")
    if held.step is Step.PUBLISH:
        return None
    if (reason := _serving_reason(held, now, policy)) is not None:
        return Write(_signed(held, now, policy, held.waits), f"the certificate: {reason}")
    asked = seen.asked
    if asked is None or held.step is Step.SIGN:
        return None
    made = _published if asked.authority else _signed
    what = "authority and certificate" if asked.authority else "the certificate"
    return Write(made(held, now, policy, asked.waits), f"{what}: {Reason.ASKED}", taken=True)


def _serving_reason(held: Keyring, now: datetime, policy: Policy) -> Reason | None:
    carried = naming.of(held.serving.certificate)
    need = renewal.of_serving(held.serving, held.authority.certificate, carried, now).reason
    lacks = not carried.covers(policy.names)
    return Reason.NAMES if need is None and lacks else need


def _published(held: Keyring, now: datetime, policy: Policy, waits: Waits) -> Keyring:
    made = make_authority(_NAME, now, policy.authority)
    signer = next(each for each in held.trusted if signed_by(held.serving.certificate, each))
    # An authority that has signed nothing yet is replaced: nobody serves a certificate of it.
    earlier = held.trusted[1:] if held.step is Step.PUBLISH else held.trusted
    others = [each for each in earlier if each != signer and now < each.not_valid_after_utc]
    trusted = (made.certificate, signer, *others)[:_MOST]
    return replace(held, authority=made, trusted=trusted, step=Step.PUBLISH, since=_seconds(now), waits=waits)


def _signed(held: Keyring, now: datetime, policy: Policy, waits: Waits) -> Keyring:
    serving, token = issue(held.authority, policy.names, now, policy.serving), new_token()
    # A token that no client has sent yet is replaced.
    earlier = held.paths[1:] if held.step is Step.SIGN and held.path != held.paths[0] else held.paths
    others = [each for each in earlier if each != held.path]
    paths = (token, held.path, *others)[:_MOST]
    return replace(held, serving=serving, paths=paths, step=Step.SIGN, since=_seconds(now), waits=waits)


# -- what follows ------------------------------------------------------------------------------------------------------


def _after_steady(_held: Keyring, _seen: Seen, _policy: Policy) -> Action:
    return Rest("nothing is due")


def _after_publish(held: Keyring, seen: Seen, policy: Policy) -> Action:
    shown = held.serving.certificate
    useless = not shown.not_valid_before_utc <= seen.now < shown.not_valid_after_utc
    if seen.unchanged < held.waits.publish and not useless:
        return Rest("every API server is to trust the new authority")
    return Write(_signed(held, seen.now, policy, held.waits), "the new authority signs")


def _after_sign(held: Keyring, seen: Seen, _policy: Policy) -> Action:
    waits = _waits_for_replicas(held, seen)
    if waits is not None:
        return waits
    done = replace(held, path=held.paths[0], step=Step.RETIRE, since=_seconds(seen.now))
    return Write(done, "all replicas serve the new certificate")


def _after_retire(held: Keyring, seen: Seen, policy: Policy) -> Action:
    if held.since > seen.now + _SET_BACK:
        return Write(replace(held, since=_seconds(seen.now)), "the clock was set back")
    # Both by the time of day, which outlives a process, and by a clock that cannot be set.
    soon = min(held.waits.publish, held.waits.retire)
    if seen.now < held.since + held.waits.retire or seen.unchanged < soon:
        return Rest("what was replaced is still trusted for a while")
    waits = _waits_for_replicas(held, seen)
    if waits is not None:
        return waits
    done = replace(
        held,
        trusted=held.trusted[:1],
        paths=(held.path,),
        step=Step.STEADY,
        since=_seconds(seen.now),
        waits=policy.waits,  # those of a request are for that one rotation
    )
    return Write(done, "what was replaced is not trusted any more")


def _waits_for_replicas(held: Keyring, seen: Seen) -> Action | None:
    """Return what to do until every replica shows the certificate; None if all do."""
    if seen.served is None:
        return Dial()
    if not seen.served:
        return Rest("no replica is listed in the Service's EndpointSlices")
    wanted = fingerprint(held.serving.certificate)
    for replica, shown in seen.served.items():
        if shown is None:
            return Rest(f"replica {replica} does not answer")
        if shown != wanted:
            return Rest(f"replica {replica} serves another certificate")
    return None


_AFTER: Final[Mapping[Step, Callable[[Keyring, Seen, Policy], Action]]] = {
    Step.STEADY: _after_steady,
    Step.PUBLISH: _after_publish,
    Step.SIGN: _after_sign,
    Step.RETIRE: _after_retire,
}


def _seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
