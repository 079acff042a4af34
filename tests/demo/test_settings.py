import re
from pathlib import Path

import pytest

from demo.settings import MIB, SettingError, Settings, hold_seconds, parse

DEMO = Path(__file__).parent.parent.parent / "demo"


def test_defaults() -> None:
    assert parse({}) == Settings(
        greeting="Feed me.",
        step_bytes=16 * MIB,
        cap_bytes=128 * MIB,
        hold_seconds=30.0,
        limit_bytes=None,
        secret_file=None,
    )


def test_every_setting_is_read() -> None:
    told = {
        "DEMO_GREETING": "Hello",
        "DEMO_STEP_MIB": "2",
        "DEMO_CAP_MIB": "9",
        "DEMO_HOLD_SECONDS": "1.5",
        "DEMO_LIMIT_MIB": "256",
        "DEMO_SECRET_FILE": "/etc/token",
    }
    assert parse(told) == Settings("Hello", 2 * MIB, 9 * MIB, 1.5, 256 * MIB, Path("/etc/token"))


def test_an_empty_value_is_as_good_as_none() -> None:
    names = re.findall(r'"(DEMO_\w+)"', (DEMO / "settings.py").read_text(encoding="utf-8"))
    assert parse(dict.fromkeys(names, "")) == parse({})


@pytest.mark.parametrize(
    ("told", "names", "advice"),
    [
        ({"DEMO_STEP_MIB": "much"}, "DEMO_STEP_MIB", "a whole number from 1 to 64"),
        ({"DEMO_STEP_MIB": "0"}, "DEMO_STEP_MIB", "a whole number from 1 to 64"),
        ({"DEMO_STEP_MIB": "²"}, "DEMO_STEP_MIB", "a whole number from 1 to 64"),
        ({"DEMO_CAP_MIB": "-5"}, "DEMO_CAP_MIB", "a whole number from 1 to 4096"),
        ({"DEMO_CAP_MIB": "9" * 5000}, "DEMO_CAP_MIB", "a whole number from 1 to 4096"),
        ({"DEMO_CAP_MIB": "8"}, "DEMO_CAP_MIB", "give at least 16"),
        ({"DEMO_HOLD_SECONDS": "0"}, "DEMO_HOLD_SECONDS", "above 0 and up to 300"),
        ({"DEMO_CAP_MIB": "193", "DEMO_LIMIT_MIB": "256"}, "DEMO_CAP_MIB", "give at most 192"),
        ({"DEMO_LIMIT_MIB": "256Mi"}, "DEMO_LIMIT_MIB", "a whole number"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_would_be_right(
    told: dict[str, str], names: str, advice: str
) -> None:
    with pytest.raises(SettingError, match=rf"^{names}: .*{advice}"):
        parse(told)


def test_the_largest_cap_that_fits_below_the_limit_is_taken() -> None:
    assert parse({"DEMO_CAP_MIB": "192", "DEMO_LIMIT_MIB": "256"}).cap_bytes == 192 * MIB


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "0", "300.1", "", "soon"])
def test_a_hold_is_bounded(text: str) -> None:
    with pytest.raises(SettingError, match=r"^seconds: "):
        hold_seconds(text, "seconds")


def test_every_setting_is_documented() -> None:
    names = set(re.findall(r'"(DEMO_\w+)"', (DEMO / "settings.py").read_text(encoding="utf-8")))
    documented = set(re.findall(r"^\| `(DEMO_\w+)`", (DEMO / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert documented == names
