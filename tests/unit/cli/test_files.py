"""Manifests from files and folders, as one text."""

from pathlib import Path

import click
import pytest

from webhook.cli.files import read, text_of


def test_documents_are_kept_apart_and_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.json", "c.txt"):
        (tmp_path / name).write_text(name)
    assert text_of((tmp_path,), recursive=False) == "a.json\n---\nb.yaml"
    assert text_of((tmp_path / "c.txt", tmp_path / "b.yaml"), recursive=False) == "c.txt\n---\nb.yaml"


def test_a_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="cannot be read"):
        read(tmp_path)
