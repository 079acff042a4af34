"""What every load test here keeps to unless the command line says otherwise: few users, a short time, an honest end."""

from argparse import ArgumentParser

from locust import events
from locust.env import Environment


def keep() -> None:
    """Register the bounds with Locust; to be called by a load test as it is loaded."""
    # Locust calls itself typed, its event hooks are not.
    events.init_command_line_parser.add_listener(set_defaults)  # type: ignore[no-untyped-call]
    events.quitting.add_listener(refuse_silence)  # type: ignore[no-untyped-call]


def set_defaults(parser: ArgumentParser) -> None:
    """Without further arguments: no web page, this machine, 8 users, 20 seconds."""
    parser.set_defaults(headless=True, host="http://127.0.0.1:8080", num_users=8, spawn_rate=8, run_time="20s")


def refuse_silence(environment: Environment, **_: object) -> None:
    """End with exit code 1 when not one request was made, which Locust takes for a success."""
    if environment.stats.total.num_requests == 0:
        environment.process_exit_code = 1
