"""`headroom ui`: the page on one's own machine, with nothing installed in the cluster."""

import webbrowser

import click

from webhook.cli.cluster import Target, target_options


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of 127.0.0.1 to serve at. Default: a free one."
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--refresh",
    type=click.FloatRange(1),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="Read nodes and pods again after so long. A tenth of the time at most is spent reading.",
)
@target_options
def ui(target: Target, port: int, refresh: float, *, opens: bool) -> None:
    """Serve the page on this machine, until Ctrl-C; nothing needs to be installed in the cluster.

    Nodes and pods are read with your own rights and added up by the code of the webhook. Only refusals are asked of
    Headroom in the cluster, if it is there; with --direct it is not asked. The page answers only on 127.0.0.1, to
    everybody who uses this machine.

    Exits with 0 when it is ended, with 2 for wrong usage, and with 3 if the cluster cannot be read.
    """
    from webhook.cli.page_server import bound, serve  # noqa: PLC0415 - the server takes a second to import

    def tell(address: str) -> None:
        click.echo(f"The page is at {address} until Ctrl-C.")
        if opens and not webbrowser.open(address):
            click.echo("No browser was found: open the address yourself.", err=True)

    with bound(port) as sock:
        serve(target, sock, refresh, tell)
