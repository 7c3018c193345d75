"""Subjects: identifiers, levels of assurance, and persons across a border."""

from collections.abc import Iterator
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.parties import SUBJECT_ATTRIBUTE
from connectors.attacks.responses.recipes import also, each, said, sent, spelled
from connectors.attacks.responses.response_draft import ResponseDraft, attribute
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, natural, refused
from connectors.attacks.xml_signer import without
from connectors.formats.eidas.registry import (
    LEGAL_PERSON,
    NATURAL_PERSON,
    NATURAL_PREFIX,
    REPRESENTATIVE_LEGAL_PERSON,
    REPRESENTATIVE_NATURAL_PERSON,
)
from connectors.wire.names import PERSISTENT, TRANSIENT, UNSPECIFIED
from policies.assurance import LevelOfAssurance
from policies.errors import PeerUnavailable

NAME, LEVEL, PERSON = "name identifier", "level of assurance", "person across a border"
_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"


def names(world: ResponseWorld) -> Iterator[AttackCase]:
    """One identifier, as it is, of a format that identifies for good."""
    providers = (*world.plain, world.encrypted)
    yield from refused(NAME, providers, _NAMES)
    yield from refused(NAME, world.nodes, _NODE_NAMES)
    yield from refused(NAME, world.each, _NAME_FORMS)
    # The NameID never stands in for the attribute by which a registration knows its subjects
    by_attribute = {f"by-attribute-{what}": also(*each_of) for what, each_of in _BY_ATTRIBUTE.items()}
    of_nobody = f'<saml:NameID Format="{TRANSIENT}">victim</saml:NameID>'
    transient = {"by-attribute-a-transient-name": also(attribute(SUBJECT_ATTRIBUTE, of_nobody, typed=""))}
    by_attributes: Table = {"name_id": by_attribute, "name_id_format": transient}
    yield from refused(NAME, world.plain, by_attributes, entrance=world.entrances["by attribute"])
    asked: Table = {
        "name_id_format": {
            "transient-for-persistent": _formatted(TRANSIENT),
            "unspecified-for-persistent": _formatted(UNSPECIFIED),
        }
    }
    yield from refused(NAME, (world.eidas,), asked, entrance=world.entrances["eidas login"])
    yield from refused(NAME, providers, asked, entrance=world.entrances["persistent"])


def levels(world: ResponseWorld) -> Iterator[AttackCase]:
    """A level is one of the registration's, is reached, and is never guessed."""
    unknown = each(lambda context: said(context=context), _UNKNOWN)
    yield from refused(LEVEL, world.each, {"authn_context_unknown": unknown})
    low = {"low-for-substantial": said(context=LevelOfAssurance.LOW.uri)}
    yield from refused(LEVEL, world.all, {"authn_context_too_low": low})
    lower: Table = {"authn_context_too_low": {"substantial-for-high": said(context=LevelOfAssurance.SUBSTANTIAL.uri)}}
    yield from refused(LEVEL, world.plain, lower, entrance=world.entrances["high"])
    yield from refused(LEVEL, (world.eidas,), lower, entrance=world.entrances["eidas high"])
    above: Table = {"authn_context_unpublished": {"above-what-is-published": sent()}}
    yield from refused(LEVEL, (world.eidas,), above, entrance=world.entrances["eidas modest"])
    yield from refused(LEVEL, world.all, {"authn_statement": _STATEMENTS})
    yield from refused(LEVEL, world.each, _CONTEXTS)


def persons(world: ResponseWorld) -> Iterator[AttackCase]:
    """A node speaks for its own country's citizens, and says the whole minimum data set in its types."""
    yield from refused(PERSON, world.nodes, _PERSONS)
    yield from refused(PERSON, (world.eidas,), _VALUES)
    elsewhere: dict[str, Table] = {
        "eidas login": {"identifier_recipient": {"identifier-for-another-country": _identified("EE/FR/1")}},
        # The node speaks of the citizens of the country that it is registered for, and says that it is another's
        "eidas moved": {"node_country": {"node-of-another-country": _identified("LV/NL/1")}},
        "eidas nowhere": {"node_country": {"node-of-no-country": sent()}},
        "eidas older": {PeerUnavailable.code: {"node-of-another-version": sent()}},
    }
    for entrance, table in elsewhere.items():
        yield from refused(PERSON, world.nodes, table, entrance=world.entrances[entrance])


def _formatted(uri: str, more: str = "") -> Make:
    return said(name_id_attributes=f' Format="{uri}"{more}')


