"""What may stand in a certificate as a name."""

from ipaddress import ip_address

import pytest
from cryptography.x509.oid import NameOID

from certs import names
from certs.names import Names


def test_names_are_read_in_lower_case_and_once() -> None:
    assert names.parse(["A.svc", "a.svc", "*.b.svc"], ["127.0.0.1", "fd00::1", "127.0.0.1"]) == Names(
        ("a.svc", "*.b.svc"), (ip_address("127.0.0.1"), ip_address("fd00::1"))
    )


@pytest.mark.parametrize(
    ("dns", "ips", "said"),
    [
        ([], [], "at least one name"),
        (["10.0.0.1"], [], "--ip"),
        (["fd00::1"], [], "--ip"),
        (["a.svc."], [], "not a DNS name"),
        (["a..svc"], [], "not a DNS name"),
        (["a.*.svc"], [], "not a DNS name"),
        (["-a"], [], "not a DNS name"),
        (["a b"], [], "not a DNS name"),
        (["a\n"], [], "not a DNS name"),
        (["ä.svc"], [], "not a DNS name"),
        (["a" * 64], [], "not a DNS name"),
        ([".".join(["a" * 50] * 6)], [], "not a DNS name"),
        ([], ["localhost"], "--dns"),
        ([], ["10.0.0.0/8"], "not an IP address"),
    ],
)
def test_a_wrong_name_is_refused_with_what_would_be_right(dns: list[str], ips: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        names.parse(dns, ips)


def test_order_does_not_make_names_differ() -> None:
    assert names.parse(["a", "b"], []).same_as(names.parse(["b", "a"], []))
    assert not names.parse(["a", "b"], []).same_as(names.parse(["a"], []))
    assert not names.parse(["a"], ["::1"]).same_as(names.parse(["a"], ["::2"]))


def test_the_subject_is_the_first_name_that_a_common_name_can_hold() -> None:
    long = ".".join(["a" * 33] * 2)
    assert [each.value for each in names.parse([long, "b"], []).subject] == ["b"]
    assert names.parse([], ["::1"]).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "::1"
    assert not list(names.parse([long], []).subject)
