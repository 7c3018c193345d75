"""Who somebody is, and how surely: identifiers, levels of assurance, and persons across a border."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.formats.eidas.registry import NATURAL, NATURAL_PERSON, NATURAL_PREFIX, REPRESENTATIVE_NATURAL_PERSON
from connectors.formats.names import PERSISTENT, TRANSIENT, UNSPECIFIED
from idp.selftest.case import Case
from idp.selftest.responses.answer import Answer, attribute
from idp.selftest.responses.binding import Change, said
from idp.selftest.responses.making import Row, Setting, World, natural, refused
from idp.selftest.responses.parties import SUBJECT_ATTRIBUTE
from idp.selftest.responses.signing import swap
from policies.assurance import LevelOfAssurance
from policies.errors import PeerUnavailable

NAME, LEVEL, PERSON = "name identifier", "level of assurance", "person across a border"
_EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"


def names(world: World) -> Iterator[Case]:
    """One identifier, as it is, of a format that identifies for good."""
    yield from refused(NAME, (*world.plain, world.encrypted), *_NAMES)
    yield from refused(NAME, (world.eidas, world.eidas_both), *_NODE_NAMES)
    yield from refused(NAME, world.each, *_NAME_FORMS)
    for what, values in _BY_ATTRIBUTE.items():
        row: Row = (f"by-attribute-{what}", "name_id", _with_attribute(values))
        yield from refused(NAME, world.plain, row, entrance=world.entrances.by_attribute)
    asked: Row = ("transient-for-persistent", "name_id_format", _named(f' Format="{TRANSIENT}"'))
    row = ("unspecified-for-persistent", "name_id_format", _named(f' Format="{UNSPECIFIED}"'))
    yield from refused(NAME, (world.eidas,), asked, row, entrance=world.entrances.eidas_login)
    yield from refused(NAME, (*world.plain, world.encrypted), asked, row, entrance=world.entrances.persistent)


def levels(world: World) -> Iterator[Case]:
    """A level is one of the registration's, is reached, and is never guessed."""
    for what, context in _UNKNOWN.items():
        yield from refused(LEVEL, world.each, (what, "authn_context_unknown", _level(context)))
    low: Row = ("low-for-substantial", "authn_context_too_low", _level(LevelOfAssurance.LOW.uri))
    yield from refused(LEVEL, world.all, low)
    substantial = LevelOfAssurance.SUBSTANTIAL.uri
    row: Row = ("substantial-for-high", "authn_context_too_low", _level(substantial))
    yield from refused(LEVEL, world.plain, row, entrance=world.entrances.high)
    yield from refused(LEVEL, (world.eidas,), row, entrance=world.entrances.eidas_high)
    above: Row = ("above-what-is-published", "authn_context_unpublished", lambda setting: setting.sent())
    yield from refused(LEVEL, (world.eidas,), above, entrance=world.entrances.eidas_modest)
    yield from refused(LEVEL, world.all, *_STATEMENTS)
    yield from refused(LEVEL, world.each, *_CONTEXTS)


def persons(world: World) -> Iterator[Case]:
    """A node speaks for its own country's citizens, and says the whole minimum data set in its types."""
    settings = (world.eidas, world.eidas_both)
    yield from refused(PERSON, settings, *_IDENTIFIERS, *_MISSING, *_REPRESENTATIVES)
    yield from refused(PERSON, (world.eidas,), *_VALUES)
    other: Row = ("identifier-for-another-country", "identifier_recipient", _identified("EE/FR/1"))
    yield from refused(PERSON, settings, other, entrance=world.entrances.eidas_login)
    # The node speaks of the citizens of the country that it is registered for, and says that it is another's
    moved: Row = ("node-of-another-country", "node_country", _identified("LV/NL/1"))
    yield from refused(PERSON, settings, moved, entrance=world.entrances.eidas_moved)
    nowhere: Row = ("node-of-no-country", "node_country", lambda setting: setting.sent())
    yield from refused(PERSON, settings, nowhere, entrance=world.entrances.eidas_nowhere)
    older: Row = ("node-of-another-version", PeerUnavailable.code, lambda setting: setting.sent())
    yield from refused(PERSON, settings, older, entrance=world.entrances.eidas_older)