def _name(text: str) -> Make:
    return said(name_id=text)


_NODE_NAMES: Table = {
    "name_id": {"none": said(name_id_attributes=None), "empty": _name(""), "of-257-signs": _name("x" * 257)},
    "name_id_format": {"e-mail": _formatted(_EMAIL)},
}
_NAMES: Table = {
    "name_id": {
        **_NODE_NAMES["name_id"],
        "white-space": _name(" &#9; "),
        "line-break": _name("victim&#10;x"),
        "unassigned-sign": _name("victim\u0378x"),
    },
    "name_id_format": {
        **_NODE_NAMES["name_id_format"],
        "transient": _formatted(TRANSIENT),
        "format-that-is-empty": _formatted(""),
    },
    "name_qualifier": {
        "qualified-by-another-provider": _formatted(PERSISTENT, ' NameQualifier="https://evil.example"'),
        "qualified-for-another-service": _formatted(PERSISTENT, ' SPNameQualifier="https://evil.example"'),
    },
}


def _behind(_: Setting, answer: ResponseDraft) -> ResponseDraft:
    name = f"<saml:NameID{answer.name_id_attributes}>{answer.name_id}</saml:NameID>"
    return replace(answer, name_id_attributes=None, subject_end=name)


_NAME_FORMS: Table = {
    "unknown_element": {
        "two": said(subject_end="<saml:NameID>victim</saml:NameID>"),
        "base-id": said(subject_begin="<saml:BaseID/>"),
        "after-the-confirmation": said(_behind),
    },
    "encrypted_id": {"encrypted": said(subject_begin="<saml:EncryptedID><x/></saml:EncryptedID>")},
    "text": {"an-element-alone": _name("<saml:x/>"), "elements-in-it": _name("victim<saml:x/>")},
    "unknown_attribute": {"attribute-that-is-unknown": _formatted(PERSISTENT, ' Name="victim"')},
}
_BY_ATTRIBUTE: dict[str, tuple[str, ...]] = {
    "none": (),
    "without-value": (attribute(SUBJECT_ATTRIBUTE),),
    "empty": (attribute(SUBJECT_ATTRIBUTE, ""),),
    "two-values": (attribute(SUBJECT_ATTRIBUTE, "victim-1", "victim-2"),),
    "of-257-signs": (attribute(SUBJECT_ATTRIBUTE, "x" * 257),),
    "with-a-line-break": (attribute(SUBJECT_ATTRIBUTE, "victim&#10;x"),),
}
_HIGH = LevelOfAssurance.HIGH.uri
_UNKNOWN = {
    "password": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
    "high-in-capitals": _HIGH.upper(),
    "higher-than-high": f"{_HIGH}est",
    "not-notified-high": "http://eidas.europa.eu/LoA/NotNotified/high",
    "empty": "",
}
_STATEMENTS: Makes = {
    "no-statement": said(statements=""),
    "two-statements": said(statements=lambda _, answer: answer.authn_statement() * 2),
    "low-before-high": said(
        statements=lambda _, answer: answer.authn_statement(LevelOfAssurance.LOW.uri) + answer.authn_statement()
    ),
}
_REFERENCE = f"<saml:AuthnContextClassRef>{_HIGH}</saml:AuthnContextClassRef>"
_CONTEXTS: Table = {
    "unknown_element": {"two-classes": said(context=LevelOfAssurance.LOW.uri, context_inside=_REFERENCE)},
    "missing_element": {"no-class": spelled(_REFERENCE, "")},
}


def _instead_of(name: str, *instead: str) -> Make:
    """A person without one attribute, or with it said otherwise."""
    uri = f'Name="{NATURAL_PERSON}/{name}"'
    return said(attributes=lambda _, answer: (*(one for one in answer.attributes if uri not in one), *instead))


def _identified(*identifiers: str) -> Make:
    return _instead_of("PersonIdentifier", natural("PersonIdentifier", *identifiers))


def family_name(xml: str) -> Make:
    """The family name, as one AttributeValue (XML) after another."""
    name = natural("CurrentFamilyName", "@")
    begin, end = name.index("<saml:AttributeValue"), name.index("</saml:Attribute>")
    made = name[:begin] + xml + name[end:]
    return said(
        attributes=lambda _, answer: tuple(made if "CurrentFamilyName" in one else one for one in answer.attributes)
    )


def _family(text: str, more: str = "") -> Make:
    return family_name(f"<saml:AttributeValue{more}>{text}</saml:AttributeValue>")


