"""Messages between two made-up countries' nodes: good ones, to be changed in one part, and odd ones that are valid."""

from dataclasses import replace

from lxml import etree

from connectors.formats.eidas.address import write_address
from connectors.formats.eidas.registry import (
    CURRENT_FAMILY_NAME,
    CURRENT_GIVEN_NAME,
    DATE_OF_BIRTH,
    EIDAS,
    MINIMUM,
    NATURAL,
    NATURAL_PERSON,
    PERSON_IDENTIFIER,
)
from connectors.formats.eidas.request import EidasRequest, asked_attributes
from connectors.formats.eidas.response import EidasAssertion
from connectors.formats.eidas.values import EidasValue
from connectors.request_checks import Asking
from connectors.signatures.parse import Element, canonical
from connectors.signatures.verification_result import Signed
from connectors.wire.names import ATTRNAME_URI, PERSISTENT, SAML, SAMLP, UNSPECIFIED
from policies.attributes import Address

NOW = 1_790_000_000
CONNECTOR = "https://connector.example/eidas/metadata"
ACS = "https://connector.example/eidas/acs"
PROXY = "https://proxy.example/eidas/metadata"
SSO = "https://proxy.example/eidas/sso"
LOW = "http://eidas.europa.eu/LoA/low"
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"
HIGH = "http://eidas.europa.eu/LoA/high"
OWN_HIGH = "http://eidas.europa.eu/NotNotified/LoA/high"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

REQUEST = EidasRequest(
    request_id="_request0001",
    issue_instant=NOW,
    destination=SSO,
    issuer=CONNECTOR,
    provider_name="City of Storkhaven",
    sp_type="public",
    requester_id="",
    comparison="minimum",
    contexts=(SUBSTANTIAL,),
    attributes=asked_attributes(),
)
ASKING = Asking(entity_id=CONNECTOR, acs_url=ACS, sp_type="", name_id_formats=frozenset({PERSISTENT, UNSPECIFIED}))

ASSERTION = EidasAssertion(
    assertion_id="_assertion0001",
    issue_instant=NOW,
    issuer=PROXY,
    name_id="KH/ST/0001",
    name_id_format=PERSISTENT,
    recipient=ACS,
    in_response_to="_request0001",
    audience=CONNECTOR,
    not_before=NOW,
    not_on_or_after=NOW + 300,
    authn_instant=NOW - 5,
    context_class=SUBSTANTIAL,
    attributes=(
        (PERSON_IDENTIFIER, (EidasValue("KH/ST/0001"),)),
        (CURRENT_FAMILY_NAME, (EidasValue("Ωνάσης", latin=False), EidasValue("Onasis"))),
        (CURRENT_GIVEN_NAME, (EidasValue("Marí"),)),
        (DATE_OF_BIRTH, (EidasValue("1887-04-12"),)),
    ),
)

ADDRESS = Address(street="Pikk 1", postal_code="10123", locality="Tallinn", region="Harju", country="EE")
# One value of each optional attribute
OPTIONAL = {
    "BirthName": (EidasValue("Мария Иванова", latin=False), EidasValue("Maria Ivanova")),
    "PlaceOfBirth": (EidasValue("Tallinn"),),
    "CurrentAddress": (EidasValue(write_address(ADDRESS)),),
    "Gender": (EidasValue("Female"),),
    "PhoneNumber": (EidasValue("+3725550001"),),
    "Nationality": (EidasValue("EE"), EidasValue("LV")),
    "CountryOfBirth": (EidasValue("EE"),),
    "TownOfBirth": (EidasValue("Tallinn"),),
    "CountryOfResidence": (EidasValue("EE"),),
    "EmailAddress": (EidasValue("mari@example.org"),),
}


def natural(name: str) -> str:
    """`BirthName` as its URI."""
    return f"{NATURAL_PERSON}/{name}"


def said(**values: tuple[EidasValue, ...]) -> EidasAssertion:
    """The assertion with attributes of these names added, or said otherwise."""
    attributes = dict(ASSERTION.attributes) | {natural(name): value for name, value in values.items()}
    return replace(ASSERTION, attributes=tuple(attributes.items()))


def signed(element: Element) -> Signed:
    """An element as a verification gives it out: exclusively canonical."""
    return Signed(octets=canonical(etree.fromstring(etree.tostring(element))), key_id="")


def signed_text(text: str) -> Signed:
    return signed(etree.fromstring(text.encode()))


def edited(element: Element, old: str, new: str) -> Signed:
    """The element with one piece of its text replaced, and signed so."""
    text = etree.tostring(element, encoding="unicode")
    assert old in text
    return signed_text(text.replace(old, new, 1))


def found(root: Element, path: str) -> Element:
    """The one element at a path of `samlp:`, `saml:` and `eidas:` names."""
    elements = root.findall(path, {"samlp": SAMLP, "saml": SAML, "eidas": EIDAS})
    assert len(elements) == 1, path
    return elements[0]