# -- identifiers -----------------------------------------------------------------------------------------------------------


def _name(text: str) -> Callable[[Setting], bytes]:
    return said(lambda _, answer: replace(answer, name_id=text))


def _named(attributes: str | None) -> Callable[[Setting], bytes]:
    return said(lambda _, answer: replace(answer, name_id_attributes=attributes))


_PERSISTENT = f' Format="{PERSISTENT}"'
_NAMES: tuple[Row, ...] = (
    ("none", "name_id", _named(None)),
    ("empty", "name_id", _name("")),
    ("white-space", "name_id", _name(" &#9; ")),
    ("space-without-width-alone", "name_id", _name("\u2003")),
    ("line-break", "name_id", _name("victim&#10;x")),
    ("next-line", "name_id", _name("victim\u0085x")),
    ("line-separator", "name_id", _name("victim\u2028x")),
    ("unassigned-sign", "name_id", _name("victim\u0378x")),
    ("of-257-signs", "name_id", _name("x" * 257)),
    ("transient", "name_id_format", _named(f' Format="{TRANSIENT}"')),
    ("e-mail", "name_id_format", _named(f' Format="{_EMAIL}"')),
    ("format-in-capitals", "name_id_format", _named(f' Format="{PERSISTENT.upper()}"')),
    ("format-that-is-empty", "name_id_format", _named(' Format=""')),
    ("qualified-by-another-provider", "name_qualifier", _named(f'{_PERSISTENT} NameQualifier="https://evil.example"')),
    ("qualified-for-another-service", "name_qualifier", _named(f'{_PERSISTENT} SPNameQualifier="https://evil.example"')),
)
_NODE_NAMES: tuple[Row, ...] = (
    ("none", "name_id", _named(None)),
    ("empty", "name_id", _name("")),
    ("of-257-signs", "name_id", _name("x" * 257)),
    ("e-mail", "name_id_format", _named(f' Format="{_EMAIL}"')),
)
_ENCRYPTED_ID = "<saml:EncryptedID><x/></saml:EncryptedID>"
_NAME_FORMS: tuple[Row, ...] = (
    ("two", "unknown_element", said(lambda _, answer: replace(answer, subject_end="<saml:NameID>victim</saml:NameID>"))),
    ("encrypted", "encrypted_id", said(lambda _, answer: replace(answer, subject_begin=_ENCRYPTED_ID))),
    ("base-id", "unknown_element", said(lambda _, answer: replace(answer, subject_begin="<saml:BaseID/>"))),
    ("an-element-alone", "text", _name("<saml:x/>")),
    ("elements-in-it", "text", _name("victim<saml:x/>")),
    ("attribute-that-is-unknown", "unknown_attribute", _named(f'{_PERSISTENT} Name="victim"')),
    ("after-the-confirmation", "unknown_element", said(lambda _, answer: _behind(answer))),
)


def _behind(answer: Answer) -> Answer:
    name = f"<saml:NameID{answer.name_id_attributes}>{answer.name_id}</saml:NameID>"
    return replace(answer, name_id_attributes=None, subject_end=name)


_BY_ATTRIBUTE: dict[str, tuple[str, ...] | None] = {
    "none": None,
    "without-value": (),
    "empty": ("",),
    "two-values": ("victim-1", "victim-2"),
    "of-257-signs": ("x" * 257,),
    "with-a-line-break": ("victim&#10;x",),
}


def _with_attribute(values: tuple[str, ...] | None) -> Callable[[Setting], bytes]:
    """The NameID never stands in for the attribute by which a registration knows its subjects."""

    def change(_: Setting, answer: Answer) -> Answer:
        if values is None:
            return answer
        return replace(answer, attributes=(*answer.attributes, attribute(SUBJECT_ATTRIBUTE, *values)))

    return said(change)


