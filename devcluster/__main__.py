"""`python -m devcluster`: a Kubernetes API server with Headroom in the background, on this machine's loopback."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from devcluster import binaries, helm, kind, prometheus, report, tools
from devcluster.compiler import BuildError
from devcluster.local import Local, RefusedError, Settings
from devcluster.processes import NotReadyError
from devcluster.toolchain import ToolchainError

FORESEEN = (BuildError, FileNotFoundError, NotReadyError, RefusedError, ToolchainError, subprocess.CalledProcessError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return 0 if it succeeded, 1 if it failed (the reason is on stderr). Wrong usage exits with 2."""
    arguments = _parser(os.environ).parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except FORESEEN as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _up(arguments: argparse.Namespace) -> int:
    names = ("nodes", "node_memory", "node_cpu", "replicas", "controllers", "kubernetes")
    settings = Settings(**{name: getattr(arguments, name) for name in names})
    os.environ[binaries.VARIABLE] = settings.kubernetes
    local = Local()
    made = local.up(settings)
    print(f"{'up' if made else 'already up'} with {settings}")
    print(report.table(local))
    use = "\n         ".join([*report.surroundings(local), "kubectl get nodes"])
    url = local.reporting_url()
    print(f"\npage:    {url}/ui/\nreports: {url}/api/v1/commitment\nuse it:  {use}\nend it:  make down")
    return 0


def _down(_: argparse.Namespace) -> int:
    ended = Local().down()
    print("ended " + ", ".join(program.name for program in ended) if ended else "nothing was up")
    return 0


def _status(_: argparse.Namespace) -> int:
    local = Local()
    if not local.programs():
        print("nothing is up: `make up` starts it")
        return 1
    print(f"up with {local.settings()}")
    print(report.table(local))
    return 0 if report.healthy(local) else 1


def _build(_: argparse.Namespace) -> int:
    tools_of_tests = {
        each.name: tools.programs(each) for each in (prometheus.TOOL, kind.TOOL, *map(helm.tool, helm.MAJORS))
    }
    for name, folder in {**binaries.build_all(), **tools_of_tests}.items():
        print(f"{name:14} {folder}")
    return 0


def _kind(arguments: argparse.Namespace) -> int:
    return kind.run(arguments.command or kind.LIVE_TESTS, keep=arguments.keep)


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devcluster", description=__doc__.partition(": ")[2])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands.add_parser("up", help="start it, and return once Headroom is ready"), environment)
    commands.add_parser("down", help="end it").set_defaults(run=_down)
    commands.add_parser("status", help="show what runs; 1 unless all of it does").set_defaults(run=_status)
    commands.add_parser("build", help="build the programs now, not when they are needed").set_defaults(run=_build)
    on_kind = commands.add_parser("kind", help="the live tests on a kind cluster (needs Docker)")
    on_kind.add_argument("--keep", action="store_true", help="leave the cluster there afterwards")
    on_kind.add_argument("command", nargs="*", help="what to run there instead of the live tests (after --)")
    on_kind.set_defaults(run=_kind)
    return parser


def _add_up(up: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add the options; environment variables of the same names, which make sets, give their defaults."""
    usual = Settings()

    def option(name: str, kind: Callable[[str], object], default: object, text: str) -> None:
        variable = name.upper().replace("-", "_")
        # argparse parses a default that is a string as if it had been typed.
        given = environment.get(variable) or str(default)
        up.add_argument(f"--{name}", type=kind, default=given, metavar="X", help=f"{text} ({variable}, now {given})")

    option("nodes", _count, usual.nodes, "how many nodes")
    option("node-memory", str, usual.node_memory, "memory of each, a quantity")
    option("node-cpu", str, usual.node_cpu, "processors of each, a quantity")
    option("replicas", _positive, usual.replicas, "how many replicas of Headroom")
    option("controllers", _switch, int(usual.controllers), "with controllers, scheduler and KWOK: 1 or 0")
    option("kubernetes", _version, usual.kubernetes, "the version of Kubernetes, 1.36 or 1.37")
    up.set_defaults(run=_up)


def _version(text: str) -> str:
    try:
        return binaries.release(text).minor
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 3")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) < 1:
        raise argparse.ArgumentTypeError("there must be at least 1")
    return _count(text)


def _switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 1 nor 0")
    return text == "1"


if __name__ == "__main__":
    sys.exit(main())
