"""Who may read which reports: by what the API server says of their token and of what they may list."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.support.replica import Clock
from tests.support.reports import FixedRefusals, FixedReport, Reports, blocked, denial, group, sources
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.types import Authentication, Reporting
from webhook.http.messages import Request, Response
from webhook.kube.access_reviews import Identity, Resource
from webhook.kube.stream import ApiError, KubeError, Unreachable
from webhook.web import access
from webhook.web.access import AUDIENCE, OPEN, Access, AccessControl
from webhook.web.sources import Settings, Sources

CONFIG = replace(HeadroomConfig(), reporting=Reporting(auth=Authentication.KUBERNETES))
ALL = Access(None)


class Cluster:
    """Says who has which token, and may list pods where: "" is everywhere."""

    def __init__(self, **rights: set[str]) -> None:
        self.rights = rights
        self.asked: list[str] = []
        self.fault: KubeError | None = None

    def who(self, token: str, audience: str) -> Identity | None:
        """Return who has the token; its name is their own."""
        assert audience == AUDIENCE
        self._ask(f"who is {token}")
        return Identity(token) if token in self.rights else None

    def may(self, who: Identity, what: Resource) -> bool:
        """Say whether they may list."""
        assert what == Resource("list", "pods", what.namespace)
        self._ask(f"may {who.username} in {what.namespace or 'all'}")
        return bool(self.rights[who.username] & {"", what.namespace})

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.fault is not None:
            raise self.fault


class Scene:
    """A cluster, its settings and the control."""

    def __init__(self, shown: Sources | None = None, **rights: set[str]) -> None:
        self.cluster, self.clock = Cluster(**rights), Clock()
        self.settings = Settings(CONFIG, "0123456789ab", None)
        given = (shown or sources())._replace(settings=lambda: self.settings)
        self.control = AccessControl(self.cluster, given, self.clock)

    def ask(self, path: str = "/api/v1/commitment", token: str | None = "ann") -> Access | Response:  # noqa: S107
        fields = {} if token is None else {b"authorization": f"Bearer {token}".encode()}
        return self.control.admit(request(path, fields))

    def refused(self, path: str = "/api/v1/commitment", token: str | None = "ann") -> tuple[int, str]:  # noqa: S107
        said = self.ask(path, token)
        assert isinstance(said, Response), said
        assert said.content_type == "application/problem+json"
        told: dict[str, Any] = msgspec.json.decode(said.body)
        assert told["status"] == said.status
        return said.status, str(told["detail"])


def request(path: str, fields: dict[bytes, bytes], method: bytes = b"GET") -> Request:
    path, _, query = path.partition("?")
    return Request(method, path.encode(), query.encode(), fields, b"")


# -- what is guarded ---------------------------------------------------------------------------------------------------


def test_all_is_guarded_but_what_shows_nothing_of_a_tenant_and_metrics() -> None:
    control = Scene().control
    for path in (b"/", b"/api/v1/pods", b"/api/v1/check", b"/ui/", b"/pod-metrics", b"/api/v1/events", b"/%6detrics"):
        assert control.guards(path), path
    for path in (*OPEN, b"/ui/static/page.css"):
        assert not control.guards(path), path


def test_nothing_is_guarded_unless_the_configuration_says_so() -> None:
    scene = Scene()
    scene.settings = Settings(HeadroomConfig(), "0123456789ab", None)
    assert not scene.control.guards(b"/api/v1/pods")


@pytest.mark.parametrize(("problem", "told"), [(None, ""), ("no ConfigMap", ": no ConfigMap")])
def test_nothing_is_shown_before_the_first_configuration_which_says_who_may_see_it(
    problem: str | None, told: str
) -> None:
    scene = Scene(ann={""})
    scene.settings = Settings(HeadroomConfig(), "", problem)
    assert scene.control.guards(b"/api/v1/pods")
    assert scene.refused() == (503, f"there is no configuration yet, which says who may read this{told}")
    assert scene.cluster.asked == []


# -- who asks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", " ", "x" * 10_000])
def test_who_shows_no_token_is_told_how_to(token: str | None) -> None:
    scene = Scene()
    status, detail = scene.refused(token=token)
    assert status == 401
    assert "kubectl create token NAME --audience=headroom.internal" in detail
    assert "Headroom-Authorization" in detail
    assert scene.cluster.asked == []
    said = scene.ask(token=token)
    assert isinstance(said, Response)
    assert ("WWW-Authenticate", 'Bearer realm="headroom"') in said.others


@pytest.mark.parametrize("value", [b"Basic YTpi", b"ann", b"Bearer"])
def test_other_credentials_are_no_token(value: bytes) -> None:
    said = Scene(ann={""}).control.admit(request("/", {b"authorization": value}))
    assert isinstance(said, Response)
    assert said.status == 401


def test_a_token_that_the_api_server_does_not_know() -> None:
    assert Scene().refused()[0] == 401


def test_a_token_comes_through_the_api_servers_proxy_in_a_field_of_its_own() -> None:
    scene = Scene(ann={""})
    assert scene.control.admit(request("/", {b"headroom-authorization": b"bearer ann"})) == ALL


# -- what they may read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/ui/", "/api/v1/commitment", "/api/v1/nodes", "/api/v1/pods", "/api/v1/check"])
def test_who_may_list_all_pods_reads_everything(path: str) -> None:
    scene = Scene(ann={""})
    assert scene.ask(path) == ALL
    assert scene.cluster.asked == ["who is ann", "may ann in all"]


@pytest.mark.parametrize(
    "path",
    ["/", "/ui/", "/pod-metrics", "/api/v1/commitment", "/api/v1/nodes", "/api/v1/pools", "/api/v1/groups?label=zone",
     "/api/v1/config", "/api/v1/events", "/api/v1/check", "/api/v1/fit", "/api/v1/simulate", "/api/v1/%70ods", "/no"],
)  # fmt: skip
def test_what_shows_all_namespaces_together_is_only_for_who_may_list_them_all(path: str) -> None:
    assert Scene(ann={"shop"}).refused(path) == (
        403,
        "ann may not list the pods of all namespaces, and this shows what all commit",
    )


@pytest.mark.parametrize("path", ["pods", "workloads", "namespaces", "denials", "blocked"])
def test_rows_are_those_of_the_namespaces_that_they_may_list(path: str) -> None:
    scene = Scene(ann={"shop", "elsewhere"})
    assert scene.ask(f"/api/v1/{path}?limit=5") == Access(frozenset({"shop"}))
    assert scene.cluster.asked[2:] == ["may ann in bank", "may ann in shop"]


def test_a_namespace_that_has_only_refusals_is_asked_about_as_well() -> None:
    refusals = FixedRefusals(denial("x", namespace="full"))
    refusals.blocked_rows = [blocked("web", namespace="stuck")]
    scene = Scene(sources(refusals=refusals), ann={"full", "stuck"})
    assert scene.ask("/api/v1/denials") == Access(frozenset({"full", "stuck"}))


@pytest.mark.parametrize("path", ["pods?namespace=shop", "workloads?limit=1&namespace=shop", "namespaces?name=sh%6Fp"])
def test_of_a_named_namespace_only_that_one_is_asked_about(path: str) -> None:
    scene = Scene(ann={"shop", "bank"})
    assert scene.ask(f"/api/v1/{path}") == Access(frozenset({"shop"}))
    assert scene.cluster.asked[2:] == ["may ann in shop"]
    assert Scene(ann={"bank"}).refused(f"/api/v1/{path}") == (
        403,
        "ann may not list pods in the namespace shop",
    )


@pytest.mark.parametrize("name", ["x" * 64, "Shop", "a/b", "%F0%9F%98%80", ""])
def test_what_cannot_be_a_namespace_is_not_asked_about(name: str) -> None:
    scene = Scene(ann={"shop"})
    assert scene.refused(f"/api/v1/pods?namespace={name}x-")[0] == 403
    assert scene.cluster.asked[2:] == []


def test_who_may_list_none_is_refused() -> None:
    assert Scene(ann=set()).refused("/api/v1/pods") == (403, "ann may not list pods in any namespace that has some")


def test_of_very_many_namespaces_one_must_be_named() -> None:
    rows = [group("Namespace", f"team-{n}") for n in range(101)]
    scene = Scene(sources(Reports(FixedReport(namespace_rows=rows))), ann={"team-7"})
    told = "there are more than 100 namespaces, too many to find those of ann: name one with ?name=NAMESPACE"
    assert scene.refused("/api/v1/namespaces") == (403, told)
    assert scene.ask("/api/v1/namespaces?name=team-7") == Access(frozenset({"team-7"}))


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_answers_are_kept_for_seconds_and_no_longer() -> None:
    scene = Scene(ann={""})
    for _ in range(10):
        assert scene.ask() == ALL
        scene.clock.wait(2.9)
    assert scene.cluster.asked == ["who is ann", "may ann in all"]
    scene.clock.wait(1.0)
    scene.cluster.rights = {}
    assert scene.refused()[0] == 401, "a token that was taken back"


def test_a_no_is_kept_for_a_shorter_time() -> None:
    scene = Scene(ann=set())
    assert [scene.refused()[0] for _ in range(5)] == [403] * 5
    assert scene.cluster.asked == ["who is ann", "may ann in all"]
    scene.cluster.rights["ann"] = {""}
    scene.clock.wait(9.9)
    assert scene.refused()[0] == 403
    scene.clock.wait(0.1)
    assert scene.ask() == ALL


def test_unknown_tokens_do_not_pass_the_load_on_to_the_api_server() -> None:
    scene = Scene(ann={""})
    assert scene.ask() == ALL
    said = [scene.refused(token=f"guess-{n}")[0] for n in range(200)]
    assert said == [401] * 59 + [503] * 141
    assert scene.ask() == ALL, "who is known goes on"
    scene.clock.wait(1.0)
    assert [scene.refused(token=f"other-{n}")[0] for n in range(30)] == [401] * 20 + [503] * 10


def test_one_who_asks_about_many_namespaces_is_held_up_and_nobody_else() -> None:
    scene = Scene(ann={"shop"}, bob={"shop"})
    said = [scene.refused(f"/api/v1/pods?namespace=guess-{n}")[0] for n in range(300)]
    assert said == [403] * 201 + [503] * 99
    assert scene.ask("/api/v1/pods?namespace=shop", "bob") == Access(frozenset({"shop"}))
    scene.clock.wait(1.0)
    assert scene.ask("/api/v1/pods?namespace=shop") == Access(frozenset({"shop"}))


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_TOKENS", 3)
    monkeypatch.setattr(access, "_ANSWERS", 5)
    scene = Scene()
    scene.cluster.rights = {f"u{n}": {""} for n in range(9)}
    for _ in range(2):
        for n in range(9):
            assert scene.ask(token=f"u{n}") == ALL
    assert len(scene.cluster.asked) == 36


# -- the API server is away --------------------------------------------------------------------------------------------


def test_without_the_api_server_nothing_new_is_shown_and_nothing_is_kept() -> None:
    scene = Scene(ann={""})
    scene.cluster.fault = Unreachable("no route")
    assert scene.refused() == (503, "the API server cannot be asked who you are: no route")
    scene.cluster.fault = None
    assert scene.ask() == ALL
    scene.cluster.fault = Unreachable("no route")
    assert scene.ask() == ALL, "what was said before holds for its time"


def test_an_installation_that_lacks_the_rights_is_told_which_component_has_them() -> None:
    scene = Scene(ann={""})
    scene.cluster.fault = ApiError(403, "Forbidden", "no")
    assert scene.refused() == (
        503,
        "Headroom may not ask the API server who you are: apply manifests/components/reporting-auth",
    )


def test_reports_are_not_made_for_who_is_refused() -> None:
    shown = FixedReport()
    scene = Scene(Sources(Reports(shown), lambda: scene.settings, lambda: b""))
    scene.refused()
    assert shown.asked == []
