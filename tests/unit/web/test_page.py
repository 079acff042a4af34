"""The page as it is served: what is in it, what is escaped, and that nothing comes from elsewhere."""

import gzip
import re
import sys
from collections.abc import Hashable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec.structs import replace

from tests.support.rows import GI, commitment, group, line, node, scope
from webhook.core.reporting.check_view import CheckView, check_view
from webhook.core.reporting.page_query import Query
from webhook.core.reporting.view import Shown
from webhook.web.page import page
from webhook.web.page_check import Asked
from webhook.web.questions import LONGEST

ROOM = scope("cluster", line(9 * GI, 18 * GI), line(12 * GI, 24 * GI, threshold=1.0))
HOSTILE = "<script>alert(1)</script>\"'"


class _Source:
    def __init__(self, shown: Shown) -> None:
        self.now = shown
        self.refusals = 0
        self.asked: list[Query] = []
        self.checks: list[Asked] = []

    def becomes(self, shown: Shown) -> None:
        self.now = shown

    def version(self) -> tuple[object, Hashable]:
        return self.now, self.refusals

    def shown(self, query: Query) -> Shown:
        self.asked.append(query)
        return self.now

    def checked(self, asked: Asked) -> CheckView:
        self.checks.append(asked)
        return check_view([], [HOSTILE], [HOSTILE], fits=False)


def client(source: _Source) -> FlaskClient:
    app = Flask("page", static_folder=None)
    app.register_blueprint(page(source))
    return app.test_client()


@pytest.fixture
def source() -> _Source:
    return _Source(Shown(commitment(ROOM), [node(HOSTILE, GI)], [group(HOSTILE, GI)], [], []))


def test_it_leads_to_the_page_by_a_relative_address(source: _Source) -> None:
    answer = client(source).get("/ui")
    assert (answer.status_code, answer.headers["Location"]) == (308, "ui/")


def test_it_shows_the_verdict_first_and_asks_for_the_holders_of_the_url(source: _Source) -> None:
    text = client(source).get("/ui/?by=pod&ns=shop").text
    assert source.asked == [Query(by="pod", ns="shop")]
    assert text.index("Room for 9Gi of requests") < text.index("Who holds it")


def test_a_name_of_a_user_is_never_markup(source: _Source) -> None:
    text = client(source).get("/ui/", query_string={"q": HOSTILE, "by": HOSTILE, "ns": HOSTILE, "sort": HOSTILE}).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_nothing_is_loaded_from_another_host_and_no_script_is_inline(source: _Source) -> None:
    answer = client(source).get("/ui/")
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text)
    assert not re.findall(r"<script(?![^>]*\bsrc=)", answer.text)
    assert not re.findall(r"\son\w+=|\sstyle=", answer.text)
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_what_updates_it_is_the_same_without_the_frame(source: _Source) -> None:
    asked = client(source)
    part = asked.get("/ui/", headers={"X-Headroom-Part": "sections"}).text
    assert "<html" not in part
    assert part.strip() in asked.get("/ui/").text


def test_it_is_made_again_once_anything_of_it_has_changed(source: _Source) -> None:
    asked, sections = client(source), {"X-Headroom-Part": "sections"}
    texts = [asked.get("/ui/", headers=sections).text for _ in range(3)]
    assert (len(set(texts)), len(source.asked)) == (1, 1)
    assert asked.get("/ui/?q=web", headers=sections).text != texts[0]
    source.refusals += 1
    asked.get("/ui/", headers=sections)
    assert len(source.asked) == 3
    source.becomes(source.now._replace(commitment=replace(source.now.commitment, as_of="2026-12-01T10:00:00Z")))
    assert "10:00:00" in asked.get("/ui/", headers=sections).text


def test_nodes_are_laid_out_again_once_one_of_them_has_changed(source: _Source) -> None:
    asked = client(source)
    assert "n-fresh" not in asked.get("/ui/").text
    source.becomes(source.now._replace(nodes=[node("n-fresh", GI), node("n-other", GI)]))
    text = asked.get("/ui/").text
    assert ("n-fresh" in text, "n-other" in text) == (True, True)
    assert "n-other" not in asked.get("/ui/?nodes_q=fresh").text
    assert "n-other" in asked.get("/ui/").text


