"""Signed queries of others: verified over the text as it came, and nothing of them is unpacked before."""

import base64
import zlib
from collections.abc import Sequence
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.parse import MAX_OCTETS
from connectors.signatures.redirect import DEFLATE, signed_query, verify_query
from connectors.signatures.verification_result import Signed
from policies.errors import AssertionRejected, SignatureInvalid
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


@pytest.mark.parametrize(
    "order", [("Signature", "SigAlg", "RelayState", "SAMLRequest"), ("RelayState", "SAMLRequest", "Signature", "SigAlg")]
)
def test_the_order_in_the_query_does_not_matter_and_that_of_the_signature_is_fixed(order: tuple[str, ...]) -> None:
    assert verified(signed(of(relay_state="r"), order))[1] == "r"
    turned = [("RelayState", "r"), ("SAMLRequest", MESSAGE), ("SigAlg", quote(PSS_SHA256, safe=""))]
    assert check_of(signed(turned)) == "signature"


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


def test_a_query_that_nobody_signed_or_somebody_else_is_refused() -> None:
    unsigned = "&".join(f"{name}={value}" for name, value in of())
    assert check_of(unsigned) == "signature_missing"
    assert check_of(f"SAMLRequest={MESSAGE}&Signature=eA%3D%3D") == "signature_missing"
    assert check_of(f"{unsigned}&Signature=") == "signature_value"
    assert check_of(f"{unsigned}&Signature=*") == "signature_value"
    assert check_of(f"{unsigned}&Signature=eA%3D%3D") == "signature"
    assert check_of(signed(of(), party="another")) == "signature"
    with pytest.raises(SignatureInvalid):
        verify_query(signed(of()), "SAMLRequest", [pinned(node("stranger"))], EIDAS)
    with pytest.raises(ValueError, match="without keys"):
        verify_query(signed(of()), "SAMLRequest", [], EIDAS)
    with pytest.raises(AssertionRejected) as refusal:
        verify_query(signed(of()), "RelayState", [pinned(node("peer"))], EIDAS)
    assert refusal.value.check == "parameters"


@pytest.mark.spec("eidas.md §7 PSS parameters")
@pytest.mark.parametrize("salt", [0, 31, 64])
def test_a_salt_of_another_length_than_the_hash_is_refused(salt: int) -> None:
    text = "&".join(f"{name}={value}" for name, value in of())
    assert check_of(f"{text}&Signature={signature(text, salt=salt)}") == "signature"
    assert verified(f"{text}&Signature={signature(text)}")[0].octets == REQUEST


@pytest.mark.spec("eidas.md §7 refused; eidas.md §7 PKCS1 and SHA-1 refused; eidas.md §8 9")
def test_pkcs_1_is_refused_by_its_name_under_eidas_and_taken_under_saml2int() -> None:
    uri = f"{crossing.MORE}rsa-sha512"
    pairs = of(algorithm=quote(uri, safe=""))
    text = "&".join(f"{name}={value}" for name, value in pairs)
    key = load_pem_private_key(node("peer").pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    query = f"{text}&Signature={encoded(key.sign(text.encode(), PKCS1v15(), SHA512()))}"
    assert check_of(query) == "signature_algorithm"
    assert verify_query(query, "SAMLRequest", [pinned(node("peer"), SAML2INT)], SAML2INT)[0].octets == REQUEST
    with pytest.raises(SignatureInvalid) as refusal:
        verify_query(signed(of()), "SAMLRequest", [pinned(node("peer"), SAML2INT)], SAML2INT)
    assert refusal.value.check == "signature_algorithm"
    for name in ("rsa-sha1", "hmac-sha256", "none", ""):
        assert check_of(signed(of(algorithm=quote(f"{crossing.MORE}{name}", safe="")))) == "signature_algorithm"


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


def test_the_message_is_deflate_in_one_piece_and_bounded() -> None:
    def sent(packed: bytes) -> str:
        return check_of(signed(of(encoded(packed))))

    packed = deflated(REQUEST)
    assert sent(packed + b"x") == "deflate"
    assert sent(packed + packed) == "deflate"
    assert sent(packed[:-1]) == "deflate"
    assert sent(zlib.compress(REQUEST)) == "deflate"
    assert sent(REQUEST) == "deflate"
    # A bomb: a thousand to one
    assert sent(deflated(b"<a>" + b" " * 50_000_000 + b"</a>")) == "size"
    inside = b"<a>" + b" " * (MAX_OCTETS - 7) + b"</a>"
    assert len(verified(signed(of(encoded(deflated(inside)))))[0].octets) == MAX_OCTETS
    assert sent(deflated(inside + b" ")) == "size"
    assert check_of(signed(of("!!!"))) == "base64"
    assert check_of(signed(of("a%20b%3D%3D"))) == "base64"
    assert check_of(signed(of("")) + "&") == "parameters"
    assert check_of(signed(of(""))) == "base64"


@pytest.mark.parametrize("encoding", [quote(DEFLATE, safe="")])
def test_the_encoding_may_be_named_and_is_deflate(encoding: str) -> None:
    assert verified(f"{signed(of())}&SAMLEncoding={encoding}")[0].octets == REQUEST
    assert check_of(f"{signed(of())}&SAMLEncoding={encoding}x") == "deflate"
    assert check_of(f"{signed(of())}&SAMLEncoding=") == "deflate"


def test_nothing_is_unpacked_for_somebody_whom_we_do_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr("connectors.signatures.redirect._inflated", never)
    assert check_of(signed(of(), party="another")) == "signature"


def test_what_comes_out_is_canonical() -> None:
    read, _ = verified(signed(of(encoded(deflated(b"<?xml version='1.0'?>\n<a  b='1'/>")))))
    assert read.octets == b'<a b="1"></a>'


GOOD = signed(of(relay_state="a%2Fb"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(GOOD) - 1), bit=st.integers(0, 6))
def test_a_flipped_bit_is_refused_or_changes_nothing(place: int, bit: int) -> None:
    altered = GOOD[:place] + chr(ord(GOOD[place]) ^ (1 << bit)) + GOOD[place + 1 :]
    try:
        assert verified(altered) == verified(GOOD)
    except AssertionRejected:
        return
