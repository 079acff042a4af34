"""Formats: what programs read, and the HTML file, in which no user's text is markup."""

import csv
import json
from io import StringIO

import yaml

from tests.support.rows import GI, commitment, group, line, node, scope
from webhook.core.reporting.formats import csv_text, html_text, json_text, yaml_text
from webhook.core.reporting.tables import groups_table, nodes_table


def test_json_is_camel_case_with_whole_bytes_and_null_for_unknown() -> None:
    read = json.loads(json_text({"items": [node("node-1", 3 * GI, pods_max=None)]}))["items"][0]
    assert read["memory"]["requests"] == 3 * GI
    assert read["memory"]["requestsRatio"] == 0.375
    assert read["podsMax"] is None
    assert read["unboundedContainers"] == 0


def test_yaml_says_the_same() -> None:
    committed = commitment(scope("cluster", line(GI, 2 * GI)))
    assert yaml.safe_load(yaml_text(committed)) == json.loads(json_text(committed))


def test_csv_has_a_column_for_each_nested_field() -> None:
    rows = list(csv.DictReader(StringIO(csv_text([group("shop", GI), group("data", 0)]))))
    assert [row["memory.requests"] for row in rows] == [str(GI), "0"]
    assert csv_text([]) == ""


def test_csv_keeps_a_label_from_being_a_formula() -> None:
    rows = list(csv.DictReader(StringIO(csv_text([node("n", labels={"a": "=1+1"})]))))
    assert rows[0]["labels.a"] == "'=1+1"


def test_html_escapes_what_users_named() -> None:
    page = html_text("<t>", "<v>", ["<l>"], groups_table([group("<script>")], "NAMESPACE"))
    for text in ("<t>", "<v>", "<l>", "<script>"):
        assert text not in page
    assert "&lt;script&gt;" in page
    assert "<td" not in html_text("t", "v", [], nodes_table([]))