def test_a_list_of_nodes_is_made_once_whatever_else_is_asked_for(
    source: _Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, made = sys.modules["webhook.web.page"], list[str]()
    node_list = module.node_list

    def counted(nodes: Any, query: Any) -> Any:
        made.append(query.nodes_q)
        return node_list(nodes, query)

    monkeypatch.setattr(module, "node_list", counted)
    asked = client(source)
    for query in ("", "?q=web", "?lost=a", f"?try.a={'x' * 200}", "?nodes_q=zzz", "?nodes_q=zzz&q=web"):
        asked.get(f"/ui/{query}")
    assert made == ["", "zzz"]
    asked.get("/ui/?nodes_page=2")
    asked.get("/ui/?nodes_sort=name")
    assert len(made) == 4


def test_its_files_are_there(source: _Source) -> None:
    asked = client(source)
    for name in re.findall(r'(?:src|href)="(static/[^"]+)"', asked.get("/ui/").text):
        assert asked.get(f"/ui/{name}").status_code == 200


def test_a_cluster_of_5000_nodes_weighs_less_than_60_kb_compressed() -> None:
    nodes = [node(f"node-{number}", number * GI // 1000, number * GI // 900) for number in range(5000)]
    holders = [group(f"{'n' * 58}{number:05d}", number) for number in range(2000)]
    pools = [scope(f"pool-{number}", line(number, 100)) for number in range(40)]
    asked = client(_Source(Shown(commitment(ROOM, *pools), nodes, holders, [], [])))
    files = ["", *re.findall(r'(?:src|href)="(static/[^"]+)"', asked.get("/ui/").text)]
    assert sum(len(gzip.compress(asked.get(f"/ui/{name}").data)) for name in files) < 60_000


def test_manifests_are_checked_without_scripts_and_the_page_stays_the_same(source: _Source) -> None:
    answer = client(source).post("/ui/?by=workload", data={"manifests": HOSTILE, "namespace": "shop"})
    assert source.checks == [Asked(HOSTILE, "shop")]
    assert source.asked == [Query(by="workload")]
    assert "Some of these manifests cannot be read." in answer.text
    assert "<script>alert" not in answer.text
    assert answer.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3  # in the box, the fault and the kind
    assert 'http-equiv="refresh"' not in answer.text  # it would take the answer away
    assert "Content-Security-Policy" in answer.headers


def test_a_script_gets_the_answer_alone(source: _Source) -> None:
    answer = client(source).post("/ui/", data={"manifests": "a: b"}, headers={"X-Headroom-Part": "check"})
    assert source.checks == [Asked("a: b", "default")]
    assert source.asked == []
    assert "<h2" not in answer.text


@pytest.mark.parametrize("text", ["x" * (LONGEST + 1), ":" * (LONGEST + 1), ":" * 4 * LONGEST])
def test_what_is_too_long_is_said_beside_the_box(source: _Source, text: str) -> None:
    answer = client(source).post("/ui/", data={"manifests": text})
    assert answer.status_code == 200
    assert (
        source.checks[0].fault
        == "these are more than 256 KiB: check fewer objects at once, or use kubectl headroom check"
    )
    assert len(answer.text) < LONGEST


def test_manifests_of_the_most_length_are_taken_however_the_browser_encodes_them(source: _Source) -> None:
    client(source).post("/ui/", data={"manifests": ":" * LONGEST})
    assert source.checks == [Asked(":" * LONGEST)]


def test_nobody_knows_refusals_without_headroom() -> None:
    app = Flask("page", static_folder=None)
    app.register_blueprint(page(_Source(Shown(commitment(ROOM), [], [], [], [])), refusals=False))
    text = app.test_client().get("/ui/").text
    assert text.count("it is not asked here") == 2
    assert "No workload is waiting" not in text
