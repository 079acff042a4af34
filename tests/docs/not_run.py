"""The commands on the pages that the test of the pages does not run, each with the reason. There are no others."""

import re
import shutil
from typing import NamedTuple


class Reason(NamedTuple):
    """`pattern` is matched against the whole command; where the program `needs` is there, it is run after all."""

    pattern: str
    why: str
    needs: str | None = None


NOT_RUN = (
    Reason(r"make (test|check)", "what runs these tests: .ci/run runs both on a fresh checkout"),
    Reason(
        r"make (unit|coverage)|\.venv/bin/python -m pytest tests/unit.*",
        "what runs the same tests as make test, or a part of them",
    ),
    Reason(
        r"make bench(-full)?|python -m benchmarks(\.memory)?( .*)?",
        "take 13 to 50 minutes; benchmarks has tests of its own",
    ),
    Reason(
        r"python -m tests\.model --runs 2000|python -m tests\.stress -k (flood|questions)",
        "minutes; part of make test in small",
    ),
    Reason(r"python -m tests\.support\.public_manifests .*", "needs clones of other projects from the network"),
    Reason(
        r"headroom (ui|dashboard)", "go on until they are ended; tests/unit/cli/test_ui.py and test_dashboard.py do"
    ),
    Reason(r"make release", "asks the network for the libraries of four platforms; tests/release makes one of them"),
    Reason(
        r"(pipx?|python3 -m pip) install .*|mv kubectl-headroom.* /usr/local/bin/.*",
        "change the machine; tests/release installs the package and runs the plugin's file",
    ),
    Reason(
        r"helm .*|kubectl delete namespace headroom-system",
        "no image runs here; tests/packaging/test_chart.py renders it, and tests/stress/test_lifecycle.py installs,"
        " upgrades, rolls back and uninstalls with Helm 3 and Helm 4",
    ),
    Reason(
        r"kubectl apply -k \.\./trial",
        "no image runs here; tests/stress/test_lifecycle.py applies this overlay, and what follows from it",
    ),
    Reason(r"make soak.*", "minutes; tests/stress/soak has each fault once"),
    Reason(r"make fuzz.*", "minutes; tests/fuzz runs each target for a moment"),
    Reason(r"make site", "tests/docs/test_site.py builds the site"),
    Reason(
        r"make demo KIND=1", "there is no Docker where the tests run; tests/demo/test_on_kind.py tells what it tells"
    ),
    Reason(r"make pages", "is this test itself, and writes"),
    Reason(r"make hashes", "asks the registry for digests; tests/image/test_dependencies.py holds them"),
    Reason(r"make docs", "writes what tests/unit/core/config/test_schema_docs.py and others hold"),
    Reason(r"kubectl describe node", "is named there, not to be typed: a node is missing"),
    Reason(r"kubectl delete --cascade=orphan", "is named there: tests/e2e/test_early_answers.py does it"),
    Reason(r"kubectl create job --from=cronjob/NAME", "is named there: tests/e2e/test_early_answers.py does it"),
    Reason(r"kubectl get pods -o yaml \| headroom footprint -f -", "is named there: -A is run in docs/install.md"),
    Reason(
        r"headroom trial audit\.jsonl", "tests/unit/cli/test_trial.py holds what is shown, from audit lines of its own"
    ),
    Reason(
        r"make mutants( .*)?|\.venv/bin/python -m tests\.mutation .*",
        "take 10 minutes to an hour; tests/mutation has tests of its own",
    ),
    Reason(
        r"docker .*", "there is no Docker where the tests run; tests/packaging/test_dockerfile.py reads the Dockerfile"
    ),
    Reason(
        r"make image(-test)?|\.venv/bin/python -m devcluster\.image .*|apt-get install .*",
        "builds the image: minutes, as root, with buildah; `make image-test` does it",
    ),
    Reason(
        r"make (demo REAL=1|real)|\.venv/bin/python -m devcluster\.realnode .*",
        "start real nodes: minutes, as root, with containerd; tests/devcluster/realnode tests what needs none of that",
    ),
    Reason(r"\.venv/bin/locust .*", "20 seconds and a minute; tests/demo/test_load.py runs both files"),
    Reason(
        r"kubectl -n demo port-forward .*",
        "nothing listens in a pod of a simulated node; docs/install.md has one that is run",
    ),
    Reason(
        r"(openssl|printf 'extended) .*|.*--from-file=ca\.crt=clients-ca\.crt",
        "there is no openssl here",
        needs="openssl",
    ),
    Reason(
        r"headroom certs rotate.*|kubectl -n headroom-system annotate secret headroom-certificate .*",
        "needs an installation whose certificates look after themselves: tests/stress/test_rotation.py rotates one",
    ),
    Reason(r".*\| jq .*", "there is no jq here", needs="jq"),
)
# These words of make are run elsewhere; the test sees that they are there at all.
MADE = (
    *("test", "check", "unit", "coverage", "bench", "bench-full", "mutants", "docs", "hashes", "image", "image-test"),
    "real",
    "release",
)


def reason(command: str) -> str | None:
    """Why this command is not run; None if it is."""
    text = command.partition("#")[0].strip()
    matching = (each for each in NOT_RUN if re.fullmatch(each.pattern, text, re.DOTALL))
    return next((each.why for each in matching if each.needs is None or shutil.which(each.needs) is None), None)
