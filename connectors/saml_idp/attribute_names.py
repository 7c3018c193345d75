"""Our attributes and forms as SAML names, and back (saml2int SDP-G02: names are URIs, values simple texts).

| what | name |
|---|---|
| an attribute as it is | the catalogue's `urn:oid:…`; of an address one for each part |
| municipality, region or country of an address | the name of that part |
| an attribute of a company | its URI of eIDAS |
| every other form, and what has no such name | `ISSUER/attributes/` and the claim of OpenID Connect, `age_over_18` |
| a form with a parameter | the same, and the parameter as one more segment: `…/resident_of/Storkhaven`, `true` or `false` |
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from urllib.parse import quote, unquote

from connectors.formats.saml_message import WireAttribute
from connectors.mapping import BIRTHDATE
from connectors.wire.names import ATTRNAME_URI
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form
from policies.authentication import AskedAttribute
from policies.catalogue import IN_LATIN, AttributeType, Catalogue
from policies.persons import ABOUT_A_COMPANY, PERSON_KIND, PersonKind

GENDER = AttributeName("gender")
# ISO/IEC 5218, which SCHAC has
_GENDERS = {"male": "1", "female": "2", "unspecified": "9"}
# The form of an address that is one part of it
_PARTS: Mapping[str, str] = {"municipality": "locality", "region": "region", "country": "country"}
_FORM_OF = {part: form for form, part in _PARTS.items()}
_DAY = len("2000-01-01")


class AttributeNames:
    """The names of one broker: `issuer` begins those that no standard has."""

    def __init__(self, issuer: str, catalogue: Catalogue) -> None:
        self._base, self._catalogue = f"{issuer}/attributes/", catalogue
        self._known: dict[str, AskedAttribute] = {}
        for one in catalogue.attributes.values():
            for uri, part in one.saml.items():
                form = Form(_FORM_OF[part]) if part in _FORM_OF else EXACT
                self._known[uri] = AskedAttribute(one.name, form)
            if one.eidas:
                self._known[one.eidas] = AskedAttribute(one.name, EXACT)

    def asked(self, name: str) -> AskedAttribute | None:
        """The attribute and form that a name asks for; None where we know no such name."""
        if not name.startswith(self._base):
            return self._known.get(name)
        claim, _, parameter = name.removeprefix(self._base).partition("/")
        return self._catalogue.asked_by_claim(claim, unquote(parameter))

    def written(self, attributes: Iterable[Attribute], person: PersonKind = PersonKind.NATURAL) -> Iterator[WireAttribute]:
        """The attributes of an answer, each name once; before them the kind of any but a person for themself."""
        if person is not PersonKind.NATURAL:
            yield _attribute(self._base + PERSON_KIND, person.value)
        for one in attributes:
            known = self._catalogue.attributes[one.name]
            if isinstance(one.value, Address):
                # One of a company or of whoever is represented has no names in a standard
                parts = known.saml or {f"{self._own(one)}/{part.name}": part.name for part in fields(Address)}
                for uri, part in parts.items():
                    if text := getattr(one.value, part):
                        yield _attribute(uri, text)
                continue
            values = _texts(one)
            if name := _standard(one, known):
                yield _attribute(name, *(_spelled(one.name, value) for value in values))
            else:
                yield _attribute(self._own(one), *values)
            if one.latin:
                yield _attribute(self._own(one) + IN_LATIN, one.latin)

    def _own(self, one: Attribute) -> str:
        claim = self._catalogue.claim_for(one.name, one.form)
        in_claim = not one.form.parameter or one.form.name == "age_over"
        return self._base + claim + ("" if in_claim else f"/{quote(one.form.parameter, safe='')}")


def _attribute(name: str, *values: str) -> WireAttribute:
    return WireAttribute(name, ATTRNAME_URI, values, ())


def _texts(one: Attribute) -> tuple[str, ...]:
    match one.value:
        case bool():
            return ("true" if one.value else "false",)
        case tuple():
            return one.value
        case _:
            return (str(one.value),)


def _standard(one: Attribute, known: AttributeType) -> str:
    """The name that a standard has for this attribute in this form; "" where none has one."""
    part = _PARTS.get(one.form.name, "") if one.form != EXACT else ""
    if one.form != EXACT and not part:
        return ""
    if one.name == BIRTHDATE and len(str(one.value)) != _DAY:
        return ""  # SCHAC has whole dates alone
    if known.persons == ABOUT_A_COMPANY:
        return known.eidas
    return next((uri for uri, of in known.saml.items() if of == part), "")


def _spelled(name: AttributeName, value: str) -> str:
    """The value as the standard of its name spells it."""
    if name == BIRTHDATE:
        return value.replace("-", "")
    return _GENDERS.get(value.lower(), value) if name == GENDER else value
