"""The one table of named deviations: messages of deployed peers that a standard forbids and we take all the same.

A deviation changes neither who somebody is, nor what is released, nor to whom. Each names its sender and its bound: the
same message with one thing more is refused by the old check. A harmless one is on for every peer of its profile. Any other
is switched on for one peer, by `deviations = ["name"]` in its registration. `docs/deviations.md` is made from this table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """One deviation. Texts are plain sentences for operators."""

    name: str
    profile: str  # "eidas" or "saml2int", as `connectors.profiles` names them
    what: str  # what arrives
    senders: str  # who sends it: products and versions
    forbidden_by: str  # the standard and its section
    bound: str  # why it is harmless, or what bounds it
    # False: on for its profile. True: on for one peer, by its registration
    by_registration: bool = False


# Names, for whoever asks whether one passes
EMPTY_CONTEXT_DECLARATION = "empty_authn_context_decl"
CONFIRMATION_NOT_BEFORE = "confirmation_not_before"
ATTRIBUTE_WITHOUT_NAME_FORMAT = "attribute_without_name_format"
PATCH_OF_PROTOCOL_VERSION = "patch_protocol_version"
UNKNOWN_ASSURANCE = "unknown_assurance"
REGISTERED_COUNTRY = "registered_country"
NO_PROTOCOL_VERSION = "no_protocol_version"
LENIENT_CERTIFICATE = "lenient_certificate"
AES_CBC = "aes_cbc"

_ALL: tuple[Deviation, ...] = (
    Deviation(
        name=EMPTY_CONTEXT_DECLARATION,
        profile="eidas",
        what="An empty `<saml2:AuthnContextDecl/>` stands after the AuthnContextClassRef of an assertion.",
        senders="The EU's eIDAS-Node 2.4 to 2.9, which most countries run.",
        forbidden_by="eIDAS SAML Message Format 1.2 §3.3 has AuthnContextClassRef alone.",
        bound="It says nothing: one with a text, an attribute or a child, or a second one, is refused.",
    ),
    Deviation(
        name=CONFIRMATION_NOT_BEFORE,
        profile="eidas",
        what="The bearer's SubjectConfirmationData has a NotBefore.",
        senders="The German eIDAS middleware 3.4 to 4.0.",
        forbidden_by="SAML Profiles 2.0 §4.1.4.2 forbids it for a bearer.",
        bound="It only narrows: it may not lie ahead of our clock beyond the profile's skew, and lies before NotOnOrAfter.",
    ),
    Deviation(
        name=ATTRIBUTE_WITHOUT_NAME_FORMAT,
        profile="eidas",
        what="A supported attribute in a node's metadata has no NameFormat.",
        senders="The German eIDAS middleware 3.4 to 4.0.",
        forbidden_by="eIDAS SAML Attribute Profile 1.2 §2: each has the NameFormat uri.",
        bound="The whole name is compared with those that we know. Another NameFormat than uri is refused.",
    ),
    Deviation(
        name=PATCH_OF_PROTOCOL_VERSION,
        profile="eidas",
        what="A node's metadata names a protocol version of three numbers, such as 1.4.1.",
        senders="The German eIDAS middleware 4.0.",
        forbidden_by="eIDAS SAML Message Format 1.2 §2.1: versions have two numbers.",
        bound="It counts as its first two numbers, and only where those are a version of ours.",
    ),
    Deviation(
        name=UNKNOWN_ASSURANCE,
        profile="eidas",
        what="The assurance-certification of a node's metadata has values that name no level, such as `High`.",
        senders="The node of the Netherlands.",
        forbidden_by="eIDAS SAML Message Format 1.2 §2.2: levels are URIs.",
        bound="They are left out, so they authorise nothing. A node of which no level is left is not asked.",
    ),
    Deviation(
        name=REGISTERED_COUNTRY,
        profile="eidas",
        what="The role in a node's metadata has no NodeCountry: the country of its registration counts.",
        senders="The second role of Portugal's node; the EU's eIDAS-Node before 2.5.",
        forbidden_by="eIDAS SAML Message Format 1.2 §2.3: each role has one.",
        bound="Its metadata is signed by the certificate that is pinned for this country. Another NodeCountry is refused.",
        by_registration=True,
    ),
    Deviation(
        name=NO_PROTOCOL_VERSION,
        profile="eidas",
        what="A node's metadata names no protocol version at all: the oldest of ours counts.",
        senders="Receiving nodes that are made with the German eIDAS middleware's library.",
        forbidden_by="eIDAS SAML Message Format 1.2 §2.1: a node names those that it speaks.",
        bound="Nothing that we send depends on it. A node that names only versions that we do not speak is not asked.",
        by_registration=True,
    ),
    Deviation(
        name=LENIENT_CERTIFICATE,
        profile="eidas",
        what="A certificate in metadata has a PrintableString with characters that it has not, or NULL beside ECDSA.",
        senders="Portugal's node in production (2023), Poland's test node (2026).",
        forbidden_by="X.680 §41.4 and RFC 5758 §3.2.",
        bound="The key and the dates alone are read, by a reader that mends these two faults and nothing else; every"
        " check of keys follows. No chain and no anchor is read so: a registration that names anchors refuses it.",
    ),
    Deviation(
        name=AES_CBC,
        profile="saml2int",
        what="The assertion is encrypted with AES-128, 192 or 256 in CBC mode, which nothing authenticates.",
        senders="LemonLDAP::NG (lasso) always; SATOSA and pysaml2 where they are configured for AES.",
        forbidden_by="XML Encryption 1.1 section 6.1 warns of it, and saml2int 2.0 (SDP-ALG01) has AES-GCM.",
        bound=(
            "The Response is signed over the ciphertext, and that signature is verified before a key is used. The provider "
            "has an encryption key of its own, which opens its answers alone. Every failure to open one looks alike, and "
            "the tenth within an hour switches the deviation off, until an operator switches it on. 3DES stays refused."
        ),
        by_registration=True,
    ),
)

DEVIATIONS: Mapping[str, Deviation] = {one.name: one for one in _ALL}


def usual(profile: str) -> frozenset[str]:
    """The names of those that are on for every peer of a profile."""
    return frozenset(name for name, one in DEVIATIONS.items() if one.profile == profile and not one.by_registration)


def by_registration(profile: str) -> frozenset[str]:
    """The names that a registration of a peer of this profile may switch on."""
    return frozenset(name for name, one in DEVIATIONS.items() if one.profile == profile and one.by_registration)


def named(names: Iterable[str]) -> tuple[Deviation, ...]:
    """The rows of these names, sorted by name."""
    return tuple(DEVIATIONS[name] for name in sorted(names))
