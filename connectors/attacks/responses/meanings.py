"""Valid answers that say more, less or otherwise, as the standards leave it open."""

from collections.abc import Iterator
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.metadata_text import IDP
from connectors.attacks.responses import parties
from connectors.attacks.responses.binding import authenticated, signed_in_by, unasked
from connectors.attacks.responses.parties import SUBJECT_ATTRIBUTE
from connectors.attacks.responses.recipes import also, confirmed, said, sent
from connectors.attacks.responses.response_draft import Confirmation, ResponseDraft, attribute, audience
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, accepted, natural
from connectors.attacks.responses.subject import FAMILY_TYPE, family_name, two_statements
from connectors.attacks.xml_signer import before, part, without
from connectors.formats.eidas.address import write_address
from connectors.formats.eidas.registry import LEVEL_NOT_REACHED, NATURAL_PREFIX
from connectors.wire.names import ENTITY, PERSISTENT, TRANSIENT, X500
from policies.assurance import LevelOfAssurance
from policies.attributes import Address

MEANINGS, PERSONS = "valid meanings", "valid persons"


def valid_meanings(world: ResponseWorld) -> Iterator[AttackCase]:
    """An identity provider, or a node, may say more, less or otherwise."""
    at, plain = world.entrances, world.plain
    yield from accepted(MEANINGS, (*world.each, world.both), _ANYWHERE, _TIMES)
    yield from accepted(MEANINGS, (*plain, world.encrypted), _PROVIDERS, _VALUES)
    yield from accepted(MEANINGS, (world.assertion,), _AROUND)
    high = {"high-for-high": sent()}
    yield from accepted(MEANINGS, plain, high, entrance=at["high"])
    yield from accepted(MEANINGS, (world.eidas,), high, entrance=at["eidas high"])
    yield from accepted(MEANINGS, plain, {"persistent-for-persistent": sent()}, entrance=at["persistent"])
    yield from accepted(MEANINGS, plain, {"authenticated-when-it-was-forced": authenticated(-60)}, entrance=at["forced"])
    yield from accepted(MEANINGS, plain, {"authenticated-within-max-age": authenticated(-600)}, entrance=at["max age"])
    behind = {"signed-in-by-whom-the-registration-names": signed_in_by(parties.HOME)}
    yield from accepted(MEANINGS, (*plain, world.encrypted), behind, entrance=at["proxy"])
    yield from accepted(MEANINGS, plain, {"landing-that-nobody-asked-for": unasked()}, entrance=at["landing"])
    yield from accepted(MEANINGS, plain, _BY_ATTRIBUTE, entrance=at["by attribute"])


def valid_persons(world: ResponseWorld) -> Iterator[AttackCase]:
    """Persons across a border: scripts, types, and what a node may say beside the minimum data set."""
    yield from accepted(PERSONS, world.nodes, _NODES)
    yield from accepted(PERSONS, world.nodes, {"made-for-our-country": sent()}, entrance=world.entrances["eidas login"])
    modest = {"substantial-where-that-is-published": said(context=LevelOfAssurance.SUBSTANTIAL.uri)}
    yield from accepted(PERSONS, (world.eidas,), modest, entrance=world.entrances["eidas modest"])


