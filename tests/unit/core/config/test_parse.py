import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.configs import SMALLEST, configs
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.errors import ConfigError
from webhook.core.config.parse import parse
from webhook.core.config.percentage import Share
from webhook.core.config.render import plain, render
from webhook.core.config.types import Sums, Thresholds


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    return [str(problem) for problem in refused.value.problems]


def problem(line: str) -> str:
    (only,) = problems(SMALLEST + line)
    return only


def test_what_is_left_out_has_its_default() -> None:
    share = Share.parse("75%")
    assert parse(SMALLEST) == HeadroomConfig(thresholds=Thresholds(memory=Sums(requests=share)))


@given(config=configs)
@settings(deadline=None)
def test_every_configuration_is_read_back_as_it_was_written(config: HeadroomConfig) -> None:
    assert parse(render(config)) == config


@given(config=configs)
@settings(deadline=None)
def test_json_is_read_too(config: HeadroomConfig) -> None:
    assert parse(json.dumps(plain(config))) == config


def test_everything_wrong_is_found_at_once_and_in_order() -> None:
    text = """
      apiVersion: headroom.internal/v2
      kind: HeadroomConfig
      mode: off
      tresholds: {}
      thresholds: {memory: {requests: 75 percent, limits: 100}, cpu: 90%}
      reserve: {nodes: 1}
      reserve: {nodes: 2}
      pools:
      - nodeSelector: {gpu: true, "no key": x}
        thresholds: {memory: {requests: 0.75}}
      overrides:
      - {namespaces: []}
    """
    assert problems(text) == [
        "reserve: is written twice; keep one of them",
        'apiVersion: "headroom.internal/v2" stands here; write headroom.internal/v1',
        'mode: "off" stands here; write enforce, warn or audit',
        "tresholds: unknown key; did you mean thresholds?",
        'thresholds.memory.requests: "75 percent" is not a percentage; write a percentage such as 75%',
        'thresholds.memory.limits: "100" has no percent sign; write 100%',
        'thresholds.cpu: "90%" stands here; write keys below it: requests, limits',
        'pools[0].nodeSelector.gpu: "true" is a number or a boolean in YAML; write it in quotes',
        'pools[0].nodeSelector["no key"]: "no key" is not a label key; write one such as karpenter.sh/nodepool',
        'pools[0].thresholds.memory.requests: "0.75" has no percent sign; write 75% or 0.75%',
        "pools[0].name: is missing; write a pool name such as high-mem",
        "overrides[0].namespaces: is empty; write a list such as [staging-*]",
    ]


@pytest.mark.parametrize("text", ["", "---", "# nothing\n", "~", "null"])
def test_an_empty_text_is_no_configuration(text: str) -> None:
    assert problems(text) == ["the configuration: is empty; it starts with apiVersion: headroom.internal/v1"]


def test_version_and_kind_must_be_written() -> None:
    assert problems("thresholds: {memory: {requests: 75%}}") == [
        "apiVersion: is missing; write headroom.internal/v1",
        "kind: is missing; write HeadroomConfig",
    ]


@pytest.mark.parametrize("thresholds", ["", "thresholds: {}", "thresholds: {memory: {}, cpu: {}}"])
def test_a_configuration_that_bounds_nothing_is_refused(thresholds: str) -> None:
    text = f"apiVersion: headroom.internal/v1\nkind: HeadroomConfig\n{thresholds}"
    assert problems(text) == ["thresholds: has no threshold; write one such as memory: {requests: 75%}"]


