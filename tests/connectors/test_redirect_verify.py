"""Signed queries of others: verified over the text as it came, and nothing of them is unpacked before."""

import base64
import zlib
from collections.abc import Sequence
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.profiles import EIDAS
from connectors.signatures.redirect import signed_query, verify_query
from connectors.signatures.verification_result import Signed
from policies.errors import AssertionRejected
from tests.connectors import crossing
from tests.connectors.crossing import file_signer, node, on_curve, pinned
from tests.connectors.forge import SigningParty

PSS_SHA256 = crossing.PSS.format(256)
REQUEST = b'<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_a"></samlp:AuthnRequest>'
Pairs = list[tuple[str, str]]


def deflated(octets: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(octets) + made.flush()


def encoded(octets: bytes) -> str:
    return quote(base64.b64encode(octets).decode(), safe="")


MESSAGE = encoded(deflated(REQUEST))


def signature(text: str, party: str = "peer", *, salt: int = 32) -> str:
    key = load_pem_private_key(node(party).pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return encoded(key.sign(text.encode(), PSS(MGF1(SHA256()), salt), SHA256()))


def signed(pairs: Pairs, order: Sequence[str] = (), party: str = "peer") -> str:
    """The query of these parameters as they are spelled, its signature last, or all in an order of the caller's."""
    text = "&".join(f"{name}={value}" for name, value in pairs)
    parts = dict([*pairs, ("Signature", signature(text, party))])
    return "&".join(f"{name}={parts[name]}" for name in (order or parts))


def of(message: str = MESSAGE, relay_state: str | None = None, algorithm: str = quote(PSS_SHA256, safe="")) -> Pairs:
    relay = [] if relay_state is None else [("RelayState", relay_state)]
    return [("SAMLRequest", message), *relay, ("SigAlg", algorithm)]


def verified(query: str) -> tuple[Signed, str]:
    return verify_query(query, "SAMLRequest", [pinned(node("stranger")), pinned(node("peer"))], EIDAS)


def check_of(query: str) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        verified(query)
    return refusal.value.check


@pytest.mark.spec("saml.md §1 redirect")
@pytest.mark.parametrize("relay_state", [None, "", "r", "a%20b", "a+b", "%C3%B5"])
def test_relay_state_is_signed_where_it_is_there_even_empty_and_not_where_it_is_not(relay_state: str | None) -> None:
    read, relay = verified(signed(of(relay_state=relay_state)))
    assert read.octets == REQUEST
    assert read.key_id == pinned(node("peer")).key_id
    assert relay == {None: "", "": "", "r": "r", "a%20b": "a b", "a+b": "a b", "%C3%B5": "õ"}[relay_state]
    other = signed(of(relay_state="" if relay_state is None else None))
    plain, extra = signed(of(relay_state=relay_state)), "&RelayState=" if relay_state is None else "&RelayState=evil"
    # Put in, left out and put in twice
    assert check_of(plain + extra) == ("signature" if relay_state is None else "parameters")
    assert (
        check_of(
            other.replace("&RelayState=", "") if relay_state is None else plain.replace(f"RelayState={relay_state}&", "")
        )
        == "signature"
    )


@pytest.mark.spec("saml.md §1 redirect")
def test_the_spelling_of_escapes_is_the_senders_and_is_signed() -> None:
    upper, lower, plain = (
        quote(PSS_SHA256, safe=""),
        quote(PSS_SHA256, safe="").replace("%3A", "%3a").replace("%2F", "%2f"),
        PSS_SHA256.replace("#", "%23"),
    )
    spellings = [upper, lower, plain, quote_plus(PSS_SHA256)]
    for spelling in spellings:
        query = signed(of(relay_state="%7e", algorithm=spelling))
        assert verified(query)[1] == "~"
        for other in set(spellings) - {spelling}:
            assert check_of(query.replace(f"SigAlg={spelling}", f"SigAlg={other}")) == "signature"
        assert check_of(query.replace("RelayState=%7e", "RelayState=~")) == "signature"
        assert check_of(query.replace("RelayState=%7e", "RelayState=%7E")) == "signature"


@pytest.mark.parametrize(
    "party",
    [node("peer"), *(on_curve(name) for name in (256, 384, 521, "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"))],
    ids=["RSA", "P-256", "P-384", "P-521", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"],
)
@pytest.mark.parametrize("relay_state", ["r&=+ õ%"])
def test_what_we_sign_is_verified(party: SigningParty, relay_state: str) -> None:
    query = signed_query("SAMLRequest", REQUEST, relay_state, file_signer(party), EIDAS)
    read, relay = verify_query(query, "SAMLRequest", [pinned(party)], EIDAS)
    assert (read.octets, relay) == (REQUEST, relay_state)
    assert ("RelayState" in query) is bool(relay_state)


@pytest.mark.spec("RFC 1951 §3.2.4")
def test_a_message_that_its_sender_only_stored_is_deflate_too() -> None:
    stored = zlib.compressobj(level=0, wbits=-15)
    packed = stored.compress(REQUEST) + stored.flush()
    assert REQUEST in packed
    assert verified(signed(of(encoded(packed))))[0].octets == REQUEST


def test_nothing_is_unpacked_for_somebody_whom_we_do_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr("connectors.signatures.redirect._inflated", never)
    assert check_of(signed(of(), party="another")) == "signature"


GOOD = signed(of(relay_state="a%2Fb"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(GOOD) - 1), bit=st.integers(0, 6))
def test_a_flipped_bit_is_refused_or_changes_nothing(place: int, bit: int) -> None:
    altered = GOOD[:place] + chr(ord(GOOD[place]) ^ (1 << bit)) + GOOD[place + 1 :]
    try:
        assert verified(altered) == verified(GOOD)
    except AssertionRejected:
        return
