"""The attributes as typed data: their forms, their titles, and their names on the wire.

| where | who says how it is called |
|---|---|
| OpenID Connect | Core 1.0 §5.1 and the Identity Assurance claims |
| OpenID Connect, derived forms | we: `age_over_18`, `birth_year`, `resident_of`; others as CLAIM_FORM: `address_country` |
| SAML | eduPerson and SCHAC as `urn:oid:...` |
| eIDAS | Attribute Profile 1.4, natural and legal person |
| STORK | 1.0 (D5.8), and the addresses of 2.0 |

SAML and eIDAS name few derived forms, and none is asked for there.

A catalogue is a value that is passed along; a city adds attributes of its own by configuration (`policies.load.catalogue`).
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from policies.attributes import EXACT, Address, AttributeName, Form, Value
from policies.authentication import AskedAttribute
from policies.eidas_form import STRING, EidasForm
from policies.errors import RequestRefused
from policies.forms import FORMS, MULTIPLE, AttributeKind, check_semilattice, is_form, meet, parse_form, spelling
from policies.parameters import entries
from policies.parties import Translated
from policies.persons import ABOUT_A_COMPANY, ACTING, BY_A_PERSON, EVERYBODY, PersonKind

# JSON, as a claim's value
ClaimValue = str | bool | dict[str, str] | dict[str, bool] | list[str] | list[object]

# The language of a claim that is a name in Latin letters, whatever language it is of (Core 1.0 §5.2, BCP 47)
IN_LATIN = "#und-Latn"
_NATURAL = "http://eidas.europa.eu/attributes/naturalperson/"
_LEGAL = "http://eidas.europa.eu/attributes/legalperson/"
_AGE_OVER = "age_over_"
# Before the name of an attribute of the person for whom somebody acts
REPRESENTED = "represented_"
MANDATE = AttributeName("mandate")
# The identifiers of those for whom somebody acts: of a company, and of another person
COMPANY, OTHER = AttributeName("legal_person_identifier"), AttributeName(f"{REPRESENTED}person_identifier")
_AGE = re.compile(r"[0-9]+")
# Forms that say by themselves what they are about; the claim of every other one has its attribute's before it
_ALONE: Mapping[str, frozenset[str]] = {
    "birthdate": frozenset(("age_over", "age_in", "birth_year")),
    "address": frozenset(("resident_of",)),
    "nationality": frozenset(("is_eu_citizen", "nationality_in")),
}
ABOUT_A_PERSON = frozenset().union(*_ALONE.values())


@dataclass(frozen=True, slots=True)
class AttributeType:
    """One attribute and its names.

    `claim` and `scope` are those of OpenID Connect (scope "" where only `claims` asks for it), `eidas` is "" where eIDAS
    has no attribute of the same meaning, `saml` has the usual names, each with the part of an address that it holds or "".
    `values` are the words of a closed set, () where any may come. `persons` are the kinds of sign-in that can have it.
    `stork` is as `eidas`.
    """

    name: AttributeName
    kind: AttributeKind
    title: Translated
    claim: str
    scope: str = ""
    eidas: str = ""
    saml: Mapping[str, str] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    persons: frozenset[PersonKind] = EVERYBODY
    stork: str = ""
    # None of an attribute that eIDAS itself has, or that no node knows
    eidas_form: EidasForm | None = None

    @property
    def eidas_name(self) -> str:
        """The name between nodes, also of what one of them says of whoever is represented; "" where it has none."""
        of_the_other = STANDARD.attributes.get(AttributeName(self.name.removeprefix(REPRESENTED)))
        return self.eidas or (of_the_other.eidas if of_the_other is not None else "")

    def between_nodes(self, kind: PersonKind) -> bool:
        """Whether a node's answer of this kind can have it.

        An additional attribute is in no person's set, and does not say whether it is of whoever acts or of the other: of
        kinds that act it goes only where `persons` has no other kind.
        """
        return kind in self.persons and (not kind.acts or self.eidas_form is None or self.persons <= ACTING)

    def says_alone(self, form: str) -> bool:
        """Whether a form, by its name, needs no attribute's name beside it: `age_over` of the person's birth date."""
        return form in _ALONE.get(self.name, ())

    def claim_of(self, form: str) -> str:
        """The claim of a form by its name; that of an age goes on with a number."""
        if form == EXACT.name:
            return self.claim
        return ("" if self.says_alone(form) else f"{self.claim}_") + (_AGE_OVER if form == "age_over" else form)


def _attribute(
    name: str,
    kind: AttributeKind,
    *,
    scope: str = "",
    eidas: str = "",
    claim: str = "",
    persons: frozenset[PersonKind] = BY_A_PERSON,
    **oids: str,
) -> AttributeType:
    """A row of the table below; `oids` by part of the attribute (`all` for the whole)."""
    return AttributeType(
        name=AttributeName(name),
        kind=kind,
        title={"en": _TITLES[name]},
        claim=claim or name,
        scope=scope,
        eidas=_NATURAL + eidas if eidas else "",
        stork=f"http://www.stork.gov.eu/1.0/{_STORK[name]}" if name in _STORK else "",
        saml={f"urn:oid:{oid}": "" if part == "all" else part for part, oid in oids.items()},
        persons=persons,
    )


def _legal(name: str, eidas: str, kind: AttributeKind = AttributeKind.TEXT) -> AttributeType:
    """An attribute of a company. No other standard has it: services that speak SAML get it under the name of eIDAS."""
    return replace(_attribute(name, kind, persons=ABOUT_A_COMPANY), eidas=_LEGAL + eidas)


def _represented(name: str, kind: AttributeKind) -> AttributeType:
    """An attribute of the person for whom somebody acts. Between nodes it has the plain name, which is the other's here."""
    return _attribute(f"{REPRESENTED}{name}", kind, persons=frozenset((PersonKind.FOR_NATURAL,)))


