import os
import subprocess
import sys

import pytest
from hypothesis import given, settings

from tests.support.configs import SMALLEST, configs
from webhook.core.config.config import HeadroomConfig
from webhook.core.config.parse import parse
from webhook.core.config.render import digest, render

FULL = """
apiVersion: headroom.internal/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 75%, limits: 100%}}
reserve: {nodes: 1}
pools:
- {name: a, nodeSelector: {x: "1", y: z}}
- {name: b, nodeSelector: {x: "2"}, thresholds: {cpu: {requests: 50%}}}
exempt: {namespaces: [kube-system, infra]}
overrides: [{namespaces: [staging-*, test], mode: warn}, {namespaces: [test], mode: audit}]
"""


def changed(old: str, new: str) -> str:
    assert old in FULL
    return FULL.replace(old, new)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# a comment\n" + FULL, id="comment"),
        pytest.param(changed("requests: 75%", 'requests: "75.0%"'), id="notation"),
        pytest.param(changed("requests: 75%, limits: 100%", "limits: 100%, requests: 75%"), id="order of keys"),
        pytest.param(changed('{x: "1", y: z}', '{y: z, x: "1"}'), id="order of labels"),
        pytest.param(changed("[kube-system, infra]", "[infra, kube-system, infra]"), id="order in a set"),
        pytest.param(FULL + "mode: enforce\nnodes: {forgetDeletedAfter: 600s}", id="a default written out"),
        pytest.param(changed("y: z}}", "y: z}, reserve: {nodes: 1}}"), id="an inherited value written out"),
    ],
)
def test_texts_with_the_same_meaning_have_the_same_digest(text: str) -> None:
    assert digest(parse(text)) == digest(parse(FULL))


@pytest.mark.parametrize(("word", "items"), [("true", '["*"]'), ("false", "[]")])
def test_a_word_means_the_list_that_it_stands_for(word: str, items: str) -> None:
    one, other = (parse(SMALLEST + f"exempt: {{daemonSets: {written}}}") for written in (word, items))
    assert one == other
    assert one.exempt.covers_daemon_sets("anywhere") is (word == "true")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(changed("75%", "75.001%"), id="a share"),
        pytest.param(changed("[kube-system, infra]", "[kube-system]"), id="a set"),
        pytest.param(changed("y: z}}", "y: z}, reserve: {nodes: 2}}"), id="a reserve"),
        pytest.param(changed("name: a", "name: c"), id="a name"),
        pytest.param(FULL + "mode: audit", id="a mode"),
        pytest.param(
            changed(
                "{namespaces: [staging-*, test], mode: warn}, {namespaces: [test], mode: audit}",
                "{namespaces: [test], mode: audit}, {namespaces: [staging-*, test], mode: warn}",
            ),
            id="order of overrides",
        ),
    ],
)
def test_texts_with_another_meaning_have_another_digest(text: str) -> None:
    assert digest(parse(text)) != digest(parse(FULL))


@given(config=configs)
@settings(deadline=None)
def test_the_digest_is_short_and_survives_writing_and_reading(config: HeadroomConfig) -> None:
    assert digest(parse(render(config))) == digest(config)
    assert len(digest(config)) == 12


def test_the_digest_does_not_depend_on_the_process() -> None:
    """Replicas compare digests in their logs; each process seeds the hashes of text by itself."""
    imports = "from webhook.core.config.parse import parse\nfrom webhook.core.config.render import digest"
    program = f"{imports}\nprint(digest(parse({SMALLEST!r})))"
    line = [sys.executable, "-c", program]
    told = {
        subprocess.run(
            line, env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{digest(parse(SMALLEST))}\n"}
