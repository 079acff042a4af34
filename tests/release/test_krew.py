"""The manifest that krew reads: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/."""

import hashlib
from pathlib import Path

import yaml

import webhook
from release import krew


def test_it_names_each_archive_with_its_checksum_and_platform(tmp_path: Path) -> None:
    archives = {name: tmp_path / f"kubectl-headroom-{name}.tar.gz" for name in ("linux-amd64", "darwin-arm64")}
    for name, file in archives.items():
        file.write_text(name)
    found = yaml.safe_load(krew.manifest(archives))
    assert (found["kind"], found["metadata"]["name"]) == ("Plugin", "headroom")
    assert found["spec"]["version"] == f"v{webhook.__version__}"
    assert len(found["spec"]["shortDescription"]) <= 60
    darwin, linux = found["spec"]["platforms"]
    assert darwin["selector"]["matchLabels"] == {"os": "darwin", "arch": "arm64"}
    assert linux["selector"]["matchLabels"] == {"os": "linux", "arch": "amd64"}
    assert linux["uri"].endswith(f"/v{webhook.__version__}/kubectl-headroom-linux-amd64.tar.gz")
    assert linux["sha256"] == hashlib.sha256(b"linux-amd64").hexdigest()
    assert linux["bin"] == linux["files"][0]["from"] == "kubectl-headroom"
