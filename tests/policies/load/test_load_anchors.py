"""Anchors and lists of revoked certificates in a registration: files beside it, each fault with its line and key."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import Misconfigured, Problem
from policies.load import load
from policies.load.peers import ders_of_pem
from policies.parties import Peer, ProviderId
from tests.policies.load.files import COUNTRY_NODE, NODE, PEM, PROVIDER, files

LV, NL, EE = "providers/lv.toml", "nodes/nl.toml", "providers/demo-ee.toml"
DER = base64.b64decode("".join(PEM.splitlines()[1:-1]))
OTHER = b"\x30\x03abc"
ANCHORS = 'anchors = "metadata/anchors.pem"\n'
LISTS = 'revocation = ["metadata/root.crl", "metadata/lists.pem"]\n'


def block(der: bytes, label: str = "CERTIFICATE") -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(der) + f"-----END {label}-----\n".encode()


CRL = block(b"\x30\x01a", "X509 CRL")
BESIDE = {
    "metadata/anchors.pem": PEM.encode() + block(OTHER),
    "metadata/root.crl": b"\x30\x02ab",
    "metadata/lists.pem": CRL + block(b"\x30\x01b", "X509 CRL"),
}
BASES = {LV: COUNTRY_NODE, NL: NODE}


def with_keys(file: str, keys: str, **beside: bytes) -> dict[str, bytes]:
    """A configuration whose `file` has these keys first."""
    return {**files(**{file: keys + BASES[file]}), **BESIDE, **beside}


def peer_of(file: str, found: dict[str, bytes]) -> Peer:
    configuration = load(found)
    peer = configuration.providers[ProviderId("lv")].peer if file == LV else next(iter(configuration.nodes.values())).peer
    assert isinstance(peer, Peer)
    return peer


def problems(found: dict[str, bytes]) -> tuple[Problem, ...]:
    with pytest.raises(Misconfigured) as caught:
        load(found)
    return caught.value.problems


@pytest.mark.parametrize("file", [LV, NL])
def test_anchors_and_lists_are_read_in_their_order(file: str) -> None:
    peer = peer_of(file, with_keys(file, ANCHORS + LISTS))
    assert peer.anchors == (DER, OTHER)
    assert peer.revocation == (
        ("metadata/root.crl", b"\x30\x02ab"),
        ("metadata/lists.pem", b"\x30\x01a"),
        ("metadata/lists.pem", b"\x30\x01b"),
    )
    assert "anchors" not in repr(peer)


@pytest.mark.parametrize("file", [LV, NL])
def test_without_the_keys_nothing_is_asked_of_certificates(file: str) -> None:
    peer = peer_of(file, files())
    assert (peer.anchors, peer.revocation) == ((), ())


@pytest.mark.parametrize("file", [NL])
@pytest.mark.parametrize(
    ("keys", "line", "key", "what"),
    [
        ('anchors = "metadata/absent.pem"\n', 1, "anchors", "there is no file"),
        ('anchors = ""\n', 1, "anchors", "must be text"),
        ('anchors = "metadata/root.crl"\n', 1, "anchors", "something else than certificates"),
        (ANCHORS + 'revocation = [\n"metadata/root.crl",\n"metadata/x.crl"]\n', 4, "revocation", "there is no file"),
        (ANCHORS + "revocation = []\n", 2, "revocation", "empty means nothing"),
        (ANCHORS + 'revocation = "metadata/root.crl"\n', 2, "revocation", "must be a list"),
        (ANCHORS + 'revocation = ["metadata/root.crl", "metadata/root.crl"]\n', 2, "revocation", "twice"),
        (ANCHORS + 'revocation = ["metadata/anchors.pem"]\n', 2, "revocation", "something else than lists"),
        (LISTS, 1, "revocation", "is nothing without anchors"),
    ],
)
def test_each_fault_has_its_line_and_key(file: str, keys: str, line: int, key: str, what: str) -> None:
    (found,) = problems(with_keys(file, keys))
    assert (found.file, found.line, found.key) == (file, line, key)
    assert what in found.what
    assert found.fix


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "something else than certificates"),
        (b"text\n" + PEM.encode(), "something else than certificates"),
        (PEM.encode() + CRL, "something else than certificates"),
        (PEM.encode() + block(OTHER, "EC PRIVATE KEY"), "private key"),
        (b"".join(block(bytes([0x30, 1, number])) for number in range(9)), "holds 9 certificates"),
    ],
)
def test_a_file_of_anchors_holds_certificates_in_pem_and_nothing_else(content: bytes, what: str) -> None:
    (found,) = problems(with_keys(LV, ANCHORS, **{"metadata/anchors.pem": content}))
    assert (found.key, what in found.what) == ("anchors", True)
    assert "MII" not in str(found)


@pytest.mark.parametrize("content", [b"", b"\x30\x02a", b"\x30\x02abc", CRL + b"x"])
def test_a_list_is_one_in_der_or_some_in_pem(content: bytes) -> None:
    (found,) = problems(with_keys(NL, ANCHORS + 'revocation = ["metadata/root.crl"]\n', **{"metadata/root.crl": content}))
    assert (found.key, "or one in DER" in found.what) == ("revocation", True)


def test_a_pinned_identity_provider_has_no_anchors() -> None:
    """Its keys are pinned by hand, and certificates are containers (SAML V2.0 Metadata Interoperability Profile §2.6.1)."""
    found = problems({**files(**{EE: ANCHORS + LISTS + PROVIDER}), **BESIDE})
    assert {(one.line, one.key) for one in found} == {(1, "anchors"), (2, "revocation")}
    assert all('is not for protocol = "saml"' in one.what for one in found)


def test_line_ends_are_any() -> None:
    for content in (PEM.encode(), PEM.replace("\n", "\r\n").encode(), PEM.rstrip().encode()):
        assert ders_of_pem(content, b"CERTIFICATE") == ((DER,), "")


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_file_is_read_or_a_fault(content: bytes) -> None:
    for octets in (content, block(content), block(content, "X509 CRL")):
        for label in (b"CERTIFICATE", b"X509 CRL"):
            ders, fault = ders_of_pem(octets, label)
            assert bool(ders) != bool(fault)
