"""`catalogue.toml`: the attributes that a city or a country adds, of any kind but an address."""

import re
from collections.abc import Collection

from policies.attributes import AttributeName
from policies.catalogue import STANDARD, AttributeType, Catalogue
from policies.eidas_form import STRING, EidasForm
from policies.forms import FORMS, AttributeKind
from policies.load.table import Table
from policies.parameters import is_entry
from policies.persons import EVERYBODY, PERSON_KIND

# An address has parts, and a source names each of them
_KINDS = {kind.value: kind for kind in AttributeKind if kind is not AttributeKind.ADDRESS}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NAME_FIX = "use small letters, digits and underscores, at most 64, a letter first."
# Claims of a token about itself or the login (OpenID Connect Core §2, RFC 7519 §4.1): no attribute may pass for one
_RESERVED = frozenset(
    (
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "acr", "amr", "azp", "auth_time", "at_hash", "c_hash"),
        *("s_hash", "sid", "cnf", "events", "act", "may_act", "scope", "client_id", "email_verified"),
        "phone_number_verified",
        PERSON_KIND,
    )
)
_DERIVED = "age_over_"
# The attributes and types of eIDAS itself, which nobody redefines
_EIDAS = "http://eidas.europa.eu/attributes/"
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[\x21\x23-\x3b\x3d\x3f-\x7e]{1,1000}")
_URI_FIX = 'write eidas = "https://sector.example/attributes/Licence", the URI under which nodes know it.'
_TYPE = re.compile(r"\{[a-z][a-z0-9+.-]*:[\x21\x23-\x3b\x3d\x3f-\x7a\x7c\x7e]{1,1000}\}[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_TYPE_FIX = 'write eidas_type = "{https://sector.example/attributes}LicenceType", or leave it out for text.'
_FRIENDLY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
# One claim of an age stands for all of them
_NUMBER = re.compile(r"(?<=age_over_)[0-9]+$")


def read_own_attributes(table: Table) -> Catalogue:
    """The standard catalogue and the city's own attributes. Problems go to the table's list."""
    own: dict[AttributeName, AttributeType] = {}
    taken = {_NUMBER.sub("", known) for known in STANDARD.claims}
    names = {known.eidas for known in STANDARD.attributes.values()}
    attributes = table.table("attributes", "write [attributes.NAME] for each attribute of your own.")
    table.close()
    if attributes is None:
        return STANDARD
    for key in attributes.names():
        one = attributes.table(key, "write [attributes.NAME] with kind, title.en and claim.")
        if one is None:
            continue
        claim = one.matching("claim", _NAME, _NAME_FIX, default=key)
        if not _NAME.fullmatch(key) or key in STANDARD.attributes:
            what = "is in the catalogue already." if key in STANDARD.attributes else "is no name of an attribute."
            attributes.problem(key, what, f"choose another name; {_NAME_FIX}")
        attribute = AttributeType(
            name=AttributeName(key),
            kind=one.choice("kind", _KINDS, AttributeKind.TEXT),
            title=one.translated("title", "Library card number"),
            claim=claim,
            saml=dict.fromkeys(one.texts("saml", 'write saml = ["urn:oid:..."].', required=False), ""),
            values=_values(one),
            eidas=(uri := one.matching("eidas", _URI, _URI_FIX, default="")),
            eidas_form=_eidas_form(one, uri, names) if uri else None,
            persons=one.persons() if "persons" in one else EVERYBODY,
        )
        names.add(uri)
        carried = {_NUMBER.sub("", attribute.claim_of(form)) for form in FORMS[attribute.kind]}
        if carried & (taken | _RESERVED) or claim.startswith(_DERIVED):
            one.problem("claim", f"the claim `{claim}` is taken.", "write claim = a name that no other attribute has.")
        taken |= carried
        own[attribute.name] = attribute
        one.close()
    return STANDARD.with_own(own.values())


def _eidas_form(table: Table, uri: str, taken: Collection[str]) -> EidasForm:
    """How nodes write an attribute of a sector."""
    if uri.startswith(_EIDAS) or uri in taken:
        what = "is a name of eIDAS itself." if uri.startswith(_EIDAS) else "is the name of another attribute."
        table.problem("eidas", what, _URI_FIX)
    type_name = table.matching("eidas_type", _TYPE, _TYPE_FIX, default=STRING)
    transliterated = table.flag("eidas_transliterated")
    if transliterated and type_name == STRING:
        table.problem("eidas_transliterated", "is for a type that can say its script.", _TYPE_FIX)
    pattern = table.text("eidas_pattern", 'write eidas_pattern = "[A-Z]{2}[0-9]+".', default="")
    try:
        re.compile(pattern)
    except re.error:
        table.problem("eidas_pattern", "is no regular expression.", 'write eidas_pattern = "[A-Z]{2}[0-9]+".')
    last = re.split(r"[/:#]", uri.rstrip("/"))[-1]
    friendly = table.matching("eidas_friendly_name", _FRIENDLY, 'write eidas_friendly_name = "Licence".', default=last)
    return EidasForm(type_name, friendly, table.flag("eidas_required"), transliterated, pattern)


def _values(table: Table) -> tuple[str, ...]:
    """The words of a closed set. Any word may come where none is named."""
    fix = 'write values = ["staff", "student"], or leave it out: then any word may come.'
    values = table.texts("values", fix, required="values" in table)
    if values and table.take("kind") != AttributeKind.SET:
        table.problem("values", "is for a set alone.", 'leave it out, or write kind = "set".')
    for index, value in enumerate(values):
        if not is_entry(value):
            table.problem("values", f"{value!r} cannot stand in a list.", "write it without comma or brackets.", str(index))
    return values
