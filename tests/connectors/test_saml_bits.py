"""No altered byte says anything else: a changed signed message is refused, or says exactly what it said before."""

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.connector import Inbound
from connectors.saml_sp.connector import SamlConnector
from policies.authentication import Assertion
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.forge import NOW, Reply, SigningParty, signed_reply

QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def judged(connector: SamlConnector, xml: bytes) -> Assertion | str:
    """The assertion of an answer, or the check that refused it."""
    try:
        return connector.receive(forge.post(xml), forge.expectation(), NOW)
    except AssertionRejected as refusal:
        return refusal.check


def said(assertion: Assertion) -> tuple[object, ...]:
    """All that a signature covers: the id of an unsigned Response is not among it."""
    return (assertion.subject, dict(assertion.offered.attributes), assertion.offered.loa, assertion.assertion_id)


@pytest.fixture(scope="module")
def messages(idp: SigningParty) -> list[bytes]:
    return [signed_reply(Reply(), idp, which) for which in ("response", "assertion", "both")]


def same_or_refused(connector: SamlConnector, genuine: bytes, altered: bytes) -> None:
    before, after = judged(connector, genuine), judged(connector, altered)
    assert isinstance(before, Assertion)
    if isinstance(after, Assertion):
        assert said(after) == said(before)
    else:
        assert after != "unforeseen"


@QUICK
@given(which=st.integers(0, 2), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_changes_nothing(
    connector: SamlConnector, messages: list[bytes], which: int, place: float, bit: int
) -> None:
    altered = bytearray(messages[which])
    altered[int(place * len(altered))] ^= 1 << bit
    same_or_refused(connector, messages[which], bytes(altered))


PIECES = (b" ", b"\n", b"<!--x-->", b"&#65;", b"&amp;", b"<x/>", b"xmlns=''", b"\xc3", b"]]>", b'"', b"<", b"\x00", b"A")


@QUICK
@given(
    which=st.integers(0, 2),
    place=st.floats(0, 1, exclude_max=True),
    cut=st.integers(0, 40),
    piece=st.sampled_from((b"", *PIECES)),
)
def test_bytes_cut_out_or_put_in_are_refused_or_change_nothing(
    connector: SamlConnector, messages: list[bytes], which: int, place: float, cut: int, piece: bytes
) -> None:
    genuine = messages[which]
    start = int(place * len(genuine))
    same_or_refused(connector, genuine, genuine[:start] + piece + genuine[start + cut :])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300))
def test_any_text_at_all_is_refused_by_name(connector: SamlConnector, text: str) -> None:
    for parameter in (text, base64.b64encode(text.encode(errors="surrogatepass")).decode()):
        with pytest.raises(AssertionRejected) as refusal:
            connector.receive(Inbound("post", {"SAMLResponse": parameter}), forge.expectation(), NOW)
        assert refusal.value.check != "unforeseen"
