"""Whoever copies the commands of README.md and docs/, in their order, gets what the pages show."""

import re

import pytest
import yaml

from tests.docs import blocks, following, not_run, tour
from tests.docs.clone import CHECKOUT
from tests.docs.tour import Tour
from webhook.core.config.parse import parse


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """Every page, followed once."""
    done = Tour(tmp_path_factory.mktemp("pages"))
    done.readme()
    done.installation()
    return done


@pytest.mark.live
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", tour.PAGES)
def test_each_command_of_a_page_does_what_the_page_shows(followed: Tour, page: str) -> None:
    assert followed.problems[page] == [], "\n\n".join(followed.problems[page])


def test_each_page_with_commands_is_followed() -> None:
    """A new page is, without a word about it anywhere; that those are found at all is what this holds."""
    assert set(tour.PAGES) >= {"README.md", "demo/README.md", "docs/install.md", "docs/workloads.md", "docs/events.md"}
    left = [page for page in tour.ALL if page not in tour.PAGES]
    assert [each for page in left for each in following.commands(CHECKOUT / page, to_run=True)] == []


def one_line(command: str) -> str:
    return " ".join(command.replace("\\\n", " ").split())


@pytest.mark.parametrize("page", tour.ALL)
def test_a_command_in_the_running_text_is_one_that_is_run(page: str) -> None:
    run = [one_line(each) for other in tour.ALL for each in following.commands(CHECKOUT / other)]
    said = blocks.inline((CHECKOUT / page).read_text())
    assert [each for each in said if not any(each in other for other in run) and not not_run.reason(each)] == []


@pytest.mark.parametrize("page", tour.ALL)
def test_no_block_hides_from_the_test(page: str) -> None:
    assert blocks.indented((CHECKOUT / page).read_text()) == []


def test_each_reason_for_not_running_is_still_needed() -> None:
    texts = [one_line(each) for page in tour.ALL for each in following.commands(CHECKOUT / page)]
    texts += [each for page in tour.ALL for each in blocks.inline((CHECKOUT / page).read_text())]
    for each in not_run.NOT_RUN:
        assert any(re.fullmatch(each.pattern, text.split("#")[0].strip()) for text in texts), each


def test_what_ci_runs_itself_is_what_the_list_says() -> None:
    assert (CHECKOUT / ".ci/run").read_text().splitlines()[-2:] == ["make check", "make test"]
    made = (CHECKOUT / "Makefile").read_text()
    assert all(re.search(rf"^{word}:", made, re.MULTILINE) for word in not_run.MADE)


def test_the_refusal_that_the_readme_begins_with_is_the_one_that_is_seen() -> None:
    page = (CHECKOUT / tour.README).read_text()
    quoted = [" ".join(each.lines) for each in blocks.blocks(page) if each.language == "text"]
    shown = [" ".join(step.shown or ()) for step in blocks.steps(page) if isinstance(step, blocks.Command)]
    assert quoted
    assert all(each in shown for each in quoted)


def test_the_sample_of_the_installation_keeps_both_thresholds() -> None:
    page = blocks.steps((CHECKOUT / tour.INSTALL).read_text())
    [kustomization] = [
        step for step in page if isinstance(step, blocks.File) and step.name.endswith("my-cluster/kustomization.yaml")
    ]
    texts = [yaml.safe_load(each["patch"]) for each in yaml.safe_load(kustomization.text)["patches"]]
    [config] = [each["data"]["config.yaml"] for each in texts if isinstance(each, dict)]
    memory = parse(config).thresholds.memory
    assert memory.requests is not None
    assert memory.limits is not None
