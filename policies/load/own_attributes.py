"""`catalogue.toml`: the attributes that a city adds, of any kind but an address."""

import re

from policies.attributes import AttributeName
from policies.catalogue import STANDARD, AttributeType, Catalogue
from policies.forms import FORMS, AttributeKind
from policies.load.table import Table
from policies.parameters import is_entry

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
    )
)
_DERIVED = "age_over_"
# One claim of an age stands for all of them
_NUMBER = re.compile(r"(?<=age_over_)[0-9]+$")


def read_own_attributes(table: Table) -> Catalogue:
    """The standard catalogue and the city's own attributes. Problems go to the table's list."""
    own: dict[AttributeName, AttributeType] = {}
    taken = {_NUMBER.sub("", known) for known in STANDARD.claims}
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
        )
        carried = {_NUMBER.sub("", attribute.claim_of(form)) for form in FORMS[attribute.kind]}
        if carried & (taken | _RESERVED) or claim.startswith(_DERIVED):
            one.problem("claim", f"the claim `{claim}` is taken.", "write claim = a name that no other attribute has.")
        taken |= carried
        own[attribute.name] = attribute
        one.close()
    return STANDARD.with_own(own.values())


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
