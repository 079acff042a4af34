"""What the application can be told, read from a mapping of names to text (a container's environment)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024

# What the interpreter, Flask and gunicorn hold before the first step is eaten (some 35 MiB), with room for requests.
OWN_BYTES = 64 * MIB

LONGEST_HOLD_SECONDS = 300.0


class SettingError(ValueError):
    """A setting that cannot be used; the text names it and says what would be right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one replica: sizes in bytes, times in seconds."""

    greeting: str
    step_bytes: int
    cap_bytes: int
    hold_seconds: float
    limit_bytes: int | None
    secret_file: Path | None


def parse(environment: Mapping[str, str]) -> Settings:
    """Read the settings, each with its default; raise `SettingError` for the first that cannot be used."""
    step = _whole(environment, "DEMO_STEP_MIB", default="16", least=1, most=64) * MIB
    cap = _whole(environment, "DEMO_CAP_MIB", default="128", least=1, most=4096) * MIB
    limit = _limit(environment)
    if cap < step:
        raise SettingError(f"DEMO_CAP_MIB: {cap // MIB} is less than one step; give at least {step // MIB}")
    if limit is not None and cap + OWN_BYTES > limit:
        room = (limit - OWN_BYTES) // MIB
        raise SettingError(
            f"DEMO_CAP_MIB: {cap // MIB} does not fit below the container's limit of {limit // MIB} MiB, "
            f"of which the application needs {OWN_BYTES // MIB} MiB itself; give at most {room}"
        )
    return Settings(
        greeting=environment.get("DEMO_GREETING") or "Feed me.",
        step_bytes=step,
        cap_bytes=cap,
        hold_seconds=hold_seconds(environment.get("DEMO_HOLD_SECONDS") or "30", "DEMO_HOLD_SECONDS"),
        limit_bytes=limit,
        secret_file=_path(environment, "DEMO_SECRET_FILE"),
    )


def hold_seconds(text: str, name: str) -> float:
    """Read how long eaten memory is held: seconds above 0, at most `LONGEST_HOLD_SECONDS`."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    # Written so that "nan", for which every comparison is false, is refused too.
    if not 0 < seconds <= LONGEST_HOLD_SECONDS:
        raise SettingError(f"{name}: {text!r} is not a number of seconds above 0 and up to {LONGEST_HOLD_SECONDS:.0f}")
    return seconds


def whole_number(text: str, name: str, least: int, most: int) -> int:
    """Read a whole number from `least` to `most`, both included."""
    # The length is bounded because int() refuses very long digits with an error of its own.
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise SettingError(f"{name}: {text!r} is not a whole number from {least} to {most}")
    return int(text)


def _whole(environment: Mapping[str, str], name: str, default: str, least: int, most: int) -> int:
    return whole_number(environment.get(name) or default, name, least, most)


def _limit(environment: Mapping[str, str]) -> int | None:
    text = environment.get("DEMO_LIMIT_MIB")
    return whole_number(text, "DEMO_LIMIT_MIB", 1, 2**22) * MIB if text else None


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    return Path(text) if text else None
