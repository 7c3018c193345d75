"""The reader of usual messages against the reader of all messages: it may say nothing, and never anything else."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from lxml import etree

from connectors.formats import saml, saml_usual
from connectors.formats.names import ENTITY
from connectors.formats.saml_message import AssertionMessage, ResponseMessage
from connectors.profiles import SAML2INT
from connectors.saml import RESPONSE, SamlConnector
from connectors.signatures.keys import key_of_certificate
from connectors.signatures.parse import canonical, parse_canonical, parse_message
from connectors.signatures.signed import Signed, SignedMessage
from connectors.signatures.xmldsig import verify
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.forge import NOW, Reply, SigningParty

Read = ResponseMessage | AssertionMessage

FRAGMENTS = [
    *(
        "<",
        ">",
        "&",
        '"',
        "'",
        "&amp;",
        "&#13;",
        "&#x3C;",
        "]]>",
        "<!---->",
        "<?x?>",
        "<![CDATA[x]]>",
        "\r",
        "\n",
        "\t",
        " ",
    ),
    *(
        "<saml:Attribute/>",
        "</saml:Attribute>",
        "</saml:AttributeValue>",
        "<saml:AttributeValue>",
        "<saml:Advice/>",
        "<x/>",
    ),
    *(
        ' Name="urn:x"',
        ' NameFormat="x">',
        ' xmlns="urn:x"',
        ' xmlns:saml="urn:x"',
        ' xsi:type="xs:string"',
        ' xsi:nil="true"',
    ),
    *(
        "saml:",
        "samlp:",
        "xs:",
        "xsi:",
        "2.0",
        "Z",
        ".123Z",
        "24:00:00",
        "2026-02-30T00:00:00Z",
        "_",
        "",
        "x" * 300,
        "Õ",
        "李",
    ),
    *('<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"></ds:Signature>', "<saml:Audience>x</saml:Audience>"),
    *('<saml:NameID Format="x">y</saml:NameID>', "<samlp:StatusMessage>x</samlp:StatusMessage>", ' ID="_x"', ' Format="x"'),
]
PREFIXES = ["saml", "saml2", "a", "", "ds", "Õ", "x-1.2_3"]

NAMES = ["", 'Format="x"', 'NameQualifier="a" SPNameQualifier="b"', 'SPProvidedID="c"']
TIMES = [forge.clock(NOW), "2026-11-25T10:00:00.5Z", "2026-11-25T10:00:00+02:00", "2026-02-30T00:00:00Z"]


def general(octets: bytes) -> Read:
    """What the reader of all messages says of a Response or an Assertion."""
    root = parse_canonical(octets)
    return saml._assertion(root) if root.tag == f"{{{forge.SAML}}}Assertion" else saml._response(root)


def usual(octets: bytes) -> Read | None:
    return saml_usual.usual_response(octets) or saml_usual.usual_assertion(octets)


def agree(octets: bytes) -> bool:
    """The two say the same, or the usual one nothing. Whether it said something."""
    found = usual(octets)
    if found is None:
        return False
    assert found == general(octets)
    return True


def plain(reply: Reply, *, protocol: str = "samlp", assertion: str = "saml") -> bytes:
    """The canonical octets of a Response, unsigned, its namespaces under other prefixes; "" is the default namespace."""
    text = reply.xml().decode()
    if not assertion:
        text = re.sub(r"<saml:(Assertion|Issuer)(?=[ >])", rf'<saml:\1 xmlns="{forge.SAML}"', text)
        text = re.sub(r"(</?)saml:", r"\1", text.replace(f'xmlns:saml="{forge.SAML}"', ""))
    renamed = {"samlp": protocol, "saml": assertion}
    text = re.sub(r"(</?|xmlns:)(samlp|saml)(?=[:=])", lambda match: match[1] + renamed[match[2]], text)
    return canonical(etree.fromstring(text.encode()))


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Good and odd answers."""
    text = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"], exclude_characters='<>&"'), max_size=12)
    count = draw(st.integers(0, 4))
    values = st.lists(text, max_size=3)
    attributes = [
        forge.attribute(draw(st.sampled_from(["urn:oid:2.5.4.4", "sn", ""])), *draw(values), name_format=draw(text))
        for _ in range(count)
    ]
    time = st.none() | st.integers(0, 4_000_000_000)
    return Reply(
        destination=draw(st.none() | text),
        in_response_to=draw(st.none() | text),
        issuer=draw(text),
        assertion_issuer=draw(text),
        issuer_attributes=draw(st.sampled_from(["", f' Format="{ENTITY}"', ' Format="x"'])),
        status=draw(text),
        status_detail=draw(st.sampled_from(["", "<samlp:StatusMessage>x</samlp:StatusMessage>"])),
        name_id=draw(text),
        name_id_attributes=draw(st.sampled_from(NAMES)),
        recipient=draw(st.none() | text),
        confirmed_from=draw(time),
        confirmed_until=draw(time),
        conditions_from=draw(time),
        conditions_until=draw(time),
        session_until=draw(time),
        issued=draw(st.sampled_from(TIMES)),
        attributes=attributes,
        context_inside=draw(st.sampled_from(["", "<saml:AuthenticatingAuthority>x</saml:AuthenticatingAuthority>"])),
        authn_statements=draw(st.sampled_from([1, 1, 1, 0, 2])),
    )


