"""A client's TLS certificate: how a proxy writes it, whether it may be used now, and which names it has."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.checks import CERTIFICATE_CHECKS
from connectors.client_certificate import canonical_name, certificate_in, judge_certificate
from policies.errors import AssertionRejected
from tests.connectors.client_certificates import DAY, NOW, SUBJECT, Key, der, escaped, made, rfc9440

KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = made(KEY)


def _check(octets: bytes, now: int = NOW) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        judge_certificate(octets, now)
    assert refusal.value.check in CERTIFICATE_CHECKS
    return refusal.value.check


@pytest.mark.spec("RFC 9440 §2.2")
def test_both_spellings_of_a_proxy_are_the_same_certificate() -> None:
    assert certificate_in(rfc9440(der(CERTIFICATE))) == certificate_in(escaped(CERTIFICATE)) == der(CERTIFICATE)


@pytest.mark.parametrize("header", ["", "(null)"])
def test_a_proxy_that_always_sends_the_header_says_so_where_there_is_no_certificate(header: str) -> None:
    assert certificate_in(header) == b""


@pytest.mark.parametrize(
    "header",
    [
        ":",
        ":not base64:",
        rfc9440(der(CERTIFICATE))[:-1],
        rfc9440(der(CERTIFICATE)) + ", " + rfc9440(der(CERTIFICATE)),
        escaped(CERTIFICATE)[:-20],
        escaped(CERTIFICATE) + escaped(CERTIFICATE),
        "-----BEGIN PRIVATE KEY-----",
        "%ff",
        ":" + "A" * 20_000 + ":",
    ],
)
def test_what_is_not_one_certificate_is_none(header: str) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        judge_certificate(certificate_in(header), NOW)
    assert refusal.value.check in CERTIFICATE_CHECKS


def test_dates_and_key_are_judged_here_whoever_verified_the_chain() -> None:
    assert judge_certificate(der(CERTIFICATE), NOW)
    assert _check(der(CERTIFICATE), NOW + 2 * DAY) == "certificate_dates"
    assert _check(der(CERTIFICATE), NOW - 2 * DAY) == "certificate_dates"
    weak: Key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - which has to be refused
    assert _check(der(made(weak))) == "certificate_key"
    assert _check(der(made(ec.generate_private_key(ec.SECP224R1())))) == "certificate_key"
    assert _check(der(CERTIFICATE)[:-1]) == "certificate_form"


@pytest.mark.spec("RFC 8705 §2.1.2")
@pytest.mark.parametrize(
    ("kind", "name", "held"),
    [
        ("subject_dn", SUBJECT, True),
        ("subject_dn", "C=EE,O=City of Storkhaven,CN=fare", False),
        ("subject_dn", "CN=fare", False),
        ("san_dns", "FARE.storkhaven.example", True),
        ("san_dns", "storkhaven.example", False),
        ("san_dns", "fare@storkhaven.example", False),
        ("san_uri", "https://fare.storkhaven.example/id", True),
        ("san_uri", "https://fare.storkhaven.example/ID", False),
        ("san_ip", "192.0.2.7", True),
        ("san_ip", "192.0.2.8", False),
        ("san_email", "fare@storkhaven.example", True),
        ("san_email", "fare.storkhaven.example", False),
    ],
)
def test_a_name_is_had_whole_and_in_its_own_kind(kind: str, name: str, *, held: bool) -> None:
    found = judge_certificate(der(CERTIFICATE), NOW)
    assert found.has(kind, canonical_name(kind, name)) is held


def test_a_certificate_without_names_has_none() -> None:
    bare = judge_certificate(der(made(KEY, names=())), NOW)
    assert not bare.has("san_dns", "fare.storkhaven.example")
    # A common name is no name of a host (RFC 9525 §2)
    in_subject = judge_certificate(der(made(KEY, subject="CN=fare.storkhaven.example", names=())), NOW)
    assert not in_subject.has("san_dns", "fare.storkhaven.example")


@pytest.mark.parametrize(("kind", "name"), [("subject_dn", "no name"), ("san_ip", "localhost"), ("other", "x"), ("", "")])
def test_what_is_no_name_of_its_kind_is_said(kind: str, name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        canonical_name(kind, name)


def test_openssls_names_of_a_subjects_parts_are_read() -> None:
    wanted = x509.Name(
        [x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, "12"), x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")]
    )
    assert canonical_name("subject_dn", "CN=x,serialNumber=12") == wanted.rfc4514_string()
