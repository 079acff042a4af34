"""A TLS handshake with a listener, as a client makes it that trusts certain authorities, or that only looks."""

import hashlib
import socket
import ssl

_NOT_YET_VALID = 9  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID, which it finds once the chain is complete
_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


class HandshakeRefusedError(Exception):
    """The handshake was carried out, and its result is not good; the message says why."""


def shake_hands(at: tuple[str, int], name: str, authorities: str | None, timeout: float) -> None:
    """Do a handshake with `at` (host, port), and close the connection.

    The chain must hold one of `authorities` (PEM) and be for `name`, a DNS name or an IP address; with None, neither
    is checked. A certificate that is not valid yet is accepted: it is the clock of this machine that is behind, and the
    API server has its own. `timeout` is in seconds. Raises HandshakeRefusedError for a result, and OSError if there was
    none: no connection, no answer in time, or a connection that was cut.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authorities is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        _trust(context, authorities)
    with socket.create_connection(at, timeout) as tcp:
        try:
            context.wrap_socket(tcp, server_hostname=name).close()
        except ssl.SSLCertVerificationError as error:
            if error.verify_code == _NOT_YET_VALID:
                return
            raise HandshakeRefusedError(error.verify_message) from error
        except ssl.SSLError as error:
            if isinstance(error, _CUT):
                raise
            raise HandshakeRefusedError(error.reason or str(error)) from error


def shown(host: str, port: int, timeout: float) -> str | None:
    """Do one TLS handshake; return the SHA-256 of the certificate in hexadecimal digits, None if there is no answer.

    Whether the certificate is trusted is not looked at; the handshake proves that the server has its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout) as bare,
            context.wrap_socket(bare) as connection,
        ):
            certificate = connection.getpeercert(binary_form=True)
    except OSError:  # ssl.SSLError is one
        return None
    return hashlib.sha256(certificate).hexdigest() if certificate else None


def loopback(host: str) -> str:
    """Return the address at which a listener of this machine that is bound to `host` can be reached from itself."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - nothing is bound here


def _trust(context: ssl.SSLContext, authorities: str) -> None:
    # As Go, which API servers are written in: any certificate that is trusted ends a chain, not only a self-signed one.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:
        raise HandshakeRefusedError(f"the authorities cannot be read: {error}") from error