@given(replies(), st.sampled_from(PREFIXES), st.sampled_from(PREFIXES))
@example(Reply(), "saml", "samlp")
@example(Reply(), "p", "")
def test_both_readers_say_the_same_of_any_answer(reply: Reply, protocol: str, assertion: str) -> None:
    assume(protocol and protocol != assertion)
    octets = plain(reply, protocol=protocol, assertion=assertion)
    try:
        said = general(octets)
    except AssertionRejected:
        assert usual(octets) is None
        return
    assert usual(octets) in (None, said)


@given(st.data())
def test_both_readers_say_the_same_of_a_message_that_was_changed(data: st.DataObject) -> None:
    """Pieces are put in, taken out and put twice. Canonical or not, the usual reader never reads what a parser does not."""
    text = plain(data.draw(st.sampled_from([Reply(), Reply(attributes=()), Reply(session_until=None)]))).decode()
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(begin, min(len(text), begin + 40)))
        text = text[:begin] + data.draw(st.sampled_from([*FRAGMENTS, text[begin:end] * 2])) + text[end:]
    octets = text.encode()
    try:
        parse_message(octets)
        said = general(octets)
    except AssertionRejected:
        # Names are not refused as such: who reads octets that are not XML refuses them before
        try:
            parse_message(octets)
        except AssertionRejected:
            return
        assert usual(octets) is None
        return
    assert usual(octets) in (None, said)
    assert usual(canonical(parse_message(octets))) in (None, said)


@pytest.mark.parametrize("which", ["response", "assertion", "both"])
@pytest.mark.parametrize("prefixes", ["", "xs"])
def test_what_is_usually_sent_is_usual(idp: SigningParty, which: str, prefixes: str) -> None:
    xml = forge.signed_reply(replace(Reply(), attributes=PLAIN), idp, which, forge.How(prefixes=prefixes))
    message = verify(xml, [key_of_certificate(idp.certificate, SAML2INT)], RESPONSE, SAML2INT)
    assert isinstance(message, SignedMessage)
    assert agree(message.signed.octets)


@pytest.mark.parametrize("mark", ["_", "x", "0", " ", ">", "<", '"', "&", "\t", "\r", "Õ", ""])
def test_no_character_of_a_message_can_be_another_and_go_unnoticed(mark: str) -> None:
    """Each in turn is replaced. A wildcard where a letter should stand would read what the other reader refuses."""
    text = plain(replace(Reply(), attributes=(forge.attribute("urn:x", "y"),))).decode()
    for place in range(len(text)):
        octets = f"{text[:place]}{mark}{text[place + 1 :]}".encode()
        found = usual(octets)
        if found is not None:
            parse_message(octets)
            assert found == general(octets)


PLAIN = (forge.attribute("urn:oid:2.5.4.4", "Õunapuu-李"), forge.attribute("a", "b", "c"), forge.attribute("none"))


