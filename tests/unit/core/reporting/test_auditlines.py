"""Reading audit lines: of both schemas, among other text, cut off, and of another Headroom's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.reporting.lines import Fields, decision, dropped, of_schema_1, text
from webhook.core.reporting.auditlines import AuditLine, Faulty, read


@pytest.mark.parametrize(
    ("fields", "owner"),
    [
        (decision(), ("Deployment", "web")),
        (decision(top_owner_kind=None, top_owner_name=None), ("ReplicaSet", "web-abc")),
        (of_schema_1(), ("ReplicaSet", "web-abc")),
        (of_schema_1(owner_kind=None, owner_name=None, name="alone"), ("Pod", "alone")),
    ],
)
def test_whose_pod_it_is_as_people_look_at_it(fields: Fields, owner: tuple[str, str]) -> None:
    line = read(text(fields))
    assert isinstance(line, AuditLine)
    assert line.owner == owner


@pytest.mark.parametrize("before", [b"[pod/headroom-1/headroom] ", b"2026-01-02T03:04:05.000000000Z ", b""])
def test_a_line_may_stand_behind_what_kubectl_puts_before_it(before: bytes) -> None:
    assert isinstance(read(before + text(decision())), AuditLine)


@pytest.mark.parametrize(
    "other",
    [
        b"\n",
        b"2026-01-02 03:04:05 INFO webhook.manager ready\n",
        b'{"time":"2026-01-02T03:04:05Z","level":"INFO","message":"ready"}\n',
        b'{"ts":"2026-01-02T03:04:05Z","level":"INFO","message":"ready"}\n',
        text(decision(event="started")),
    ],
)
def test_what_is_of_another_log_is_no_damage(other: bytes) -> None:
    assert read(other) is Faulty.OTHER


@pytest.mark.parametrize(
    "damaged",
    [
        text(decision())[:-20],
        text(decision())[:40],
        b'{"ts',
        text(decision(uid="")),
        text(decision(uid=7)),
        text(decision(schema=0)),
        text({"ts": "2026-01-02T03:04:05Z", "schema": 2}),
        text(decision(ts="")),
        text(decision()).replace(b"shop", b"sh\xff"),
        b'{"ts":' + b"[" * 100_000,
    ],
)
def test_what_is_cut_off_or_changed_is_damage(damaged: bytes) -> None:
    assert read(damaged) is Faulty.DAMAGED


def test_what_a_newer_headroom_wrote_is_left_to_it() -> None:
    assert read(text(decision(schema=3))) is Faulty.NEWER


def test_a_field_that_is_new_is_no_matter() -> None:
    assert isinstance(read(text(decision(more={"of": ["it"]}))), AuditLine)


def test_lines_about_lost_lines_are_read() -> None:
    line = read(text(dropped(7)))
    assert isinstance(line, AuditLine)
    assert (line.event, line.lines) == ("dropped", 7)


@given(st.binary(max_size=200))
def test_anything_can_be_read(noise: bytes) -> None:
    assert isinstance(read(noise), Faulty)


@given(st.integers(0, 400))
def test_wherever_a_line_is_cut_it_is_damage_or_another_log(length: int) -> None:
    whole = text(decision()).rstrip()
    assert read(whole[: min(length, len(whole) - 1)]) in (Faulty.DAMAGED, Faulty.OTHER)