def test_thresholds_of_a_pool_are_enough() -> None:
    pool = "{name: a, nodeSelector: {b: c}, thresholds: {cpu: {limits: 200%}}}"
    config = parse(f"apiVersion: headroom.internal/v1\nkind: HeadroomConfig\npools: [{pool}]")
    assert not config.thresholds.bounds_something
    assert config.pools[0].thresholds.cpu.limits == Share(200_000)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mode:", 'mode: has no value; write one (an empty one is ""), or leave it out'),
        ("mode: Enforce", 'mode: "Enforce" stands here; write enforce, warn or audit'),
        ("mode: [warn]", "mode: a list stands here; write enforce, warn or audit"),
        ("warnat: 90%", "warnat: unknown key; did you mean warnAt?"),
        ("warnAt: 101%", 'warnAt: "101%" is out of range; write 0.1% to 100%'),
        ("exempt: {xyz: 1}", "exempt.xyz: unknown key; the keys here are namespaces, priorityClasses, "),
        ("exempt: {daemonSets: yes}", 'exempt.daemonSets: "yes" stands here; write a list such as [kube-system'),
        ('exempt: {daemonSets: "true"}', 'daemonSets: "true" in quotes stands here; write a list'),
        ("exempt: {daemonSets: maybe}", "[kube-system, monitoring], or true, or false"),
        ("exempt: {namespaces: true}", "write a list such as [kube-system]"),
        ("exempt: {namespaces: kube-system}", "write a list such as [kube-system]"),
        (
            "exempt: {namespaces: [Prod]}",
            'exempt.namespaces[0]: "Prod" is not a namespace name or pattern; write a name',
        ),
        ('reserve: {nodes: "2"}', 'reserve.nodes: "2" in quotes stands here; write a whole number from 0 to 10000'),
        ("reserve: {nodes: 0x2}", 'reserve.nodes: "0x2" stands here; write a whole number from 0 to 10000'),
        ("reserve: {nodes: 1.0}", 'reserve.nodes: "1.0" stands here; write a whole number from 0 to 10000'),
        ("reserve: {nodes: -1}", 'reserve.nodes: "-1" stands here; write a whole number from 0 to 10000'),
        ("reserve: {nodes: 10001}", 'reserve.nodes: "10001" stands here; write a whole number from 0 to 10000'),
        ("nodes: {excludeTaints: [1.10]}", '"1.10" is a number or a boolean in YAML; write it in quotes'),
        ('nodes: {excludeTaints: ["a\\n"]}', '"a\\n" is not a taint key; write one such as node-role.kubernetes.io/'),
        ("nodes: {excludeTaints: [null]}", "nodes.excludeTaints[0]: has no value; write one"),
        ("nodes: {notReadyGrace: 10}", 'nodes.notReadyGrace: "10" has no unit; write 10s'),
        ("pools: {a: b}", "pools: a mapping stands here; write a list of items with name, nodeSelector, "),
        ("pools: [a]", 'pools[0]: "a" stands here; write keys below it: name, nodeSelector, thresholds, reserve'),
        ("pools: [{name: a}]", "pools[0].nodeSelector: is missing; write labels such as {karpenter.sh/nodepool: "),
        ("pools: [{name: a, nodeSelector: {}}]", "pools[0].nodeSelector: is empty; write one label at least"),
        ("pools: [{name: cluster, nodeSelector: {a: b}}]", 'pools[0].name: "cluster" means the whole cluster; write '),
        ("pools: [{name: a, nodeSelector: {a: b}}, {name: a, nodeSelector: {a: c}}]", "pools[1].name: "),
        ("pools: [{name: a, nodeSelector: {a: b}}, {name: b, nodeSelector: {a: b, c: d}}]", "pools[1].nodeSelector: "),
        ("overrides: [{namespaces: [a]}]", "overrides[0]: changes nothing; add mode, "),
        ("? |\n  a\n  b\n: c", '["a\\nb\\n"]: unknown key; the keys here are '),
    ],
)
def test_a_problem_names_its_path_and_what_would_be_right(line: str, expected: str) -> None:
    assert expected in problem(line)


def test_words_that_yaml_1_1_takes_for_truths_are_names() -> None:
    config = parse(SMALLEST + "exempt: {namespaces: [on, off, no]}")
    assert sorted(str(pattern) for pattern in config.exempt.namespaces) == ["no", "off", "on"]


def test_a_label_may_have_an_empty_value_when_it_is_written_as_one() -> None:
    config = parse(SMALLEST + 'pools: [{name: a, nodeSelector: {node-role.kubernetes.io/worker: ""}}]')
    assert config.pools[0].node_selector == {"node-role.kubernetes.io/worker": ""}


def test_what_was_read_cannot_be_changed() -> None:
    config = parse(SMALLEST + "pools: [{name: a, nodeSelector: {b: c}}]")
    with pytest.raises(AttributeError):
        config.mode = config.mode  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.pools[0].node_selector["b"] = "d"  # type: ignore[index]


def test_an_error_shows_a_page_and_holds_all() -> None:
    many = problems(SMALLEST + "exempt: {namespaces: [" + "X," * 5000 + "]}")
    with pytest.raises(ConfigError) as refused:
        parse(SMALLEST + "exempt: {namespaces: [" + "X," * 5000 + "]}")
    assert len(many) == 5000
    assert str(refused.value).splitlines()[20:] == ["... and 4980 more"]


KEYS = [
    *("apiVersion", "kind", "mode", "thresholds", "memory", "cpu", "requests", "limits", "warnAt", "reserve", "nodes"),
    *("excludeTaints", "notReadyGrace", "pools", "name", "nodeSelector", "exempt", "namespaces", "overrides", "x y"),
]
WORDS = ["headroom.internal/v1", "HeadroomConfig", "75%", "10s", "a-*", "warn", "enforce", "cluster", "a/b", ""]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text() | st.dates()
values = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), below, max_size=8),
)


def refused_or_read(text: str) -> None:
    """Anything but a ConfigError that says something, in harmless lines, fails the test."""
    try:
        config = parse(text)
    except ConfigError as error:
        refusal = error
    else:
        assert parse(render(config)) == config
        return
    assert refusal.problems
    assert all(each.message for each in refusal.problems)
    assert str(refusal).replace("\n", "").isprintable()
    assert len(str(refusal).splitlines()) <= 21


@given(text=st.text(st.characters(), max_size=200) | st.text("[]{}:,-&*!?|>'\"%@` \n#ab1.~", max_size=60))
@settings(deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    refused_or_read(text)


@given(value=values)
@settings(deadline=None)
def test_any_yaml_is_read_or_refused(value: Any) -> None:
    refused_or_read(yaml.safe_dump(value))


@given(config=configs, data=st.data())
@settings(deadline=None)
def test_any_valid_configuration_with_one_value_replaced_is_read_or_refused(
    config: HeadroomConfig, data: st.DataObject
) -> None:
    tree = plain(config)
    at = tree
    while isinstance(at, dict) and at:
        key = data.draw(st.sampled_from(sorted(at)))
        if not isinstance(at[key], dict) or data.draw(st.booleans()):
            at[key] = data.draw(values)
            break
        at = at[key]
    refused_or_read(yaml.safe_dump(tree))