@pytest.mark.parametrize(
    ("edit", "is_usual"),
    [
        (lambda text: text, True),
        (lambda text: text.replace("samlp:", "p:").replace(":samlp=", ":p="), True),
        (lambda text: text.replace("Z", ".25Z", 3), True),
        (
            lambda text: text.replace(' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="xs:string"', ""),
            True,
        ),
        # In a value's own tag the prefix of the types means their namespace: nothing there is an AttributeValue
        (lambda text: text.replace("saml:", "xsi:").replace(":saml=", ":xsi="), False),
        (lambda text: text.replace("saml:", "xs:").replace(":saml=", ":xs="), False),
        (lambda text: text.replace(f'"{forge.SAML}"', '"urn:x"'), False),
        (lambda text: text.replace(f'"{forge.SAMLP}"', '"urn:x"'), False),
        (lambda text: text.replace('Version="2.0"', 'Version="2.1"', 1), False),
        (lambda text: text.replace("<saml:Audience>", "<saml:Audience>&#x41;"), False),
        (lambda text: text.replace('ID="_r', 'ID="1r'), False),
        (lambda text: text.replace(f'ID="{Reply().response_id}"', f'ID="_{"x" * 256}"'), False),
        (lambda text: text.replace("<saml:Issuer>", f"<saml:Issuer>{'x' * 257}"), False),
        (lambda text: text.replace(Reply().name_id, "x" * 1025), False),
        (lambda text: text.replace("T", "t", 1), False),
        (lambda text: f"{text}\n", False),
        (lambda text: f"<?xml version='1.0'?>{text}", False),
        (lambda text: text.replace("FriendlyName", "friendlyName"), False),
        (lambda text: text.replace(' Method="', ' method="'), False),
        (lambda text: text.replace("<saml:Conditions", " <saml:Conditions"), False),
        # The attributes and what follows are matched apart from what stands before them, and have its prefixes
        (lambda text: re.sub(r"<saml:AttributeStatement>.*</saml:AttributeStatement>", "", text), True),
        (lambda text: re.sub(r"(<saml:AttributeStatement>).*(</saml:AttributeStatement>)", r"\1\2", text), True),
        (lambda text: text.replace("<saml:AttributeStatement>", "<saml:AttributeStatement> "), False),
        (lambda text: text.replace("saml:Attribute", "x:Attribute"), False),
        (lambda text: text.replace("</saml:Assertion>", "</x:Assertion>"), False),
        (lambda text: text.replace("</samlp:Response>", "</x:Response>"), False),
        (lambda text: re.sub("<saml:AttributeS.*(?=</samlp)", lambda tail: tail[0].replace("saml:", "x:"), text), False),
        (lambda text: text.replace("</saml:Assertion>", "<saml:Strange></saml:Strange></saml:Assertion>"), False),
        (lambda text: text.replace("</samlp:Response>", "<saml:Strange></saml:Strange></samlp:Response>"), False),
        (lambda text: text.replace("</saml:Assertion>", "</saml:Assertion><saml:Strange></saml:Strange>"), False),
        (
            lambda text: text.replace("<saml:AttributeStatement>", "<saml:Advice></saml:Advice><saml:AttributeStatement>"),
            False,
        ),
    ],
)
def test_this_is_usual_and_that_is_not(edit: Callable[[str], str], *, is_usual: bool) -> None:
    octets = edit(plain(replace(Reply(), attributes=PLAIN)).decode()).encode()
    assert (saml_usual.usual_response(octets) is not None) is is_usual
    agree(octets)


def test_a_value_cannot_pretend_to_be_an_attribute() -> None:
    for value in (' Name="x" NameFormat="y"', 'a" Name="b', "/saml:AttributeValue", " saml:Attribute Name='x'"):
        octets = plain(replace(Reply(), attributes=(forge.attribute("a", value),)))
        found = saml_usual.usual_response(octets)
        if found is not None:
            assert found.assertions[0].attributes[0].values == (value,)


def test_what_is_not_usual_costs_no_more_than_what_is() -> None:
    """Nothing is taken back: a message that fails at its end is not tried again from each of its values."""
    octets = plain(replace(Reply(), attributes=[forge.attribute(f"a{number}", "x" * 500) for number in range(300)]))
    broken = octets.replace(b"</saml:AttributeStatement>", b"<saml:x></saml:x></saml:AttributeStatement>")
    assert usual(octets) is not None
    assert usual(broken) is None


@pytest.mark.spec("security.md §2.0 rule 8")
def test_the_accepted_octets_are_parsed_once_whoever_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = Signed(octets=plain(replace(Reply(), attributes=(forge.attribute("a", "&amp;"),))), key_id="k")
    tree = signed.tree()
    monkeypatch.setattr("connectors.signatures.signed.parse_canonical", lambda _octets: pytest.fail("parsed again"))
    assert signed.tree() is tree
    assert saml.read_signed_response(signed).assertions[0].attributes[0].values == ("&",)
    assert repr(signed) == "Signed(key_id='k')"


def test_a_message_reads_as_before_without_its_usual_reader(
    idp: SigningParty, connector: SamlConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    xml = forge.signed_reply(Reply(), idp)
    inbound = forge.post(xml)
    assert base64.b64decode(inbound.parameters["SAMLResponse"]) == xml
    receive = connector.receive
    accepted = receive(inbound, forge.expectation(), NOW)
    for name in ("usual_response", "usual_assertion"):
        monkeypatch.setattr(saml, name, lambda _octets: None)
    assert receive(inbound, forge.expectation(), NOW) == accepted
