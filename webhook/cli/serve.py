"""`headroom serve`: runs one replica of the webhook, configured by arguments and environment."""

import time
from pathlib import Path

import click

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


@click.command(context_settings={"show_default": True})
@click.option("--listen", type=_Address(), default="0.0.0.0:8443", help="Address for reviews, over TLS.")
@click.option(
    "--metrics-listen",
    type=_Address(),
    help="Address for reports (REST), /metrics, /healthz and /readyz, without TLS. Default: none.",
)
@click.option("--tls-cert-file", type=click.Path(path_type=Path), required=True, help="Serving certificate, PEM.")
@click.option("--tls-key-file", type=click.Path(path_type=Path), required=True, help="Its key, PEM.")
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
    tls_cert_file: Path,
    tls_key_file: Path,
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
    logbook.begin(log_level, server.clock, log_format, time.time)
    options = server.Options(
        listen=listen,
        metrics_listen=metrics_listen,
        tls_cert_file=tls_cert_file,
        tls_key_file=tls_key_file,
        client_ca_file=client_ca_file,
        client_name=client_name,
        kubeconfig=kubeconfig,
        namespace=namespace,
        audit_file=audit_file,
        timing=Timing(lapse=lapse),
        shutdown_delay=shutdown_delay,
    )
    try:
        server.serve(options)
    except (KubeError, TlsError, OSError) as error:
        raise click.ClickException(str(error)) from error
