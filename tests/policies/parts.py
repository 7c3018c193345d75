"""Made-up purposes, parties and sources, for the tests of the decision."""

from collections.abc import Mapping
from datetime import date

from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName, Form, Value
from policies.authentication import AskedAttribute, Offered
from policies.forms import FormKind, parse_form
from policies.parameters import SORTS
from policies.parties import ClientId, PurposeId, RelyingParty, Rule, Sector, Source
from policies.purposes import Basis, Controller, Need, Purpose

ON = date(2026, 11, 25)
PARKING = PurposeId("resident-parking")
PARTY_FILE = Source("parties/parking.toml", 1)
PURPOSE_FILE = Source("purposes/resident-parking.toml", 2)
HOME = Address(street="Canal Street 12", postal_code="99999", locality="Storkhaven", region="", country="EE")


def form(text: str) -> Form:
    read = parse_form(text)
    assert read is not None, text
    return read


def sample(known: FormKind) -> Form:
    """A form of this kind, with an example of its parameter."""
    return Form(known.name, SORTS[known.parameter].example)


def asked(**forms: str) -> tuple[AskedAttribute, ...]:
    return tuple(AskedAttribute(AttributeName(name), form(text)) for name, text in forms.items())


def party(purposes: tuple[str, ...] = (PARKING,), **forms: str) -> RelyingParty:
    """A party whose rule for the nth attribute stands on line 10 + n."""
    rules = {
        AttributeName(name): Rule(form(text), Source(PARTY_FILE.file, 10 + line))
        for line, (name, text) in enumerate(forms.items())
    }
    return RelyingParty(
        client_id=ClientId("parking"),
        title={"en": "Parking"},
        sector=Sector("traffic"),
        redirect_uris=("https://parking.example/callback",),
        purposes=tuple(PurposeId(one) for one in purposes),
        attributes=rules,
        source=PARTY_FILE,
    )


def purpose(
    required: tuple[str, ...] = (), minimum: LevelOfAssurance = LevelOfAssurance.SUBSTANTIAL, **forms: str
) -> Purpose:
    """A purpose whose need of the nth attribute stands on line 20 + n."""
    needs = {
        AttributeName(name): Need(form(text), {"en": "Because."}, name in required, Source(PURPOSE_FILE.file, 20 + line))
        for line, (name, text) in enumerate(forms.items())
    }
    return Purpose(
        purpose_id=PARKING,
        title={"en": "Resident parking"},
        basis=Basis.PUBLIC_TASK,
        law={"en": "By-law"},
        controller=Controller({"en": "City"}, "privacy@city.example"),
        needs=needs,
        minimum_assurance=minimum,
        digest="00",
        source=PURPOSE_FILE,
    )


def offered(loa: LevelOfAssurance = LevelOfAssurance.HIGH, **values: Value) -> Offered:
    attributes: Mapping[AttributeName, Value] = {AttributeName(name): value for name, value in values.items()}
    return Offered(attributes, loa)
