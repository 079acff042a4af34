"""`python -m certs`: make a certificate authority and a serving certificate, and show what was made."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from certs import manifest, names, renewal
from certs.authority import AUTHORITY_LIFE, SERVING_LIFE
from certs.bundle import read_certificates
from certs.directory import Directory
from certs.issuing import Held, hold_authority, hold_serving


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 if it succeeded, 1 if it failed. Wrong usage exits with 2."""
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], None] = arguments.run
    try:
        run(arguments)
    except (OSError, ValueError) as error:
        print(f"certs: {error}", file=sys.stderr)
        return 1
    return 0


def _issue(arguments: argparse.Namespace) -> None:
    asked = names.parse(arguments.dns, arguments.ip)
    now = datetime.now(UTC)
    directory = Directory(arguments.out)
    authority = hold_authority(directory, arguments.authority_name, now)
    life = timedelta(days=arguments.days)
    serving = hold_serving(directory, authority.pair, asked, now, life, reissue=arguments.force)
    print(f"authority {_summary(authority)}: {arguments.out / 'ca.crt'}")
    print(f"certificate for {asked} {_summary(serving)}: {arguments.out / 'tls.crt'}")


def _summary(held: Held) -> str:
    certificate = held.pair.certificate
    done = "kept" if held.made is None else f"made ({held.made})"
    return f"{done}, valid until {certificate.not_valid_after_utc:%F}, to renew from {renewal.due(certificate):%F}"


def _secret(arguments: argparse.Namespace) -> None:
    files = (Directory(arguments.directory).content(name) for name in ("tls.crt", "tls.key", "ca.crt"))
    print(json.dumps(manifest.secret(arguments.name, arguments.namespace, *files), indent=2))


def _trust(arguments: argparse.Namespace) -> None:
    print(json.dumps(manifest.trust_patch(arguments.webhook, Directory(arguments.directory).content("ca.crt"))))


def _show(arguments: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    try:
        certificates = read_certificates(arguments.file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{arguments.file}: {error}") from error
    print("\n\n".join(_described(certificate, now) for certificate in certificates))


def _described(certificate: x509.Certificate, now: datetime) -> str:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    left = (end - now) // timedelta(days=1)
    state = "expired" if now >= end else "not valid yet" if now < begin else f"{left} days left"
    return "\n".join(
        (
            f"subject  {certificate.subject.rfc4514_string() or '(none)'}",
            f"names    {str(names.of(certificate)) or '(none)'}",
            f"issuer   {certificate.issuer.rfc4514_string()}",
            f"valid    {begin:%F %T} to {end:%F %T} UTC: {state}",
            f"renew    from {renewal.due(certificate):%F} on",
        )
    )


def _days(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= AUTHORITY_LIFE.days:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 to {AUTHORITY_LIFE.days}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m certs", description=__doc__.partition(": ")[2])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_issue(
        commands.add_parser("issue", help="create what is missing or expires soon in a directory; keep the rest")
    )

    secret = commands.add_parser("secret", help="print a Secret for `kubectl apply -f -`")
    secret.add_argument("--in", dest="directory", type=Path, required=True, metavar="DIR")
    secret.add_argument("--name", required=True)
    secret.add_argument("--namespace", required=True)
    secret.set_defaults(run=_secret)

    trust = commands.add_parser("trust", help="print a patch of caBundle for `kubectl patch ... -p`")
    trust.add_argument("--in", dest="directory", type=Path, required=True, metavar="DIR")
    trust.add_argument("--webhook", nargs="+", action="extend", required=True, metavar="NAME")
    trust.set_defaults(run=_trust)

    show = commands.add_parser("show", help="print subject, names and validity of the certificates in a file")
    show.add_argument("file", type=Path, metavar="FILE")
    show.set_defaults(run=_show)
    return parser


def _add_issue(issue: argparse.ArgumentParser) -> None:
    issue.add_argument("--out", type=Path, required=True, metavar="DIR", help="where ca.* and tls.* are kept")
    issue.add_argument("--dns", nargs="+", action="extend", default=[], metavar="NAME", help="DNS names of the server")
    issue.add_argument("--ip", nargs="+", action="extend", default=[], metavar="IP", help="IP addresses of the server")
    issue.add_argument(
        "--days", type=_days, default=SERVING_LIFE.days, metavar="N", help="life of a new certificate (%(default)s)"
    )
    issue.add_argument("--authority-name", default="headroom-ca", metavar="NAME", help="of a new one (%(default)s)")
    issue.add_argument("--force", action="store_true", help="issue a new certificate even if there is a good one")
    issue.set_defaults(run=_issue)


if __name__ == "__main__":
    sys.exit(main())
