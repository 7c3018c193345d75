"""How a copy of our metadata at a federation compares with what we publish: its keys, and the addresses in it. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from connectors.formats.metadata import certificates_in, entity_of, roles_of
from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element, attributes
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.wire.names import md

_ROLES = ("SPSSODescriptor", "IDPSSODescriptor")


@dataclass(frozen=True, slots=True)
class Uptake:
    """A copy `lacks` something that we publish, or `still` has something that we do not: keys by id, and addresses."""

    lacks: tuple[str, ...]
    still: tuple[str, ...]


def signing(key_id: str) -> str:
    """A key that signs, as `Uptake` names it."""
    return f"signing key {key_id}"


def uptake(ours: bytes, theirs: bytes, ending: Collection[str]) -> Uptake:
    """Compare two EntityDescriptors. `ending` are the ids of keys that sign no more: nobody has to learn of them.

    What federations add is left alone. ValueError, with words for an operator, for what is none.
    """
    here, there = _facts(ours), _facts(theirs)
    known = {signing(key_id) for key_id in ending}
    return Uptake(tuple(sorted(here - there - known)), tuple(sorted(there - here)))


def _facts(octets: bytes) -> frozenset[str]:
    root = entity_of(octets)
    return frozenset(fact for name in _ROLES for role in roles_of(root, name) for fact in _of(role))


def _of(role: Element) -> Iterator[str]:
    for descriptor in role.iterchildren(md("KeyDescriptor")):
        use = attributes(descriptor).get("use", "")
        for der in certificates_in(descriptor):
            key_id = key_of_certificate(der, SAML2INT).key_id
            # No `use` means both (Metadata 2.0 §2.4.1.1)
            yield from (f"{one} key {key_id}" for one in ("signing", "encryption") if use in ("", one))
    for one in role.iterchildren("{*}*"):
        said = attributes(one)
        if "Location" in said:
            binding = said.get("Binding", "").rpartition(":")[2]
            back = f", answers to {said['ResponseLocation']}" if "ResponseLocation" in said else ""
            yield f"{one.tag.rpartition('}')[2]} {binding} {said['Location']}{back}"
