import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demo.app import create_app
from demo.settings import MIB, SettingError

JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SECRET = "a-value-that-nobody-may-see"


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(SECRET, encoding="utf-8")
    return file


@pytest.fixture
def app(clock: Clock, secret: Path) -> Iterator[Flask]:
    settings = {
        "DEMO_GREETING": "Hello <you> & all",
        "DEMO_STEP_MIB": "1",
        "DEMO_CAP_MIB": "4",
        "DEMO_HOLD_SECONDS": "30",
        "DEMO_LIMIT_MIB": "256",
        "DEMO_SECRET_FILE": str(secret),
    }
    app = create_app(settings, clock)
    yield app
    app.test_client().post("/release")  # ends the timer as well


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def figures(client: FlaskClient) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/", headers=JSON).get_json()
    return answer


def test_the_page_greets_and_shows_what_is_held(client: FlaskClient) -> None:
    client.get("/hungry?steps=3")
    response = client.get("/", headers=BROWSER)
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert "Hello &lt;you&gt; &amp; all" in response.text
    assert "<strong>3 MiB</strong>" in response.text
    assert "4 MiB" in response.text
    assert figures(client)["hostname"] in response.text


def test_the_page_needs_nothing_from_elsewhere(client: FlaskClient) -> None:
    response = client.get("/")
    for outside in ("http:", "https:", "//", "src=", "<link", "@import", "url(/"):
        assert outside not in response.text.replace("<!doctype html>", "")
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_the_page_looks_again_only_while_something_is_going_to_change(client: FlaskClient) -> None:
    assert 'http-equiv="refresh"' not in client.get("/").text
    client.get("/hungry")
    assert 'http-equiv="refresh"' in client.get("/").text


def test_the_buttons_can_be_pressed_only_when_they_do_something(client: FlaskClient) -> None:
    empty = client.get("/").text
    assert "<button disabled>Release all" in empty
    assert '<button class="first">Feed' in empty
    client.get("/hungry?steps=4")
    full = client.get("/").text
    assert "<button>Release all" in full
    assert '<button class="first" disabled>Feed' in full


def test_the_figures_as_json(client: FlaskClient) -> None:
    told = figures(client)
    assert told["residentBytes"] > 10 * MIB
    assert told["hostname"]
    del told["residentBytes"], told["hostname"]
    assert told == {
        "greeting": "Hello <you> & all",
        "secretPresent": True,
        "heldBytes": 0,
        "stepBytes": MIB,
        "capBytes": 4 * MIB,
        "full": False,
        "nextReleaseSeconds": None,
        "limitBytes": 256 * MIB,
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_hungry_eats_a_step_and_gives_it_back_in_its_time(client: FlaskClient, clock: Clock, method: str) -> None:
    eaten = client.open("/hungry", method=method).get_json()
    assert (eaten["eatenBytes"], eaten["heldBytes"], eaten["nextReleaseSeconds"]) == (MIB, MIB, 30.0)
    clock.now += 29.9
    assert figures(client)["heldBytes"] == MIB
    clock.now += 0.1
    assert figures(client)["heldBytes"] == 0


def test_hungry_takes_steps_and_seconds_from_the_address(client: FlaskClient, clock: Clock) -> None:
    assert client.get("/hungry?steps=2&seconds=5").get_json()["eatenBytes"] == 2 * MIB
    client.get("/hungry?seconds=10")
    clock.now += 5
    assert figures(client)["heldBytes"] == MIB


def test_a_full_monster_eats_nothing_and_says_so(client: FlaskClient, clock: Clock) -> None:
    client.get("/hungry?steps=3&seconds=10")
    assert client.get("/hungry?steps=3").get_json()["eatenBytes"] == MIB
    full = client.get("/hungry")
    assert full.status_code == 200
    assert (full.get_json()["eatenBytes"], full.get_json()["full"]) == (0, True)
    clock.now += 10
    assert client.get("/hungry?steps=4").get_json()["eatenBytes"] == 3 * MIB


@pytest.mark.parametrize(
    ("name", "values", "advice"),
    [
        ("steps", ["0", "5", "-1", "x", ""], "from 1 to 4"),
        ("seconds", ["0", "nan", "301", ""], "above 0 and up to 300"),
    ],
)
def test_an_order_out_of_bounds_is_refused_with_what_would_be_right(
    client: FlaskClient, name: str, values: list[str], advice: str
) -> None:
    for value in values:
        response = client.get(f"/hungry?{name}={value}")
        assert response.status_code == 400
        assert response.get_json()["error"].startswith(f"{name}: '{value}' is not")
        assert response.get_json()["error"].endswith(advice)
    assert figures(client)["heldBytes"] == 0


def test_release_gives_everything_back(client: FlaskClient) -> None:
    client.get("/hungry?steps=4")
    told = client.post("/release").get_json()
    assert (told["releasedBytes"], told["heldBytes"]) == (4 * MIB, 0)
    assert client.get("/release").status_code == 405


@pytest.mark.parametrize("path", ["/hungry", "/release"])
def test_a_pressed_button_leads_back_to_the_page(client: FlaskClient, path: str) -> None:
    response = client.post(path, headers=BROWSER)
    assert (response.status_code, response.location) == (303, "/")


def test_the_secret_is_told_to_be_there_and_never_shown(client: FlaskClient, secret: Path) -> None:
    answers = [client.get(path, headers=accept) for path in ("/", "/hungry") for accept in (JSON, BROWSER)]
    assert all(SECRET not in answer.text and str(secret) not in answer.text for answer in answers)
    assert "✓ present" in client.get("/").text
    secret.write_text("", encoding="utf-8")
    assert figures(client)["secretPresent"] is False
    secret.unlink()
    assert figures(client)["secretPresent"] is False
    assert "✗ absent" in client.get("/").text


def test_probes(client: FlaskClient) -> None:
    client.get("/hungry?steps=4")
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


def test_answers_are_not_kept_and_depend_on_what_is_accepted(client: FlaskClient) -> None:
    response = client.get("/")
    assert (response.headers["Cache-Control"], response.headers["Vary"]) == ("no-store", "Accept")


def test_a_setting_that_cannot_be_used_stops_the_start() -> None:
    with pytest.raises(SettingError, match="DEMO_CAP_MIB"):
        create_app({"DEMO_CAP_MIB": "lots"})


def test_many_clients_at_once_never_pass_the_cap(app: Flask) -> None:
    def feed(turn: int) -> int:
        client = app.test_client()
        if turn % 10 == 9:
            return -int(client.post("/release").get_json()["releasedBytes"])
        told = json.loads(client.post("/hungry?steps=2").text)
        assert told["heldBytes"] <= 4 * MIB
        return int(told["eatenBytes"])

    with ThreadPoolExecutor(8) as pool:
        balance = sum(pool.map(feed, range(200)))
    assert figures(app.test_client())["heldBytes"] == balance
