"""TLS of the server: one context for the life of the process; its certificate is replaced while the server runs.

The server gets one `SSLContext` when it starts and never asks for another. The `sni_callback` of that context (OpenSSL
calls it also for clients that send no server name) moves each new handshake to the current context. A context in use is
never reloaded: a key that does not match its certificate would break every new handshake, and after a change of the
key's type, both pairs would be loaded and the old one still shown. Instead, a new context is built, checked and swapped
in. If any of that fails, the last good context stays in use and the failure is reported.

Clients may have to show a certificate as well. The handshake asks for it and verifies it if the client shows one, but
does not require it, because the kubelet's probes have none (`client_certificates.py` decides what a client may request
without one). The authorities that verify it are part of the context and are replaced with it.
"""

import hashlib
import ssl
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

_FLIGHTS = 5  # rounds of a handshake; TLS 1.2 needs three from each side


class TlsError(Exception):
    """A certificate cannot be served; the message names the file and the reason."""


class Outcome(StrEnum):
    """What a refresh did."""

    UNCHANGED = "unchanged"
    SWAPPED = "swapped"
    KEPT = "kept"


class Refreshed(NamedTuple):
    """What a refresh did, and the problem, if there is one. Equal states compare equal, so a caller can report changes.

    `problem` says why the pair in the files was not taken (KEPT), or that the certificate in use is outside its
    validity (UNCHANGED, SWAPPED). It is empty if there is no problem.
    """

    outcome: Outcome
    problem: str = ""


class _Content(NamedTuple):
    certificate: bytes
    clients: bytes  # the authorities that verify client certificates, PEM
    digest: bytes


class _Files(NamedTuple):
    certificate: Path
    key: Path
    clients: Path | None

    def read(self) -> _Content:
        """Read all files. The key is not kept, only a digest of all files."""
        try:
            certificate, key = self.certificate.read_bytes(), self.key.read_bytes()
            clients = b"" if self.clients is None else self.clients.read_bytes()
        except OSError as error:
            raise TlsError(f"{error.filename}: cannot be read: {error.strerror}") from error
        lengths = f"{len(certificate)} {len(key)} ".encode()
        return _Content(certificate, clients, hashlib.sha256(lengths + certificate + key + clients).digest())


class _Served(NamedTuple):
    context: ssl.SSLContext
    leaf: x509.Certificate
    clients: bytes
    digest: bytes

    def invalid(self, now: float) -> str:
        """Say why the certificate is not valid at that time; empty if it is valid."""
        begin, end = self.leaf.not_valid_before_utc, self.leaf.not_valid_after_utc
        if now < begin.timestamp():
            return f"the certificate is not valid before {begin:%F %T} UTC: look at this machine's clock"
        return f"the certificate expired at {end:%F %T} UTC: renew it" if now >= end.timestamp() else ""


class ServingCertificate:
    """The serving certificate, from two PEM files: the certificate with its chain, and the unencrypted key.

    With a file of authorities (PEM, one or several), one of them must have signed each certificate that a client shows.

    It has no thread of its own: one thread at a time may call `refresh`, while others do handshakes.
    """

    def __init__(self, certificate_file: Path, key_file: Path, client_ca_file: Path | None = None) -> None:
        """Load the pair; raises TlsError if it cannot be served.

        A certificate outside its validity is served until `refresh` replaces it.
        """
        self._files = _Files(certificate_file, key_file, client_ca_file)
        self._current = _load(self._files, self._files.read())
        self._first = self._current.context
        self._first.sni_callback = self._move

    def context(self) -> ssl.SSLContext:
        """Return the context for the server, always the same; each handshake on it shows the current certificate."""
        return self._first

    @property
    def expires_at(self) -> float:
        """When the certificate in use expires, in seconds since 1970."""
        return self._current.leaf.not_valid_after_utc.timestamp()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in use, as `openssl x509 -noout -fingerprint -sha256` prints it."""
        return self._current.leaf.fingerprint(SHA256()).hex(":").upper()

    def trusts(self, handshake: ssl.SSLObject) -> bool:
        """Say whether the authorities that verified the client in that handshake are still the current ones."""
        current = self._current
        return handshake.context is current.context or _clients(handshake.context) == current.clients

    def refresh(self, now: float) -> Refreshed:
        """Serve what the files hold now, if it is good. `now` is in seconds since 1970.

        Compares the contents, because a mounted Secret changes by a symbolic link above the files. Bad files do not
        raise; the next call tries them again, because they may be half written.
        """
        current = self._current
        try:
            content = self._files.read()
            if content.digest == current.digest:
                return Refreshed(Outcome.UNCHANGED, current.invalid(now))
            candidate = _load(self._files, content)
        except TlsError as error:
            return Refreshed(Outcome.KEPT, str(error))
        # If neither is valid by this clock, the newer one is the better guess.
        if (problem := candidate.invalid(now)) and not current.invalid(now):
            return Refreshed(Outcome.KEPT, f"{self._files.certificate}: {problem}")
        self._current = candidate
        return Refreshed(Outcome.SWAPPED, problem)

    def _move(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._current.context


def _load(files: _Files, content: _Content) -> _Served:
    """Build a context and test it with a handshake; raises TlsError if the pair is bad or was replaced meanwhile."""
    context = _new_context()
    if files.clients is not None:
        _demand(context, files.clients, content.clients)
    try:
        leaf = x509.load_pem_x509_certificates(content.certificate)[0]
        context.load_cert_chain(files.certificate, files.key, password=_refuse_password)
        shown = _shown(context)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        needed = "both must be PEM, the key unencrypted and the certificate's own"
        raise TlsError(f"{files.certificate} with {files.key}: cannot be served, {needed}: {error}") from error
    # OpenSSL reads the files itself: make sure that it read what was compared.
    if shown != leaf.public_bytes(Encoding.DER) or files.read() != content:
        raise TlsError(f"{files.certificate} with {files.key}: replaced while they were read")
    return _Served(context, leaf, content.clients, content.digest)


class _Context(ssl.SSLContext):
    """A context that knows the authorities (PEM) by which it verifies client certificates."""

    clients: bytes = b""


def _clients(context: ssl.SSLContext) -> bytes | None:
    return context.clients if isinstance(context, _Context) else None


def _demand(context: "_Context", path: Path, pem: bytes) -> None:
    """Verify the certificate of each client that shows one; OpenSSL also checks that it is meant for clients."""
    try:
        x509.load_pem_x509_certificates(pem)
        context.load_verify_locations(cadata=pem.decode())
    except (ssl.SSLError, ValueError) as error:
        raise TlsError(f"{path}: clients cannot be verified by it, it must be certificates in PEM: {error}") from error
    context.verify_mode = ssl.CERT_OPTIONAL
    context.clients = pem


def _new_context() -> "_Context":
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # A session that is resumed by a ticket keeps the certificate it began with. The API server resumes no sessions.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def _refuse_password() -> NoReturn:
    """Refuse an encrypted key: otherwise OpenSSL would ask for the password at the terminal, and wait."""
    raise ValueError("the key is encrypted")


def _shown(context: ssl.SSLContext) -> bytes | None:
    """Do a handshake in memory, and return the certificate (DER) that the client got."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = (
        ssl.CERT_NONE
    )  # it is not known here who trusts it; the handshake shows all the same that the key fits
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(_FLIGHTS):
        if all([_finished(client), _finished(server)]):
            return client.getpeercert(binary_form=True)
    raise ValueError("a handshake with it does not complete")


def _finished(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
