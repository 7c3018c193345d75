"""Valid answers that say more, less or otherwise, as the standards leave it open."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.formats.eidas.address import write_address
from connectors.formats.eidas.registry import LEVEL_NOT_REACHED, NATURAL_PREFIX
from connectors.formats.names import ENTITY, PERSISTENT, TRANSIENT, UNSPECIFIED, X500
from idp.selftest.case import Case
from idp.selftest.responses import parties
from idp.selftest.responses.answer import Answer, Confirmation, attribute, audience
from idp.selftest.responses.binding import Change, said
from idp.selftest.responses.making import Make, Setting, World, accepted, natural
from idp.selftest.responses.parties import SUBJECT_ATTRIBUTE
from idp.selftest.responses.subject import without_statement
from policies.assurance import LevelOfAssurance
from policies.attributes import Address

MEANINGS, PERSONS = "valid meanings", "valid persons"
_CONSENT = ' Consent="urn:oasis:names:tc:SAML:2.0:consent:obtained"'


def valid_meanings(world: World) -> Iterator[Case]:
    """What an identity provider, or a node, may say more, less or otherwise."""
    yield from accepted(MEANINGS, (*world.each, world.both), *_ANYWHERE, *_TIMES)
    yield from accepted(MEANINGS, (*world.plain, world.encrypted), *_PROVIDERS, *_VALUES)
    yield from accepted(MEANINGS, (world.assertion,), *_AROUND)
    as_it_is: tuple[str, Make] = ("high-for-high", lambda setting: setting.sent())
    yield from accepted(MEANINGS, world.plain, as_it_is, entrance=world.entrances.high)
    yield from accepted(MEANINGS, (world.eidas,), as_it_is, entrance=world.entrances.eidas_high)
    yield from accepted(
        MEANINGS, world.plain, ("persistent-for-persistent", as_it_is[1]), entrance=world.entrances.persistent
    )
    forced: tuple[str, Make] = ("authenticated-when-it-was-forced", _at("authenticated", -60))
    yield from accepted(MEANINGS, world.plain, forced, entrance=world.entrances.forced)
    aged: tuple[str, Make] = ("authenticated-within-max-age", _at("authenticated", -600))
    yield from accepted(MEANINGS, world.plain, aged, entrance=world.entrances.max_age)
    yield from accepted(MEANINGS, world.plain, *_BY_ATTRIBUTE, entrance=world.entrances.by_attribute)


def valid_persons(world: World) -> Iterator[Case]:
    """Persons across a border: scripts, types, and what a node may say beside the minimum data set."""
    settings = (world.eidas, world.eidas_both)
    yield from accepted(PERSONS, settings, *_NODES)
    as_it_is: tuple[str, Make] = ("made-for-our-country", lambda setting: setting.sent())
    yield from accepted(PERSONS, settings, as_it_is, entrance=world.entrances.eidas_login)
    modest: tuple[str, Make] = ("substantial-where-that-is-published", _level(LevelOfAssurance.SUBSTANTIAL))
    yield from accepted(PERSONS, (world.eidas,), modest, entrance=world.entrances.eidas_modest)


def _at(name: str, seconds: int) -> Make:
    """A time of an answer, so many seconds from now."""

    def change(setting: Setting, answer: Answer) -> Answer:
        told = setting.at(seconds)
        match name:
            case "issued":
                return replace(answer, issued=told)
            case "assertion_issued":
                return replace(answer, assertion_issued=told)
            case "not_before":
                return replace(answer, not_before=told)
            case "not_on_or_after":
                return replace(answer, not_on_or_after=told)
            case "authenticated":
                return replace(answer, authenticated=told)
            case _:
                return replace(answer, session_until=told)

    return said(change)


def _level(level: LevelOfAssurance) -> Make:
    return said(lambda _, answer: replace(answer, context=level.uri))


def _more_confirmations(_: Setting, answer: Answer) -> Answer:
    """One by which a sender vouches, a bearer's elsewhere, and then ours."""
    own = answer.confirmation
    vouched = Confirmation(None, None, None, method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")
    elsewhere = replace(own, recipient="https://other.selftest.example/acs")
    return replace(answer, confirmation=vouched, subject_end=elsewhere.xml() + own.xml())


def _audiences(setting: Setting, answer: Answer) -> Answer:
    ours = parties.OUR_NODE if setting.eidas else parties.SP
    return replace(answer, audiences=audience("https://other.selftest.example", ours))


_AUTHORITY = "<saml:AuthenticatingAuthority>https://up.selftest.example</saml:AuthenticatingAuthority>"
_MESSAGE = "<samlp:StatusMessage>Welcome.</samlp:StatusMessage>"
_TOO_LOW = f"<samlp:StatusMessage>{LEVEL_NOT_REACHED}</samlp:StatusMessage>"
_SECOND_CODE = '<samlp:StatusCode Value="urn:selftest:second"/>'
_ADDRESS = ' Address="192.0.2.7"'
_ANYWHERE: tuple[tuple[str, Make], ...] = (
    ("several-confirmations", said(_more_confirmations)),
    ("several-audiences", said(_audiences)),
    ("several-restrictions", said(lambda _, answer: replace(answer, audiences=answer.audiences * 2))),
    ("used-once", said(lambda _, answer: replace(answer, audiences=answer.audiences + "<saml:OneTimeUse/>"))),
    ("address-of-the-citizen", said(lambda _, a: replace(a, confirmation=replace(a.confirmation, more=_ADDRESS)))),
    ("several-authorities", said(lambda _, answer: replace(answer, context_inside=_AUTHORITY * 2))),
    ("consent", said(lambda _, answer: replace(answer, response_more=_CONSENT))),
    ("words-beside-success", said(lambda _, answer: replace(answer, status_after=_MESSAGE))),
    ("second-code-beside-success", said(lambda _, answer: replace(answer, status_inside=_SECOND_CODE))),
    ("issuer-of-the-format-entity", said(lambda _, answer: _entities(answer))),
    ("session-that-ends-later", _at("session_until", 3600)),
    ("substantial-for-substantial", _level(LevelOfAssurance.SUBSTANTIAL)),
    ("name-of-256-signs", said(lambda _, answer: replace(answer, name_id="ä" * 256))),
    ("name-in-another-script", said(lambda _, answer: replace(answer, name_id="Μαρία-選-\U0001f600"))),
    ("name-with-references", said(lambda _, answer: replace(answer, name_id="a&amp;b&lt;c&#x20;d"))),
    ("name-with-white-space-around", said(lambda _, answer: replace(answer, name_id=" a name "))),
    ("locality", lambda setting: setting.sent(spelled=_located)),
)


def _entities(answer: Answer) -> Answer:
    told = f' Format="{ENTITY}"'
    return replace(answer, issuer_more=told, assertion_issuer_more=told)


def _located(text: str) -> str:
    where = f'<saml:SubjectLocality{_ADDRESS} DNSName="home.selftest.example"/>'
    return text.replace("<saml:AuthnContext>", f"{where}<saml:AuthnContext>", 1)


def _skewed(change: Callable[[Setting], int], name: str) -> Make:
    """A time at the very edge of what clocks may differ."""
    return lambda setting: _at(name, change(setting))(setting)


def _zoned(suffix: str, hours: int) -> Make:
    """All times that were now, in another zone."""

    def change(setting: Setting, answer: Answer) -> Answer:
        told = setting.at(hours * 3600).removesuffix("Z") + suffix
        return replace(answer, issued=told, assertion_issued=told, authenticated=told)

    return said(change)


def _at_their_end(setting: Setting, answer: Answer) -> Answer:
    return replace(answer, not_before=setting.at(-setting.skew), not_on_or_after=setting.at(1 - setting.skew))


_TIMES: tuple[tuple[str, Make], ...] = (
    ("fractions-of-seconds", _zoned(".1234567Z", 0)),
    ("zone-of-tallinn", _zoned("+02:00", 2)),
    ("zone-of-the-azores", _zoned("-01:00", -1)),
    ("zone-of-kiritimati-with-fractions", _zoned(".5+14:00", 14)),
    ("response-at-the-edge-of-the-future", _skewed(lambda setting: setting.skew, "issued")),
    ("response-at-the-edge-of-age", _skewed(lambda setting: -setting.oldest, "issued")),
    ("assertion-at-the-edge-of-the-future", _skewed(lambda setting: setting.skew, "assertion_issued")),
    ("conditions-at-their-begin", _skewed(lambda setting: setting.skew, "not_before")),
    ("conditions-at-their-end", said(_at_their_end)),
    ("authenticated-an-hour-before", _at("authenticated", -3600)),
)

_PROVIDERS: tuple[tuple[str, Make], ...] = (
    ("conditions-that-only-begin", said(lambda _, answer: replace(answer, not_on_or_after=None))),
    ("conditions-that-only-end", said(lambda _, answer: replace(answer, not_before=None))),
    ("conditions-without-times", said(lambda _, answer: replace(answer, not_before=None, not_on_or_after=None))),
    ("name-without-format", said(lambda _, answer: replace(answer, name_id_attributes=""))),
    ("name-of-no-format", said(lambda _, answer: replace(answer, name_id_attributes=f' Format="{UNSPECIFIED}"'))),
    (
        "name-with-qualifiers",
        said(
            lambda _, answer: replace(
                answer,
                name_id_attributes=f' Format="{PERSISTENT}" NameQualifier="{parties.IDP}" SPNameQualifier="{parties.SP}"'
                ' SPProvidedID="x"',
            )
        ),
    ),
    ("several-statements", lambda setting: setting.sent(spelled=_two_statements)),
    ("attributes-before-the-authentication", lambda setting: setting.sent(spelled=_turned)),
    ("no-attributes", lambda setting: setting.sent(spelled=without_statement)),
)


def _two_statements(text: str) -> str:
    begin = text.rindex("<saml:Attribute ")
    return f"{text[:begin]}</saml:AttributeStatement><saml:AttributeStatement>{text[begin:]}"


def _turned(text: str) -> str:
    begin, middle = text.index("<saml:AuthnStatement"), text.index("<saml:AttributeStatement>")
    end = text.index("</saml:AttributeStatement>") + len("</saml:AttributeStatement>")
    return text[:begin] + text[middle:end] + text[begin:middle] + text[end:]


def _also(*attributes: str) -> Make:
    return said(lambda _, answer: replace(answer, attributes=(*answer.attributes, *attributes)))


_NAME = "urn:oid:2.5.4.42"
_TARGETED = f'<saml:NameID Format="{PERSISTENT}" NameQualifier="{parties.IDP}">t</saml:NameID>'
_VALUES: tuple[tuple[str, Make], ...] = (
    ("value-that-is-empty", _also(attribute(_NAME, ""))),
    ("value-that-is-nil", _also(attribute(_NAME, "", typed=' xsi:nil="true"'))),
    ("value-that-is-not-nil", _also(attribute(_NAME, "x", typed=' xsi:nil="0"'))),
    ("attribute-without-value", _also(attribute(_NAME))),
    ("several-values", _also(attribute(_NAME, "Mari", "Maria", "Мария"))),
    ("value-without-type", _also(attribute(_NAME, "x", typed=""))),
    ("value-of-100-kilobytes", _also(attribute("urn:selftest:portrait", "A" * 100_000))),
    ("value-in-many-scripts", _also(attribute(_NAME, "Ωνάσης 李小龍 Õunapuu عبد الله \U0001f642 e\u0301"))),
    ("value-in-lines", _also(attribute(_NAME, "one\n  two\t three"))),
    ("friendly-name", _also(attribute(_NAME, "x", more=' FriendlyName="given name"'))),
    ("encoding-of-ldap", _also(attribute(_NAME, "x", more=f' xmlns:x500="{X500}" x500:Encoding="LDAP"'))),
    ("name-of-the-format-basic", _also(attribute("givenName", "x").replace(":uri", ":basic"))),
    ("targeted-id", _also(attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", _TARGETED, typed=""))),
    ("hundred-namespaces", _also(*(attribute(_NAME, "x", typed=f' xmlns:n{n}="urn:selftest:{n}"') for n in range(100)))),
    ("hundred-attributes", _also(*(attribute(f"urn:selftest:{n}", "x") for n in range(100)))),
)
# Nobody signed the Response around a signed assertion: it may be silent, and says nothing that is believed
_AROUND: tuple[tuple[str, Make], ...] = (
    ("no-issuer-around", said(lambda _, answer: replace(answer, issuer=None))),
    ("no-destination-around", said(lambda _, answer: replace(answer, destination=None))),
)
_TRANSIENT = f' Format="{TRANSIENT}"'
_OWN = attribute(SUBJECT_ATTRIBUTE, "urn:selftest:EE:1887")


def _by_attribute(name: str | None) -> Change:
    return lambda _, answer: replace(answer, name_id_attributes=name, attributes=(*answer.attributes, _OWN))


_BY_ATTRIBUTE: tuple[tuple[str, Make], ...] = (
    ("known-by-an-attribute", said(_by_attribute(_TRANSIENT))),
    ("known-by-an-attribute-without-a-name", said(_by_attribute(None))),
)

# -- persons ---------------------------------------------------------------------------------------------------------------

_HOME = Address(street="Pikk 1", postal_code="10123", locality="Tallinn", region="Harju", country="EE")
_FAMILY_TYPE = f' xsi:type="{NATURAL_PREFIX}:CurrentFamilyNameType"'


def _family(*values: str) -> Make:
    """The family name in these values (XML), in place of the usual one."""
    name = natural("CurrentFamilyName", "@")
    begin, end = name.index("<saml:AttributeValue"), name.index("</saml:Attribute>")
    made = name[:begin] + "".join(values) + name[end:]
    return said(
        lambda _, a: replace(a, attributes=tuple(made if "CurrentFamilyName" in each else each for each in a.attributes))
    )


_LATIN = f"<saml:AttributeValue{_FAMILY_TYPE}>Maasikas</saml:AttributeValue>"
_ORIGINAL = f'<saml:AttributeValue{_FAMILY_TYPE} {{}}LatinScript="false">Маасикас</saml:AttributeValue>'
_NODES: tuple[tuple[str, Make], ...] = (
    ("name-in-two-scripts", _family(_ORIGINAL.format(f"{NATURAL_PREFIX}:"), _LATIN)),
    ("name-in-two-scripts-turned", _family(_LATIN, _ORIGINAL.format(f"{NATURAL_PREFIX}:"))),
    ("script-without-its-namespace", _family(_LATIN, _ORIGINAL.format(""))),
    ("name-without-type", _family("<saml:AttributeValue>Maasikas</saml:AttributeValue>")),
    ("address", _also(natural("CurrentAddress", write_address(_HOME)))),
    ("address-that-is-none", _also(natural("CurrentAddress", "%%%"))),
    (
        "gender-and-places",
        _also(natural("Gender", "Female"), natural("PlaceOfBirth", "Tartu"), natural("Nationality", "EE")),
    ),
    ("several-nationalities", _also(natural("Nationality", "EE", "LV"))),
    ("attribute-that-nobody-knows", _also(attribute("http://eidas.europa.eu/attributes/sector/Shoe", "42", typed=""))),
    ("attribute-with-markup-that-nobody-knows", _also(attribute("urn:selftest:x", "<x><y/></x>", typed=""))),
    ("optional-attribute-that-is-empty", _also(natural("BirthName", ""))),
    ("transient-name", said(lambda _, answer: replace(answer, name_id_attributes=_TRANSIENT))),
    ("attributes-turned", said(lambda _, answer: replace(answer, attributes=answer.attributes[::-1]))),
    ("friendly-names", _also(natural("BirthName", "Mari", more=' FriendlyName="BirthName"'))),
    ("words-of-a-failure-beside-success", said(lambda _, answer: replace(answer, status_after=_TOO_LOW))),
)