_SCHAC = "1.3.6.1.4.1.25178.1.2."
# In English; the pages' catalogues of phrases say them in every language
_TITLES = {
    "family_name": "Family name",
    "given_name": "Given name",
    "birthdate": "Date of birth",
    "person_identifier": "Personal identifier",
    "gender": "Gender",
    "nationality": "Nationality",
    "place_of_birth": "Place of birth",
    "country_of_birth": "Country of birth",
    "town_of_birth": "Town of birth",
    "country_of_residence": "Country of residence",
    "address": "Address",
    "email": "Email address",
    "phone_number": "Phone number",
    "birth_family_name": "Family name at birth",
    "legal_name": "Name of the company",
    "legal_person_identifier": "Identifier of the company",
    "legal_address": "Address of the company",
    "vat_number": "VAT number",
    "tax_reference": "Tax reference number",
    "eu_company_identifier": "European unique identifier of the company",
    "lei": "Legal Entity Identifier (LEI)",
    "eori": "EORI number for customs",
    "seed": "Excise number (SEED)",
    "sic": "Industry code (SIC)",
    "legal_phone_number": "Phone number of the company",
    "legal_email": "Email address of the company",
    "represented_family_name": "Family name of the other person",
    "represented_given_name": "Given name of the other person",
    "represented_birthdate": "Date of birth of the other person",
    "represented_person_identifier": "Personal identifier of the other person",
    "represented_address": "Address of the other person",
    "mandate": "Mandate to act for somebody",
}
_STORK = {
    "family_name": "surname",
    "given_name": "givenName",
    "birthdate": "dateOfBirth",
    "person_identifier": "eIdentifier",
    "gender": "gender",
    "nationality": "nationalityCode",
    "place_of_birth": "placeOfBirth",
    "address": "canonicalResidenceAddress",
    "email": "eMail",
    "birth_family_name": "inheritedFamilyName",
    "mandate": "mandate",
}
_STANDARD_ATTRIBUTES = (
    _attribute("family_name", AttributeKind.NAME, scope="profile", eidas="CurrentFamilyName", all="2.5.4.4"),
    _attribute("given_name", AttributeKind.NAME, scope="profile", eidas="CurrentGivenName", all="2.5.4.42"),
    _attribute("birthdate", AttributeKind.DATE, scope="profile", eidas="DateOfBirth", all=_SCHAC + "3"),
    _attribute("person_identifier", AttributeKind.NUMBER, eidas="PersonIdentifier", all=_SCHAC + "15"),
    _attribute("gender", AttributeKind.TEXT, scope="profile", eidas="Gender", all=_SCHAC + "2"),
    _attribute("nationality", AttributeKind.NATIONALITY, eidas="Nationality", claim="nationalities", all=_SCHAC + "5"),
    _attribute("place_of_birth", AttributeKind.TEXT, eidas="PlaceOfBirth", all=_SCHAC + "4"),
    _attribute("country_of_birth", AttributeKind.TEXT, eidas="CountryOfBirth"),
    _attribute("town_of_birth", AttributeKind.TEXT, eidas="TownOfBirth"),
    _attribute("country_of_residence", AttributeKind.TEXT, eidas="CountryOfResidence", all=_SCHAC + "11"),
    _attribute(
        "address",
        AttributeKind.ADDRESS,
        scope="address",
        eidas="CurrentAddress",
        street="2.5.4.9",
        postal_code="2.5.4.17",
        locality="2.5.4.7",
        region="2.5.4.8",
        country="2.5.4.6",
    ),
    _attribute("email", AttributeKind.TEXT, scope="email", eidas="EmailAddress", all="0.9.2342.19200300.100.1.3"),
    _attribute("phone_number", AttributeKind.NUMBER, scope="phone", eidas="PhoneNumber", all="2.5.4.20"),
    # eIDAS BirthName holds all names at birth, not the family name alone: no eIDAS name here
    _attribute("birth_family_name", AttributeKind.NAME),
    _legal("legal_name", "LegalName"),
    _legal("legal_person_identifier", "LegalPersonIdentifier", AttributeKind.NUMBER),
    _legal("legal_address", "LegalPersonAddress", AttributeKind.ADDRESS),
    _legal("vat_number", "VATRegistrationNumber"),
    _legal("tax_reference", "TaxReference"),
    _legal("eu_company_identifier", "D-2012-17-EUIdentifier"),
    _legal("lei", "LEI"),
    _legal("eori", "EORI"),
    _legal("seed", "SEED"),
    _legal("sic", "SIC"),
    _legal("legal_phone_number", "LegalPhoneNumber"),
    _legal("legal_email", "LegalEmailAddress"),
    _represented("family_name", AttributeKind.NAME),
    _represented("given_name", AttributeKind.NAME),
    _represented("birthdate", AttributeKind.DATE),
    _represented("person_identifier", AttributeKind.NUMBER),
    _represented("address", AttributeKind.ADDRESS),
    replace(
        _attribute("mandate", AttributeKind.MANDATE, persons=ACTING),
        # Of no set: the EU's node ships it among its additional attributes
        eidas="http://data.europa.eu/p4s/attributes/PowerOfRepresentationScope",
        eidas_form=EidasForm(STRING, "PowerOfRepresentationScope"),
    ),
)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The attributes that a broker knows. Made once; raises `Misconfigured` where the forms of one are no semilattice."""

    attributes: Mapping[AttributeName, AttributeType]
    _by_claim: Mapping[str, AskedAttribute] = field(init=False, repr=False, compare=False)
    # Claims of forms that have a parameter: of ages their beginning, of others the whole name
    _by_parameter: Mapping[str, tuple[AttributeName, str]] = field(init=False, repr=False, compare=False)
    _by_scope: Mapping[str, tuple[AskedAttribute, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_claim: dict[str, AskedAttribute] = {}
        by_parameter: dict[str, tuple[AttributeName, str]] = {}
        for attribute in self.attributes.values():
            check_semilattice(attribute.name, FORMS[attribute.kind])
            for known in FORMS[attribute.kind].values():
                claim = attribute.claim_of(known.name)
                if known.parameter:
                    by_parameter[claim] = attribute.name, known.name
                else:
                    form = EXACT if known.name == EXACT.name else Form(known.name)
                    by_claim[claim] = AskedAttribute(attribute.name, form)
        by_scope: dict[str, tuple[AskedAttribute, ...]] = {}
        for attribute in sorted(self.attributes.values(), key=lambda each: each.name):
            if attribute.scope:
                by_scope[attribute.scope] = (*by_scope.get(attribute.scope, ()), AskedAttribute(attribute.name, EXACT))
        object.__setattr__(self, "_by_claim", by_claim)
        object.__setattr__(self, "_by_parameter", by_parameter)
        object.__setattr__(self, "_by_scope", by_scope)

    def with_own(self, own: Iterable[AttributeType]) -> "Catalogue":
        """This catalogue and a city's own attributes."""
        return Catalogue({**self.attributes, **{attribute.name: attribute for attribute in own}})

    def knows(self, name: AttributeName, form: Form) -> bool:
        """Whether there is such an attribute, and it has such a form."""
        return name in self.attributes and is_form(self.attributes[name].kind, form)

    def form(self, name: AttributeName, text: str) -> Form | None:
        """Read a form of this attribute; None where it has no such form."""
        form = parse_form(text)
        return form if form is not None and self.knows(name, form) else None

    def beyond(self, name: AttributeName, form: Form) -> tuple[str, ...]:
        """The entries of a form's list that fit no value of the attribute's closed set; none where any value may come."""
        values = self.attributes[name].values
        listed = entries(form.parameter) if values and form.parameter else ()
        begins = form.name == "prefix"
        return tuple(one for one in listed if not any(v.startswith(one) if begins else v == one for v in values))

    def spellings(self, name: AttributeName) -> tuple[str, ...]:
        """How a file may write the forms of this attribute: `exact`, `age_over(N)`, `resident_of(PLACE)`."""
        return tuple(spelling(known) for known in FORMS[self.attributes[name].kind].values())

    def meet(self, name: AttributeName, a: Form, b: Form) -> Form | None:
        """The strongest form that says no more than either; None is nothing at all."""
        attribute = self.attributes.get(name)
        return meet(FORMS[attribute.kind], a, b) if attribute else None

    def each_once(self, asked: Iterable[AskedAttribute]) -> tuple[AskedAttribute, ...]:
        """Each attribute once, in the form that says more. Raises `RequestRefused` where neither of two does."""
        forms: dict[AttributeName, Form] = {}
        for one in asked:
            before = forms.get(one.name, one.form)
            weaker = self.meet(one.name, one.form, before)
            if weaker not in (one.form, before):
                raise RequestRefused("One attribute is asked for in two forms, neither of which says more.")
            forms[one.name] = before if weaker == one.form else one.form
        return tuple([AskedAttribute(name, forms[name]) for name in sorted(forms)])

    # -- OpenID Connect ------------------------------------------------------------------------------------------------

    def claim_for(self, name: AttributeName, form: Form) -> str:
        """The claim that carries this attribute in this form. The attribute must be of this catalogue."""
        claim = self.attributes[name].claim_of(form.name)
        return claim + form.parameter if form.name == "age_over" else claim

    def claim_value(self, name: AttributeName, form: Form, value: Value) -> ClaimValue:
        """The value as JSON, as its claim has it: an address object (Core §5.1.1), `{"Storkhaven": true}` for a place."""
        match value:
            case Address():
                parts = {
                    "street_address": value.street,
                    "postal_code": value.postal_code,
                    "locality": value.locality,
                    "region": value.region,
                    "country": value.country,
                }
                return {part: text for part, text in parts.items() if text}
            case bool() if form.parameter and form.name != "age_over":
                return {form.parameter: value}
            case str() | tuple() if name in self.attributes and self.attributes[name].kind is AttributeKind.MANDATE:
                return [json.loads(one) for one in ((value,) if isinstance(value, str) else value)]
            case tuple():
                return list(value)
            case str() if form == EXACT and name in self.attributes and self.attributes[name].kind in MULTIPLE:
                return [value]
            case str() if name == "place_of_birth":
                return {"locality": value}
            case _:
                return value

    def asked_by_claim(self, claim: str, value: str = "") -> AskedAttribute | None:
        """The attribute that a claim asks for; None where we know no such claim.

        A parameter is the requested `value` (Core §5.5.1), but an age stands in its claim's name.
        """
        if claim in self._by_claim:
            return self._by_claim[claim]
        before, age, years = claim.rpartition(_AGE_OVER)
        if age and _AGE.fullmatch(years):
            claim, value = before + age, years
        name, form_name = self._by_parameter.get(claim, (AttributeName(""), ""))
        form = self.form(name, f"{form_name}({value})") if name else None
        return AskedAttribute(name, form) if form else None

    def asked_by_scope(self, scope: str) -> tuple[AskedAttribute, ...]:
        """The attributes that a standard scope asks for (Core §5.4), sorted by name; none for any other scope."""
        return self._by_scope.get(scope, ())

    @property
    def claims(self) -> tuple[str, ...]:
        """Every claim that can be asked for, for discovery's `claims_supported`; `age_over_18` stands for every age."""
        by_parameter = (claim + "18" if claim.endswith(_AGE_OVER) else claim for claim in self._by_parameter)
        return tuple(sorted({*self._by_claim, *by_parameter}))

    def claims_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those claims of these attributes that need no parameter, and `age_over_18` for every age."""
        wanted = frozenset(names)
        plain = (claim for claim, asked in self._by_claim.items() if asked.name in wanted)
        ages = (
            claim + "18" for claim, (name, _) in self._by_parameter.items() if claim.endswith(_AGE_OVER) and name in wanted
        )
        return tuple(sorted({*plain, *ages}))


def may_ask(asked: AskedAttribute, named: Collection[AskedAttribute], *, any_age: bool) -> bool:
    """Whether a request may bring this form: one with a parameter of its own would be its words on our page.

    `named` are those of purpose and registration. `any_age` lets every age be asked for.
    """
    return not asked.form.parameter or (any_age and asked.form.name == "age_over") or asked in named


STANDARD = Catalogue({attribute.name: attribute for attribute in _STANDARD_ATTRIBUTES})
