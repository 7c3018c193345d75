"""`catalogue.toml`: the attributes that a city adds, of the kinds `text` (exact alone) and `name` (also initials)."""

import re

from policies.attributes import AttributeName
from policies.catalogue import STANDARD, AttributeType, Catalogue
from policies.forms import AttributeKind
from policies.load.table import Table

_KINDS = {"text": AttributeKind.TEXT, "name": AttributeKind.NAME}
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
_DERIVED = ("age_over_",)


def read_own_attributes(table: Table) -> Catalogue:
    """The standard catalogue and the city's own attributes. Problems go to the table's list."""
    own: dict[AttributeName, AttributeType] = {}
    taken = set(STANDARD.claims)
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
        kind = one.choice("kind", _KINDS, AttributeKind.TEXT)
        carried = {claim, f"{claim}_initials"} if kind is AttributeKind.NAME else {claim}
        if carried & (taken | _RESERVED) or claim.startswith(_DERIVED):
            one.problem("claim", f"the claim `{claim}` is taken.", "write claim = a name that no other attribute has.")
        taken |= carried
        wires = one.texts("saml", 'write saml = ["urn:oid:..."].', required=False)
        own[AttributeName(key)] = AttributeType(
            name=AttributeName(key),
            kind=kind,
            title=one.translated("title", "Library card number"),
            claim=claim,
            saml=dict.fromkeys(wires, ""),
        )
        one.close()
    return STANDARD.with_own(own.values())