def _more_confirmations(_: Setting, answer: ResponseDraft) -> ResponseDraft:
    """One by which a sender vouches, a bearer's elsewhere, and then ours."""
    own = answer.confirmation
    vouched = Confirmation(None, None, None, method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")
    elsewhere = replace(own, recipient="https://other.selftest.example/acs")
    return replace(answer, confirmation=vouched, subject_end=elsewhere.xml() + own.xml())


def _audiences(setting: Setting, _: ResponseDraft) -> str:
    return audience("https://other.selftest.example", parties.OUR_NODE if setting.eidas else parties.SP)


def _message(text: str) -> Make:
    return said(status_after=f"<samlp:StatusMessage>{text}</samlp:StatusMessage>")


_ADDRESS = ' Address="192.0.2.7"'
_LOCALITY = f'<saml:SubjectLocality{_ADDRESS} DNSName="home.selftest.example"/>'
_ENTITY = f' Format="{ENTITY}"'
_ANYWHERE: Makes = {
    "several-confirmations": said(_more_confirmations),
    "several-audiences": said(audiences=_audiences),
    "address-of-the-citizen": confirmed(more=_ADDRESS),
    "consent": said(response_more=' Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained"'),
    "words-beside-success": _message("Welcome."),
    "issuer-of-the-format-entity": said(issuer_more=_ENTITY, assertion_issuer_more=_ENTITY),
    "session-that-ends-later": said(session_until=lambda setting, _: setting.at(3600)),
    "substantial-for-substantial": said(context=LevelOfAssurance.SUBSTANTIAL.uri),
    "name-in-another-script": said(name_id="Μαρία-選-\U0001f600"),
    "name-with-references": said(name_id="a&amp;b&lt;c&#x20;d"),
    "name-with-white-space-around": said(name_id=" a name "),
    "locality": sent(spelled=before("<saml:AuthnContext>", _LOCALITY)),
}


def _zoned(suffix: str, hours: int) -> Make:
    """All times that were now, in another zone."""

    def told(setting: Setting, _: ResponseDraft) -> str:
        return setting.at(hours * 3600).removesuffix("Z") + suffix

    return said(issued=told, assertion_issued=told, authenticated=told)


_TIMES: Makes = {
    "fractions-of-seconds": _zoned(".1234567Z", 0),
    "zone-of-tallinn": _zoned("+02:00", 2),
    # At the very edge of what clocks may differ
    "response-at-the-edge-of-the-future": said(issued=lambda setting, _: setting.at(setting.skew)),
    "response-at-the-edge-of-age": said(issued=lambda setting, _: setting.at(-setting.oldest)),
    "conditions-at-their-begin": said(not_before=lambda setting, _: setting.at(setting.skew)),
    "conditions-at-their-end": said(
        not_before=lambda setting, _: setting.at(-setting.skew),
        not_on_or_after=lambda setting, _: setting.at(1 - setting.skew),
    ),
    "authenticated-an-hour-before": authenticated(-3600),
}
_QUALIFIED = f' Format="{PERSISTENT}" NameQualifier="{IDP}" SPNameQualifier="{parties.SP}" SPProvidedID="x"'


def _turned(text: str) -> str:
    attributes = part("saml:AttributeStatement")(text)
    return before("<saml:AuthnStatement", attributes)(text.replace(attributes, ""))


_PROVIDERS: Makes = {
    "conditions-that-only-begin": said(not_on_or_after=None),
    "conditions-that-only-end": said(not_before=None),
    "name-with-qualifiers": said(name_id_attributes=_QUALIFIED),
    "several-statements": sent(spelled=two_statements),
    "attributes-before-the-authentication": sent(spelled=_turned),
    "no-attributes": sent(spelled=without("saml:AttributeStatement")),
}
_NAME = "urn:oid:2.5.4.42"
_TARGETED = f'<saml:NameID Format="{PERSISTENT}" NameQualifier="{IDP}">t</saml:NameID>'
_VALUES: Makes = {
    "value-that-is-empty": also(attribute(_NAME, "")),
    "value-that-is-nil": also(attribute(_NAME, "", typed=' xsi:nil="true"')),
    "attribute-without-value": also(attribute(_NAME)),
    "several-values": also(attribute(_NAME, "Mari", "Maria", "Мария")),
    "value-of-100-kilobytes": also(attribute("urn:selftest:portrait", "A" * 100_000)),
    "value-in-many-scripts": also(attribute(_NAME, "Ωνάσης 李小龍 Õunapuu عبد الله \U0001f642 e\u0301")),
    "encoding-of-ldap": also(attribute(_NAME, "x", more=f' xmlns:x500="{X500}" x500:Encoding="LDAP"')),
    "targeted-id": also(attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", _TARGETED, typed="")),
}
# Nobody signed the Response around a signed assertion: it may be silent, and says nothing that is believed
_AROUND: Makes = {"no-issuer-around": said(issuer=None), "no-destination-around": said(destination=None)}
_TRANSIENT = f' Format="{TRANSIENT}"'
_OWN = attribute(SUBJECT_ATTRIBUTE, "urn:selftest:EE:1887")


def _known(name: str | None) -> Make:
    return said(name_id_attributes=name, attributes=lambda _, answer: (*answer.attributes, _OWN))


_BY_ATTRIBUTE: Makes = {"known-by-an-attribute": _known(_TRANSIENT), "known-by-an-attribute-without-a-name": _known(None)}
_HOME = Address(street="Pikk 1", postal_code="10123", locality="Tallinn", region="Harju", country="EE")
_LATIN = f"<saml:AttributeValue{FAMILY_TYPE}>Maasikas</saml:AttributeValue>"
_ORIGINAL = f'<saml:AttributeValue{FAMILY_TYPE} {{}}LatinScript="false">Маасикас</saml:AttributeValue>'
_IN_NAMESPACE = _ORIGINAL.format(f"{NATURAL_PREFIX}:")
_NODES: Makes = {
    "name-in-two-scripts": family_name(_IN_NAMESPACE + _LATIN),
    "name-in-two-scripts-turned": family_name(_LATIN + _IN_NAMESPACE),
    "script-without-its-namespace": family_name(_LATIN + _ORIGINAL.format("")),
    "name-without-type": family_name("<saml:AttributeValue>Maasikas</saml:AttributeValue>"),
    "address": also(natural("CurrentAddress", write_address(_HOME))),
    "gender-and-places": also(natural("Gender", "Female"), natural("PlaceOfBirth", "Tartu"), natural("Nationality", "EE")),
    "attribute-that-nobody-knows": also(attribute("http://eidas.europa.eu/attributes/sector/Shoe", "42", typed="")),
    "transient-name": said(name_id_attributes=_TRANSIENT),
    "words-of-a-failure-beside-success": _message(LEVEL_NOT_REACHED),
}
