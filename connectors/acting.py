"""The kind of a sign-in and the one for whom somebody acts, of what a provider was understood to say.

A company has a namespace of its own beside its provider's: no company's identifier is a person's.
"""

from collections.abc import Collection, Mapping

from connectors.wire.text import is_plain
from policies.attributes import AttributeName, Value
from policies.catalogue import COMPANY, MANDATE, OTHER, REPRESENTED
from policies.errors import AssertionRejected
from policies.mandates import read_mandates
from policies.parties import IdentityProvider, SubjectNamespace
from policies.persons import ActingFor, PersonKind

_OF_WHOEVER_ACTS = frozenset(map(AttributeName, ("family_name", "given_name", "birthdate", MANDATE)))
# No configured namespace has a colon
_COMPANIES = ":legal"


def namespace_of(scheme: str, kind: PersonKind) -> SubjectNamespace:
    """The namespace of the persons of a scheme, or of its companies."""
    return SubjectNamespace(f"{scheme}{_COMPANIES}" if kind is PersonKind.LEGAL else scheme)


def acting_for(
    kind: PersonKind, provider: IdentityProvider, offered: Mapping[AttributeName, Value], identifier: str
) -> ActingFor | None:
    """The one for whom somebody acts, with the mandates that were told; None where they act for nobody.

    Raises `AssertionRejected` for a mandate that nobody can read.
    """
    if not kind.acts:
        return None
    of = PersonKind.LEGAL if kind is PersonKind.FOR_LEGAL else PersonKind.NATURAL
    mandates = read_mandates(offered[MANDATE]) if MANDATE in offered else ()
    if mandates is None:
        raise AssertionRejected("mandate", "a mandate that is none, or that contradicts itself")
    return ActingFor(of, namespace_of(provider.namespace, of), identifier, mandates)


def check_taken(kind: PersonKind, provider: IdentityProvider) -> None:
    """Raises `AssertionRejected` where a provider's registration does not let it vouch for this kind."""
    if kind not in provider.persons:
        raise AssertionRejected("representation", f"a sign-in of the kind {kind}, which the registration does not take")


def told_by_attributes(
    provider: IdentityProvider, offered: Mapping[AttributeName, Value], came: Collection[str]
) -> tuple[PersonKind, ActingFor | None]:
    """The word of a national provider by the attributes that its registration maps: whom the person acts for, or nobody.

    `came` has the wire names of the answer, whether or not a value was read from them. A company that signs in by itself
    has `legal_person_identifier` too, and nothing of a person. Raises `AssertionRejected`.
    """
    there = {name for wire, (name, _) in provider.attributes.items() if wire in came}
    if not there & {COMPANY, OTHER} <= offered.keys():
        raise AssertionRejected("represented", "whoever is represented has an identifier that cannot be read")
    company, other = offered.get(COMPANY), offered.get(OTHER)
    if company is not None and other is not None:
        raise AssertionRejected("persons", "somebody who acts for a person and for a company at once")
    about_another = [name for name in offered if name.startswith((REPRESENTED, "legal_")) or name == MANDATE]
    if company is None and other is None and about_another:
        raise AssertionRejected("represented", "attributes of somebody who is represented, without an identifier")
    kind = PersonKind.NATURAL if other is None else PersonKind.FOR_NATURAL
    if company is not None:
        alone = PersonKind.LEGAL in provider.persons and there.isdisjoint(_OF_WHOEVER_ACTS)
        kind = PersonKind.LEGAL if alone else PersonKind.FOR_LEGAL
    check_taken(kind, provider)
    identifier = company if other is None else other
    return kind, acting_for(kind, provider, offered, _text(identifier) if kind.acts else "")


def _text(value: Value | None) -> str:
    if not isinstance(value, str) or not is_plain(value):
        raise AssertionRejected("represented", "a represented person whose identifier is no plain text")
    return value
