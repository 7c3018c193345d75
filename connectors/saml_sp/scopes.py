"""Scoped attributes: `name@scope` counts from an identity provider that its metadata gives that scope (saml2int SDP-SP18).

Without this, one university says of its student that another employs them. A value of another scope is left out, as if the
provider had sent none.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from connectors.formats.saml_message import WireAttribute
from policies.federation.categories import RAF_VALUES

_EDU_PERSON = "urn:oid:1.3.6.1.4.1.5923.1.1.1."
_SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:"
_MACE = "urn:mace:dir:attribute-def:"
# eduPerson 2022 §3, Subject Identifier Attributes 1.0
SCOPED = frozenset(
    [f"{_EDU_PERSON}{number}" for number in (6, 9, 13)]
    + [f"{_MACE}eduPerson{name}" for name in ("PrincipalName", "ScopedAffiliation", "UniqueId")]
    + [f"{_SUBJECT_ID}{name}" for name in ("subject-id", "pairwise-id")]
)
_ASSURANCE = frozenset({f"{_EDU_PERSON}11", f"{_MACE}eduPersonAssurance"})
# schacHomeOrganization: the whole value is a scope
_HOME_ORGANIZATION = frozenset({"urn:oid:1.3.6.1.4.1.25178.1.2.9"})


def in_scope(attributes: Iterable[WireAttribute], scopes: Collection[str]) -> tuple[WireAttribute, ...]:
    """The attributes without the values of a scope that is none of `scopes` (in small letters)."""
    return tuple([_kept(one, scopes) for one in attributes])


def _kept(attribute: WireAttribute, scopes: Collection[str]) -> WireAttribute:
    if attribute.name in _HOME_ORGANIZATION:
        return replace(attribute, values=tuple([value for value in attribute.values if value.lower() in scopes]))
    if attribute.name not in SCOPED:
        return attribute
    # An at sign too many would be two scopes, of which two readers choose one each
    kept = [value for value in attribute.values if value.count("@") == 1 and value.partition("@")[2].lower() in scopes]
    return replace(attribute, values=tuple(kept), name_ids=())


def raf_values(attributes: Iterable[WireAttribute]) -> frozenset[str]:
    """The values of REFEDS assurance in eduPersonAssurance that we know; anything else there means nothing here."""
    return frozenset(value for one in attributes if one.name in _ASSURANCE for value in one.values) & RAF_VALUES