# -- other people's spelling -------------------------------------------------------------------------------------------


def requested(name: str, required: str = 'isRequired="true"', inside: str = "", more: str = "") -> str:
    """A RequestedAttribute with the prefix `e`."""
    return (
        f'<e:RequestedAttribute Name="{name}" NameFormat="{ATTRNAME_URI}" {required} {more}>{inside}</e:RequestedAttribute>'
    )


ALL_REQUESTED = "".join(requested(name) for name in MINIMUM)


def authn_request(
    *,
    attributes: str = f'ForceAuthn="true" IsPassive="false" Destination="{SSO}"',
    sp_type: str = "<e:SPType>public</e:SPType>",
    asked: str = ALL_REQUESTED,
    extensions: str | None = None,
    policy: str = "",
    context: str = f'<p:RequestedAuthnContext Comparison="minimum"><a:AuthnContextClassRef>{SUBSTANTIAL}'
    "</a:AuthnContextClassRef></p:RequestedAuthnContext>",
    after: str = "",
    version: str = "2.0",
    issuer: str = f"<a:Issuer>{CONNECTOR}</a:Issuer>",
    issued: str = "2026-09-21T14:13:20.155Z",
) -> str:
    """A request with prefixes other than the usual."""
    if extensions is None:
        extensions = f"<p:Extensions>{sp_type}<e:RequestedAttributes>{asked}</e:RequestedAttributes></p:Extensions>"
    return (
        f'<p:AuthnRequest xmlns:p="{SAMLP}" xmlns:a="{SAML}" xmlns:e="{EIDAS}" ID="_r1" Version="{version}" '
        f'IssueInstant="{issued}" {attributes}>{issuer}{extensions}{policy}{context}{after}</p:AuthnRequest>'
    )


def value(name: str, text: str, more: str = "", xsi_type: str | None = None) -> str:
    """An AttributeValue with the prefixes `a` and `n`."""
    kind = f"n:{NATURAL[natural(name)].xsi_type}" if xsi_type is None else xsi_type
    typed = f'x:type="{kind}"' if kind else ""
    return f"<a:AttributeValue {typed} {more}>{text}</a:AttributeValue>"


def attribute(name: str, *values: str, uri: str = "", more: str = f'NameFormat="{ATTRNAME_URI}"') -> str:
    return f'<a:Attribute Name="{uri or natural(name)}" {more}>{"".join(values)}</a:Attribute>'


GOOD = {
    "PersonIdentifier": ("KH/ST/0001",),
    "CurrentFamilyName": ("Onasis",),
    "CurrentGivenName": ("Marí",),
    "DateOfBirth": ("1887-04-12",),
}


def statement(**others: str | None) -> str:
    """An AttributeStatement of the minimum data set, with attributes said otherwise, added or (None) left out."""
    parts: dict[str, str | None] = {name: attribute(name, value(name, *texts)) for name, texts in GOOD.items()}
    parts |= others
    return f"<a:AttributeStatement>{''.join(part for part in parts.values() if part)}</a:AttributeStatement>"


AUTHN = (
    f'<a:AuthnStatement AuthnInstant="2026-09-21T14:13:20Z"><a:AuthnContext><a:AuthnContextClassRef>{OWN_HIGH}'
    "</a:AuthnContextClassRef></a:AuthnContext></a:AuthnStatement>"
)
CONDITIONS = (
    '<a:Conditions NotBefore="2026-09-21T14:13:20Z" NotOnOrAfter="2026-09-21T14:18:20Z"><a:AudienceRestriction>'
    f"<a:Audience>{CONNECTOR}</a:Audience></a:AudienceRestriction><a:OneTimeUse/></a:Conditions>"
)


def name_id(text: str = "abc", more: str = f'Format="{PERSISTENT}"') -> str:
    return f"<a:NameID {more}>{text}</a:NameID>"


CONFIRMED = (
    '<a:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><a:SubjectConfirmationData '
    f'Recipient="{ACS}" InResponseTo="_request0001" NotOnOrAfter="2026-09-21T14:18:20Z" Address="192.0.2.7"/>'
    "</a:SubjectConfirmation>"
)


def assertion(
    *,
    name: str | None = None,
    conditions: str = CONDITIONS,
    authn: str = AUTHN,
    said: str | None = None,
    version: str = "2.0",
    after: str = "",
) -> str:
    """An assertion with prefixes other than the usual."""
    return (
        f'<a:Assertion xmlns:a="{SAML}" xmlns:x="{XSI}" xmlns:n="{NATURAL_PERSON}" ID="_a1" Version="{version}" '
        f'IssueInstant="2026-09-21T14:13:20Z"><a:Issuer>{PROXY}</a:Issuer>'
        f"<a:Subject>{name_id() if name is None else name}{CONFIRMED}</a:Subject>"
        f"{conditions}{authn}{statement() if said is None else said}{after}</a:Assertion>"
    )
