"""The names that a serving certificate is valid for: DNS names and IP addresses."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_LONGEST_COMMON_NAME = 64  # RFC 5280, ub-common-name


@dataclass(frozen=True, slots=True)
class Names:
    """DNS names (lower case, a leading `*.` is allowed) and IP addresses, in the order they were given."""

    dns: tuple[str, ...] = ()
    ips: tuple[IPv4Address | IPv6Address, ...] = ()

    def __str__(self) -> str:
        """Return all names, joined by commas, for people to read."""
        return ", ".join(self._texts)

    def same_as(self, other: "Names") -> bool:
        """Say whether both have the same names, in any order."""
        return set(self.dns) == set(other.dns) and set(self.ips) == set(other.ips)

    def covers(self, other: "Names") -> bool:
        """Say whether all names of `other` are among these."""
        return set(self.dns) >= set(other.dns) and set(self.ips) >= set(other.ips)

    @property
    def subject(self) -> x509.Name:
        """The subject, for people to read; clients check only the alternative names. Empty if no name fits."""
        fitting = [name for name in self._texts if len(name) <= _LONGEST_COMMON_NAME]
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in fitting[:1]])

    @property
    def _texts(self) -> tuple[str, ...]:
        return (*self.dns, *map(str, self.ips))

    @property
    def extension(self) -> x509.SubjectAlternativeName:
        """The names as the extension of a certificate."""
        return x509.SubjectAlternativeName([*map(x509.DNSName, self.dns), *map(x509.IPAddress, self.ips)])


def parse(dns: Iterable[str], ips: Iterable[str]) -> Names:
    """Read names as people type them; the ValueError for a wrong one names it and says what is right."""
    names = Names(tuple(dict.fromkeys(map(_dns, dns))), tuple(dict.fromkeys(map(_ip, ips))))
    if not names.dns and not names.ips:
        raise ValueError("a certificate needs at least one name: give --dns or --ip")
    return names


def of(certificate: x509.Certificate) -> Names:
    """Return the alternative names of a certificate; no names if it has no such extension."""
    try:
        carried = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names()
    ips = carried.get_values_for_type(x509.IPAddress)
    addresses = tuple(ip for ip in ips if isinstance(ip, (IPv4Address, IPv6Address)))
    return Names(tuple(carried.get_values_for_type(x509.DNSName)), addresses)


def _dns(text: str) -> str:
    name = text.lower()
    if _is_ip(name):
        raise ValueError(f"{text!r} is an IP address: give it with --ip")
    if len(name) > 253 or not _DNS.fullmatch(name):
        raise ValueError(f"{text!r} is not a DNS name: letters, digits and hyphens, joined by dots, none at the end")
    return name


def _ip(text: str) -> IPv4Address | IPv6Address:
    if not _is_ip(text):
        raise ValueError(f"{text!r} is not an IP address such as 10.0.0.1 or fd00::1; give names with --dns")
    return ip_address(text)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