def _born(*dates: str) -> Make:
    return _instead_of("DateOfBirth", natural("DateOfBirth", *dates))


def _acting(*missing: str) -> tuple[str, ...]:
    """The acting person: the whole minimum data set of theirs, or a part."""
    values = {"PersonIdentifier": "EE/NL/2", "CurrentFamilyName": "x", "CurrentGivenName": "x", "DateOfBirth": "1887-04-12"}
    theirs = {f"{REPRESENTATIVE_NATURAL_PERSON}/{name}": value for name, value in values.items() if name not in missing}
    return tuple(attribute(uri, value, typed="") for uri, value in theirs.items())


def _company(namespace: str) -> tuple[str, ...]:
    values = {"LegalPersonIdentifier": "EE/NL/3", "LegalName": "x"}
    return tuple(attribute(f"{namespace}/{name}", value, typed="") for name, value in values.items())


def _acting_company() -> tuple[str, ...]:
    return _company(REPRESENTATIVE_LEGAL_PERSON)


def _represented(*missing: str) -> Make:
    """Somebody acts for the person."""
    return also(*_acting(*missing))


_COMPANY = _company(LEGAL_PERSON)


_PERSONS: Table = {
    "identifier_country": {
        "identifier-of-a-neighbour": _identified("LV/NL/1"),
        "identifier-turned-round": _identified("NL/EE/1"),
    },
    "attribute_value": {
        "identifier-without-countries": _identified("1"),
        "identifier-in-small-letters": _identified("ee/nl/1"),
        "two-identifiers": _identified("EE/NL/1", "EE/NL/2"),
    },
    "identifier": {"identifier-with-a-control": _identified("EE/NL/a\u0080b")},
    "minimum_data_set": {
        f"without-{name.lower()}": _instead_of(name)
        for name in ("PersonIdentifier", "CurrentFamilyName", "CurrentGivenName", "DateOfBirth")
    },
    # The registration takes persons for themselves alone
    "representation": {
        "representative": _represented(),
        "company": said(attributes=_COMPANY),
        "representative-of-a-company": said(attributes=(*_COMPANY, *_acting())),
    },
    "representative_minimum": {"part-of-a-representative": _represented("DateOfBirth")},
    "legal_representative": {"company-that-acts": also(*_acting_company())},
    "persons": {
        "person-and-company": also(*_COMPANY),
        "representative-of-two": also(*_COMPANY, *_acting()),
    },
}
FAMILY_TYPE = f' xsi:type="{NATURAL_PREFIX}:CurrentFamilyNameType"'
_OLD = natural("DateOfBirth", "1887-04-12")
_FORMATLESS = natural("BirthName", "x").replace(' NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"', "")
_BASIC = _OLD.replace("attrname-format:uri", "attrname-format:basic")


def two_statements(text: str) -> str:
    """The last attribute in a statement of its own."""
    begin = text.rindex("<saml:Attribute ")
    return f"{text[:begin]}</saml:AttributeStatement><saml:AttributeStatement>{text[begin:]}"


_VALUES: Table = {
    "minimum_data_set": {"empty-name": _family("", FAMILY_TYPE), "nil-name": _family("", ' xsi:nil="true"')},
    "attribute_type": {"name-of-another-type": _family("x", f' xsi:type="{NATURAL_PREFIX}:PersonIdentifierType"')},
    "latin_script": {
        "name-in-an-original-script-alone": _family("Маасикас", f'{FAMILY_TYPE} {NATURAL_PREFIX}:LatinScript="false"'),
        "script-said-twice": _family("x", f' LatinScript="true" {NATURAL_PREFIX}:LatinScript="true"'),
    },
    "boolean": {"script-that-is-none": _family("x", ' LatinScript="no"')},
    "unknown_attribute": {"name-with-another-attribute": also(natural("BirthName", "x", more=' Other="x"'))},
    "missing_attribute": {"name-without-its-format": also(_FORMATLESS)},
    "text": {"an-element-alone-in-a-name": _family("<saml:x/>"), "elements-in-a-name": _family("x<saml:x/>")},
    "attribute_value": {
        "birth-date-of-no-calendar": _born("1887-02-30"),
        "two-birth-dates": _born("1887-04-12", "1990-01-01"),
    },
    "duplicate_attribute": {"birth-date-twice": also(_OLD)},
    "name_format": {"name-under-a-basic-name": _instead_of("DateOfBirth", _BASIC)},
    "attribute_statement": {
        "two-statements": sent(spelled=two_statements),
        "no-statement": sent(spelled=without("saml:AttributeStatement")),
    },
}
