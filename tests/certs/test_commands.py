"""The command line: what it prints, and how it ends."""

import json
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from certs.__main__ import main

NAMES = ("--dns", "a.test", "b.test", "--dns", "c.test", "--ip", "127.0.0.1")


def made(path: Path) -> Path:
    assert main(["issue", "--out", str(path), *NAMES]) == 0
    return path


def test_issue_makes_then_keeps_then_obeys_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["issue", "--out", str(tmp_path), *NAMES]
    told = []
    for extra in ([], [], ["--force"]):
        assert main([*arguments, *extra]) == 0
        told.append(capsys.readouterr().out.splitlines())
    assert [line.startswith("authority kept") for line, _ in told] == [False, True, True]
    words = [line.removeprefix("certificate for a.test, b.test, c.test, 127.0.0.1 ").split(", ")[0] for _, line in told]
    assert words == ["made (missing)", "kept", "made (asked for)"]


def test_show_says_whose_until_when_and_how_long(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path)
    capsys.readouterr()
    assert main(["show", str(tmp_path / "tls.crt")]) == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["subject"] == "CN=a.test"
    assert shown["names"] == "a.test, b.test, c.test, 127.0.0.1"
    assert shown["issuer"].startswith("CN=headroom-ca ")
    assert shown["valid"].endswith("UTC: 364 days left")


def test_show_describes_every_certificate_of_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path)
    (tmp_path / "ca.key").unlink()
    made(tmp_path)
    capsys.readouterr()
    assert main(["show", str(tmp_path / "ca.crt")]) == 0
    assert capsys.readouterr().out.count("names    (none)") == 2


def test_secret_and_trust_carry_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path)
    capsys.readouterr()
    assert main(["secret", "--in", str(tmp_path), "--name", "n", "--namespace", "ns"]) == 0
    secret = json.loads(capsys.readouterr().out)
    assert b64decode(secret["data"]["tls.key"]) == (tmp_path / "tls.key").read_bytes()
    assert main(["trust", "--in", str(tmp_path), "--webhook", "w.test"]) == 0
    patch = json.loads(capsys.readouterr().out)
    assert b64decode(patch["webhooks"][0]["clientConfig"]["caBundle"]) == (tmp_path / "ca.crt").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["issue", "--out", "{}", "--dns", "10.0.0.1"], "give it with --ip"),
        (["issue", "--out", "{}"], "at least one name"),
        (["secret", "--in", "{}", "--name", "n", "--namespace", "ns"], "python -m certs issue"),
        (["show", "{}/none"], "No such file"),
        (["show", "{}/garbage"], "garbage: no readable PEM certificate"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "garbage").write_text("garbage")
    assert main([argument.format(tmp_path) for argument in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("certs: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("days", ["0", "-1", "3651", "1.5", "soon", "²"])
def test_a_life_out_of_range_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str], days: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["issue", "--out", str(tmp_path), *NAMES, f"--days={days}"])
    assert ended.value.code == 2
    assert "is not a number of days from 1 to 3650" in capsys.readouterr().err


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "certs", "issue", "--out", str(tmp_path), "--dns", "a.test", "--days", "1"]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert {path.name for path in tmp_path.iterdir()} == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
