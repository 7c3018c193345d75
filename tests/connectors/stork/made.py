"""Messages of STORK between two made-up countries: good ones, to be changed in one part."""

from dataclasses import replace

from lxml import etree

from connectors.formats.stork.registry import AVAILABLE, BASE, NOT_AVAILABLE
from connectors.formats.stork.request import StorkAttributeRequest, StorkRequest, VidpInformation
from connectors.formats.stork.response import StorkAssertion
from connectors.formats.stork.values import StorkComplex, StorkSaid, StorkText
from connectors.signatures.parse import Element, canonical
from connectors.signatures.verification_result import Signed
from connectors.wire.names import UNSPECIFIED
from tests.connectors.metadata.node import NOW

__all__ = ["NOW"]

OURS, ACS = "https://city.example/stork", "https://city.example/stork/acs"
PEPS, COLLEAGUE_REQUEST = "https://peps.example/PEPS", "https://peps.example/PEPS/ColleagueRequest"

REQUEST = StorkRequest(
    request_id="_request0001",
    issue_instant=NOW,
    destination=COLLEAGUE_REQUEST,
    issuer=OURS,
    acs_url=ACS,
    provider_name="City of Storkhaven",
    qaa="3",
    attributes=(
        StorkAttributeRequest(f"{BASE}eIdentifier", required=True),
        StorkAttributeRequest(f"{BASE}surname", required=True),
        StorkAttributeRequest(f"{BASE}isAgeOver", required=False, values=("18",)),
    ),
    sector="public",
    institution="City of Storkhaven",
    application="Parking",
    country="ST",
    vidp=VidpInformation("KH", "STORKHAVEN"),
)
ADDRESS = StorkComplex(
    (
        ("countryCodeAddress", "KH"),
        ("town", "Tallinn"),
        ("postalCode", "10123"),
        ("streetName", "Pikk"),
        ("streetNumber", "1"),
    )
)
MANDATE_VALUE = StorkComplex(
    (
        ("represented", StorkComplex((("eLPIdentifier", "KH/ST/L1"), ("legalName", "Nests Ltd")))),
        ("representative", StorkComplex((("eIdentifier", "KH/ST/0001"), ("givenName", "Mari"), ("surname", "Onasis")))),
        (
            "mandateContent",
            StorkComplex(
                (
                    ("typePower", "parking"),
                    ("timeRestriction", StorkComplex((("validFrom", "2026-01-01"), ("validTo", "2027-01-01")))),
                    ("isJoined", "false"),
                    ("transactionLimit", StorkComplex((("amount", "1000"), ("currency", "EUR")))),
                    ("AQAA", "3"),
                )
            ),
        ),
    )
)
ATTRIBUTES: dict[str, StorkSaid] = {
    f"{BASE}eIdentifier": StorkSaid(AVAILABLE, (StorkText("KH/ST/0001"),)),
    f"{BASE}givenName": StorkSaid(AVAILABLE, (StorkText("Marí"),)),
    f"{BASE}surname": StorkSaid(AVAILABLE, (StorkText("Ωνάσης", latin=False), StorkText("Onasis"))),
    f"{BASE}dateOfBirth": StorkSaid(AVAILABLE, (StorkText("18870412"),)),
    f"{BASE}nationalityCode": StorkSaid(AVAILABLE, (StorkText("KH"), StorkText("ST"))),
    f"{BASE}canonicalResidenceAddress": StorkSaid(AVAILABLE, (ADDRESS,)),
    f"{BASE}mandate": StorkSaid(AVAILABLE, (MANDATE_VALUE,)),
    f"{BASE}eMail": StorkSaid(NOT_AVAILABLE),
    f"{BASE}citizenQAALevel": StorkSaid(AVAILABLE, (StorkText("3"),)),
}
ASSERTION = StorkAssertion(
    assertion_id="_assertion0001",
    issue_instant=NOW,
    issuer=PEPS,
    name_id=UNSPECIFIED,
    name_id_format=UNSPECIFIED,
    recipient=ACS,
    in_response_to="_request0001",
    audience=OURS,
    not_before=NOW,
    not_on_or_after=NOW + 300,
    authn_instant=NOW - 5,
    context_class="",
    attributes=tuple(ATTRIBUTES.items()),
)


def saying(**attributes: StorkSaid | None) -> StorkAssertion:
    """The assertion with attributes said otherwise, added or (None) left out."""
    found = ATTRIBUTES | {f"{BASE}{name}": said for name, said in attributes.items() if said is not None}
    left = {f"{BASE}{name}" for name, said in attributes.items() if said is None}
    return replace(ASSERTION, attributes=tuple((uri, said) for uri, said in found.items() if uri not in left))


def signed(element: Element) -> Signed:
    """An element as a verification gives it out: exclusively canonical."""
    return Signed(octets=canonical(etree.fromstring(etree.tostring(element))), key_id="")


def edited(element: Element, old: str, new: str) -> Signed:
    """The element with one piece of its text replaced, and signed so."""
    text = etree.tostring(element, encoding="unicode")
    assert old in text
    return signed(etree.fromstring(text.replace(old, new, 1).encode()))