# -- levels ----------------------------------------------------------------------------------------------------------------


def _level(context: str) -> Callable[[Setting], bytes]:
    return said(lambda _, answer: replace(answer, context=context))


_HIGH = LevelOfAssurance.HIGH.uri
_UNKNOWN = {
    "password": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
    "unspecified": "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified",
    "high-in-capitals": _HIGH.upper(),
    "high-with-a-blank": f"{_HIGH} ",
    "high-with-a-slash": f"{_HIGH}/",
    "higher-than-high": f"{_HIGH}est",
    "not-notified-high": "http://eidas.europa.eu/LoA/NotNotified/high",
    "high-with-tls": _HIGH.replace("http:", "https:"),
    "last-word-alone": "high",
    "empty": "",
}
_TWO = said(lambda _, answer: replace(answer, statements=answer.authn_statement() * 2))
_LOW_AND_HIGH = said(
    lambda _, answer: replace(
        answer, statements=answer.authn_statement(LevelOfAssurance.LOW.uri) + answer.authn_statement()
    )
)
_STATEMENTS: tuple[Row, ...] = (
    ("no-statement", "authn_statement", said(lambda _, answer: replace(answer, statements=""))),
    ("two-statements", "authn_statement", _TWO),
    ("low-before-high", "authn_statement", _LOW_AND_HIGH),
)
_REFERENCE = f"<saml:AuthnContextClassRef>{_HIGH}</saml:AuthnContextClassRef>"
_CONTEXTS: tuple[Row, ...] = (
    (
        "two-classes",
        "unknown_element",
        said(lambda _, answer: replace(answer, context=LevelOfAssurance.LOW.uri, context_inside=_REFERENCE)),
    ),
    ("no-class", "missing_element", lambda setting: setting.sent(spelled=swap(_REFERENCE, ""))),
)

# -- persons ---------------------------------------------------------------------------------------------------------------


def _without(name: str, instead: str = "") -> Change:
    """A person without one attribute, or with it said otherwise."""
    uri = f'Name="{NATURAL_PERSON}/{name}"'

    def change(_: Setting, answer: Answer) -> Answer:
        kept = tuple(each for each in answer.attributes if uri not in each)
        return replace(answer, attributes=(*kept, instead) if instead else kept)

    return change


def _identified(*identifiers: str) -> Callable[[Setting], bytes]:
    return said(_without("PersonIdentifier", natural("PersonIdentifier", *identifiers)))


def _family(xml: str) -> Callable[[Setting], bytes]:
    """The family name, as one AttributeValue (XML) after another."""
    name = natural("CurrentFamilyName", "@")
    begin, end = name.index("<saml:AttributeValue"), name.index("</saml:Attribute>")
    return said(_without("CurrentFamilyName", name[:begin] + xml + name[end:]))


def _represented(*missing: str) -> Callable[[Setting], bytes]:
    """Somebody acts for the person: the whole minimum data set of theirs, or a part."""
    uris = [uri for uri, known in NATURAL.items() if known.mandatory and uri.rpartition("/")[2] not in missing]
    theirs = tuple(
        attribute(uri.replace(NATURAL_PERSON, REPRESENTATIVE_NATURAL_PERSON), "victim", typed="") for uri in uris
    )
    return said(lambda _, answer: replace(answer, attributes=(*answer.attributes, *theirs)))


