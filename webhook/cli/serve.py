"""`headroom serve`: runs one replica of the webhook, configured by arguments and environment."""

import time
from ipaddress import ip_address
from pathlib import Path

import click

from certs import names as naming
from certs.names import Names
from webhook import manager as server
from webhook.core.sharing.allotment import Timing
from webhook.http.client_certificates import API_SERVER
from webhook.http.listeners import address
from webhook.http.tls import TlsError
from webhook.kube.stream import KubeError
from webhook.observability import logging as logbook


class _Address(click.ParamType[str]):
    """An option of the form host:port."""

    name = "host:port"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value if it is an address to listen at; else fail with the reason."""
        try:
            address(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


class _Name(click.ParamType[str]):
    """A DNS name or an IP address."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value if a certificate can be for it; else fail with the reason."""
        try:
            _names([value])
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


@click.command(context_settings={"show_default": True})
@click.option("--listen", type=_Address(), default="0.0.0.0:8443", help="Address for reviews, over TLS.")
@click.option(
    "--metrics-listen",
    type=_Address(),
    help="Address for reports (REST), /metrics, /healthz and /readyz, without TLS. Default: none.",
)
@click.option(
    "--certificates",
    type=click.Choice([server.FILES, server.SELF]),
    default=server.FILES,
    help="Serve the certificate in files, or one that Headroom makes, renews and writes into the gate by itself.",
)
@click.option("--tls-cert-file", type=click.Path(path_type=Path), help="Serving certificate, PEM; with files.")
@click.option("--tls-key-file", type=click.Path(path_type=Path), help="Its key, PEM; with files.")
@click.option(
    "--tls-name",
    "tls_names",
    type=_Name(),
    multiple=True,
    help="With self: one more DNS name or IP address that certificates are for, beside the Service's name.",
)
@click.option(
    "--client-ca-file",
    type=click.Path(path_type=Path),
    help="Authorities of client certificates, PEM. With it, only the API server's reviews are answered. Default: none.",
)
@click.option(
    "--client-name",
    default=API_SERVER,
    help="Common name, or DNS or URI name, of the client certificate that the API server shows.",
)
@click.option("--kubeconfig", help="Kubeconfig file of the cluster. Default: the pod's service account.")
@click.option("--namespace", default="headroom-system", help="Namespace that Headroom runs in.")
@click.option("--audit-file", help="Write the audit log to this file too; it rotates. Default: standard output only.")
@click.option(
    "--lapse",
    type=click.FloatRange(min=0, min_open=True),
    default=Timing().lapse,
    help="Seconds after which a pod that was let in and has not appeared is taken to be never created.",
)
@click.option(
    "--shutdown-delay",
    type=click.FloatRange(min=0),
    default=server.SHUTDOWN_DELAY,
    help="Seconds to go on serving after SIGTERM, as not ready, until no new connections are led here.",
)
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"]))
@click.option("--log-format", default="text", type=click.Choice(logbook.FORMATS), help="Lines for people, or JSON.")
def serve(
    listen: str,
    metrics_listen: str | None,
    certificates: str,
    tls_cert_file: Path | None,
    tls_key_file: Path | None,
    tls_names: tuple[str, ...],
    client_ca_file: Path | None,
    client_name: str,
    kubeconfig: str | None,
    namespace: str,
    audit_file: str | None,
    lapse: float,
    shutdown_delay: float,
    log_level: str,
    log_format: str,
) -> None:
    """Run one replica of the webhook.

    The audit log goes to standard output, one JSON line for each decision that was not a plain allow; the operational
    log goes to standard error. Every option can also be set in the environment, as HEADROOM_SERVE_LISTEN and so on.
    """
    _check(certificates, tls_cert_file, tls_key_file, tls_names)
    log_writer = logbook.begin(log_level, server.clock, log_format, time.time)
    options = server.Options(
        listen=listen,
        metrics_listen=metrics_listen,
        tls_cert_file=tls_cert_file,
        tls_key_file=tls_key_file,
        names=_names([f"headroom.{namespace}.svc", *tls_names]) if certificates == server.SELF else None,
        client_ca_file=client_ca_file,
        client_name=client_name,
        kubeconfig=kubeconfig,
        namespace=namespace,
        audit_file=audit_file,
        timing=Timing(lapse=lapse),
        shutdown_delay=shutdown_delay,
    )
    try:
        server.serve(options, log_writer)
    except (KubeError, TlsError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _check(certificates: str, certificate: Path | None, key: Path | None, names: tuple[str, ...]) -> None:
    """Refuse options that contradict each other."""
    if certificates == server.FILES:
        if certificate is None or key is None:
            raise click.UsageError("give --tls-cert-file and --tls-key-file, or --certificates=self")
        if names:
            raise click.UsageError("--tls-name needs --certificates=self: the certificate in files has its names")
    elif certificate is not None or key is not None:
        raise click.UsageError("with --certificates=self, leave out --tls-cert-file and --tls-key-file")


def _names(given: list[str]) -> Names:
    """Return names as a certificate has them; raises ValueError for one that is neither a DNS name nor an address."""
    addresses = [each for each in given if _is_address(each)]
    return naming.parse([each for each in given if each not in addresses], addresses)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
