"""Options that name a cluster, and the connection to it, for the commands that ask one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from webhook.kube.stream import KubeError

if TYPE_CHECKING:
    from webhook.kube.client import Api

CANNOT_TELL = 3
"""The exit code of a command that got no answer: the cluster, or Headroom in it, is unreachable or out of date."""

Command = TypeVar("Command", bound=Callable[..., Any])


class CannotTell(click.ClickException):
    """Nothing can be said; exits with 3. The message says what to do."""

    exit_code = CANNOT_TELL


class Target(NamedTuple):
    """Which cluster is asked, and how: through Headroom in it, or (`direct`) its API server alone."""

    kubeconfig: str | None
    context: str | None
    headroom_namespace: str
    server: str | None
    direct: bool


def target_options(command: Command) -> Command:
    """Add the options that name a cluster; the command gets them as one `target`."""

    @click.option("--kubeconfig", type=click.Path(), help="Kubeconfig to use; default: $KUBECONFIG or ~/.kube/config.")
    @click.option("--context", help="Context of the kubeconfig.")
    @click.option(
        "--headroom-namespace", default="headroom-system", show_default=True, help="Namespace that Headroom runs in."
    )
    @click.option(
        "--server",
        metavar="URL",
        envvar="HEADROOM_SERVER",
        help="Ask Headroom at this address, not through the API server's proxy; also from $HEADROOM_SERVER.",
    )
    @click.option("--direct", is_flag=True, help="Do not ask Headroom: read nodes and pods with your own rights.")
    @click.pass_context
    def with_target(ctx: click.Context, /, **given: Any) -> Any:
        fields = {name: given.pop(name) for name in Target._fields}
        return ctx.invoke(command, target=Target(**fields), **given)

    with_target.__name__, with_target.__doc__ = command.__name__, command.__doc__
    with_target.__click_params__ = [  # type: ignore[attr-defined]  # where click's decorators keep parameters
        *getattr(command, "__click_params__", ()),
        *getattr(with_target, "__click_params__", ()),
    ]
    return with_target  # type: ignore[return-value]  # click makes a command of it


def connect(target: Target) -> "Api":
    """Return a client of the cluster; raises `CannotTell` where the kubeconfig cannot be used."""
    from webhook.kube.client import Api, configure_user  # noqa: PLC0415 - the official client takes 0.3 s to import

    try:
        return Api(configure_user(target.kubeconfig, target.context))
    except KubeError as error:
        raise CannotTell(str(error)) from error