_IDENTIFIERS: tuple[Row, ...] = (
    ("identifier-of-a-neighbour", "identifier_country", _identified("LV/NL/1")),
    ("identifier-of-germany-for-france", "identifier_country", _identified("DE/FR/1")),
    ("identifier-turned-round", "identifier_country", _identified("NL/EE/1")),
    ("identifier-without-countries", "attribute_value", _identified("1")),
    ("identifier-in-small-letters", "attribute_value", _identified("ee/nl/1")),
    ("identifier-of-nothing", "attribute_value", _identified("EE/NL/")),
    ("identifier-of-three-letters", "attribute_value", _identified("EST/NL/1")),
    ("two-identifiers", "attribute_value", _identified("EE/NL/1", "EE/NL/2")),
    ("identifier-with-a-control", "identifier", _identified("EE/NL/a\u0080b")),
)
_MISSING: tuple[Row, ...] = tuple(
    (f"without-{name.lower()}", "minimum_data_set", said(_without(name)))
    for name in ("PersonIdentifier", "CurrentFamilyName", "CurrentGivenName", "DateOfBirth")
)
_REPRESENTATIVES: tuple[Row, ...] = (
    ("representative", "representation", _represented()),
    ("part-of-a-representative", "representative_minimum", _represented("DateOfBirth")),
)
_TYPE = f' xsi:type="{NATURAL_PREFIX}:CurrentFamilyNameType"'
_OTHER_TYPE = f' xsi:type="{NATURAL_PREFIX}:PersonIdentifierType"'
_FORMATLESS = natural("BirthName", "x").replace(' NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"', "")
_OLD = natural("DateOfBirth", "1887-04-12")
_VALUES: tuple[Row, ...] = (
    ("empty-name", "minimum_data_set", _family(f"<saml:AttributeValue{_TYPE}></saml:AttributeValue>")),
    ("blank-name", "minimum_data_set", _family(f"<saml:AttributeValue{_TYPE}> </saml:AttributeValue>")),
    ("nil-name", "minimum_data_set", _family('<saml:AttributeValue xsi:nil="true"/>')),
    ("name-of-another-type", "attribute_type", _family(f"<saml:AttributeValue{_OTHER_TYPE}>x</saml:AttributeValue>")),
    (
        "name-in-an-original-script-alone",
        "latin_script",
        _family(f'<saml:AttributeValue{_TYPE} {NATURAL_PREFIX}:LatinScript="false">Маасикас</saml:AttributeValue>'),
    ),
    (
        "script-said-twice",
        "latin_script",
        _family(f'<saml:AttributeValue LatinScript="true" {NATURAL_PREFIX}:LatinScript="true">x</saml:AttributeValue>'),
    ),
    ("script-that-is-none", "boolean", _family('<saml:AttributeValue LatinScript="no">x</saml:AttributeValue>')),
    (
        "name-with-another-attribute",
        "unknown_attribute",
        said(_without("BirthName", natural("BirthName", "x", more=' Other="x"'))),
    ),
    ("name-without-its-format", "missing_attribute", said(_without("BirthName", _FORMATLESS))),
    ("an-element-alone-in-a-name", "text", _family("<saml:AttributeValue><saml:x/></saml:AttributeValue>")),
    ("elements-in-a-name", "text", _family("<saml:AttributeValue>x<saml:x/></saml:AttributeValue>")),
    ("birth-date-of-no-calendar", "attribute_value", said(_without("DateOfBirth", natural("DateOfBirth", "1887-02-30")))),
    (
        "two-birth-dates",
        "attribute_value",
        said(_without("DateOfBirth", natural("DateOfBirth", "1887-04-12", "1990-01-01"))),
    ),
    (
        "birth-date-twice",
        "duplicate_attribute",
        said(lambda _, answer: replace(answer, attributes=(*answer.attributes, _OLD))),
    ),
    (
        "name-under-a-basic-name",
        "name_format",
        said(_without("DateOfBirth", _OLD.replace("attrname-format:uri", "attrname-format:basic"))),
    ),
    ("two-statements", "attribute_statement", lambda setting: setting.sent(spelled=_two_statements)),
    ("no-statement", "attribute_statement", lambda setting: setting.sent(spelled=without_statement)),
)


def _two_statements(text: str) -> str:
    """The birth date in a statement of its own."""
    begin = text.rindex("<saml:Attribute ")
    return f"{text[:begin]}</saml:AttributeStatement><saml:AttributeStatement>{text[begin:]}"


def without_statement(text: str) -> str:
    """An assertion without its AttributeStatement."""
    end = "</saml:AttributeStatement>"
    return text[: text.index("<saml:AttributeStatement>")] + text[text.index(end) + len(end) :]
