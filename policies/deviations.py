"""The table of named deviations: messages of deployed peers that a standard forbids and we take.

A deviation changes neither who somebody is, nor what is released, nor to whom. Each names its sender and its bound: a check
refuses the same message with one thing more. A harmless deviation is on for every peer of its profile. Any other one is
switched on for one peer, by `deviations = ["name"]` in its registration. `docs/deviations.md` is made from this table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """One deviation. Texts are plain sentences for operators."""

    name: str
    profile: str  # "eidas" or "saml2int", as `connectors.profiles` names them, or "openid"
    what: str  # what arrives
    senders: str  # who sends it: products and versions
    forbidden_by: str  # the standard and its section
    bound: str  # why it is harmless, or what bounds it
    # False: on for every peer of its profile. True: on for one peer, by its registration
    by_registration: bool = False


EMPTY_CONTEXT_DECLARATION = "empty_authn_context_decl"
CONFIRMATION_NOT_BEFORE = "confirmation_not_before"
ATTRIBUTE_WITHOUT_NAME_FORMAT = "attribute_without_name_format"
PATCH_OF_PROTOCOL_VERSION = "patch_protocol_version"
UNKNOWN_ASSURANCE = "unknown_assurance"
REGISTERED_COUNTRY = "registered_country"
NO_PROTOCOL_VERSION = "no_protocol_version"
LENIENT_CERTIFICATE = "lenient_certificate"
AES_CBC = "aes_cbc"
NO_SCOPING = "no_scoping"
ORIGINAL_ISSUER = "original_issuer"
TOKEN_ENDPOINT_AUDIENCE = "token_endpoint_audience"
PLAIN_BASIC = "plain_basic"

_ALL: tuple[Deviation, ...] = (
    Deviation(
        name=EMPTY_CONTEXT_DECLARATION,
        profile="eidas",
        what="An empty `<saml2:AuthnContextDecl/>` stands after the AuthnContextClassRef of an assertion.",
        senders="The EU's eIDAS-Node 2.4 to 2.9, which most countries run.",
        forbidden_by="eIDAS SAML Message Format 1.2 §3.3: only AuthnContextClassRef is allowed.",
        bound="It has no meaning. One with a text, an attribute or a child is refused, and so is a second one.",
    ),
    Deviation(
        name=CONFIRMATION_NOT_BEFORE,
        profile="eidas",
        what="The bearer's SubjectConfirmationData has a NotBefore.",
        senders="The German eIDAS middleware 3.4 to 4.0.",
        forbidden_by="SAML Profiles 2.0 §4.1.4.2, for a bearer.",
        bound="It only narrows: it must be before NotOnOrAfter, and no later than our clock plus the profile's skew.",
    ),
    Deviation(
        name=ATTRIBUTE_WITHOUT_NAME_FORMAT,
        profile="eidas",
        what="A supported attribute in a node's metadata has no NameFormat.",
        senders="The German eIDAS middleware 3.4 to 4.0.",
        forbidden_by="eIDAS SAML Attribute Profile 1.2 §2: each attribute has the NameFormat uri.",
        bound="The whole name must be one that we know. Any other NameFormat than uri is refused.",
    ),
    Deviation(
        name=PATCH_OF_PROTOCOL_VERSION,
        profile="eidas",
        what="A node's metadata names a protocol version of three numbers, such as 1.4.1.",
        senders="The German eIDAS middleware 4.0.",
        forbidden_by="eIDAS SAML Message Format 1.2 §2.1: versions have two numbers.",
        bound="Its first two numbers count, and only if they are a version of ours.",
    ),
    Deviation(
        name=UNKNOWN_ASSURANCE,
        profile="eidas",
        what="The assurance-certification in a node's metadata has values that are no level, such as `High`.",
        senders="The node of the Netherlands.",
        forbidden_by="eIDAS SAML Message Format 1.2 §2.2: levels are URIs.",
        bound="They are left out, so they authorise nothing. A node without any level left is not asked.",
    ),
    Deviation(
        name=REGISTERED_COUNTRY,
        profile="eidas",
        what="The role in a node's metadata has no NodeCountry. The country of its registration counts.",
        senders="The second role of Portugal's node; the EU's eIDAS-Node before 2.5.",
        forbidden_by="eIDAS SAML Message Format 1.2 §2.3: each role has one.",
        bound="The certificate that is pinned for this country signs the metadata. Another NodeCountry is refused.",
        by_registration=True,
    ),
    Deviation(
        name=NO_PROTOCOL_VERSION,
        profile="eidas",
        what="A node's metadata names no protocol version. Our oldest version counts.",
        senders="Receiving nodes with the German eIDAS middleware's library.",
        forbidden_by="eIDAS SAML Message Format 1.2 §2.1: a node names its versions.",
        bound="Nothing that we send depends on it. A node that names only other versions is not asked.",
        by_registration=True,
    ),
    Deviation(
        name=LENIENT_CERTIFICATE,
        profile="eidas",
        what="A certificate in metadata has forbidden characters in a PrintableString, or NULL beside ECDSA.",
        senders="Portugal's node in production (2023), Poland's test node (2026).",
        forbidden_by="X.680 §41.4 and RFC 5758 §3.2.",
        bound="A reader that corrects these two faults alone reads the key and the dates. Every check of keys follows."
        " It reads no chain and no anchor: a registration that names anchors refuses such a certificate.",
    ),
    Deviation(
        name=AES_CBC,
        profile="saml2int",
        what="The assertion is encrypted with AES-128, 192 or 256 in CBC mode, which is not authenticated.",
        senders="LemonLDAP::NG (lasso) always; SATOSA and pysaml2 if they are configured for AES.",
        forbidden_by="saml2int 2.0 (SDP-ALG01): AES-GCM. XML Encryption 1.1 section 6.1 warns of CBC.",
        bound=(
            "The Response's signature covers the ciphertext, and is verified before a key is used. The provider has its "
            "own encryption key, which opens its answers alone. Every failure to open one looks alike. The tenth failure "
            "within an hour switches the deviation off, until an operator switches it on. 3DES is refused."
        ),
        by_registration=True,
    ),
    Deviation(
        name=NO_SCOPING,
        profile="saml2int",
        what="Our request has no Scoping, even if the service limits how many proxies may follow.",
        senders="AD FS before Windows Server 2016 and Microsoft Entra ID, which refuse a request with Scoping.",
        forbidden_by="SAML Core 2.0 §3.4.1.5.1: a proxy hands a lower ProxyCount on.",
        bound="An answer that names an AuthenticatingAuthority is refused, so nobody stands behind the provider. Its"
        " registration may not say that it is a proxy.",
        by_registration=True,
    ),
    Deviation(
        name=ORIGINAL_ISSUER,
        profile="saml2int",
        what="An Attribute has `OriginalIssuer` in Microsoft's namespace of claims.",
        senders="AD FS, if a claim came from another claims provider; brokers behind it, such as Switzerland's eIAM.",
        forbidden_by="saml2int 2.0 (SDP-G02): attributes have simple values, and no meaning beside Name and NameFormat.",
        bound="It is not read: whoever is named there vouches for nothing. Any other foreign attribute is refused.",
        by_registration=True,
    ),
    Deviation(
        name=TOKEN_ENDPOINT_AUDIENCE,
        profile="openid",
        what="Our client assertions name the provider's token endpoint as their audience, not its issuer.",
        senders="Providers that take no other audience, such as Microsoft Entra ID.",
        forbidden_by="FAPI 2.0 Security Profile §5.3.3.1 and rfc7523bis: the audience is the issuer.",
        bound="The address is that of the pinned metadata, whose issuer is held against the registration. An assertion "
        "lives for a minute, and is used once.",
        by_registration=True,
    ),
    Deviation(
        name=PLAIN_BASIC,
        profile="openid",
        what="Our client_id and secret go into HTTP Basic as they are, without the encoding of forms.",
        senders="Providers that decode nothing there, as many older ones do.",
        forbidden_by="RFC 6749 §2.3.1 and appendix B.",
        bound="It changes how the same secret is spelled for the same provider. A colon in our client_id is refused.",
        by_registration=True,
    ),
)

DEVIATIONS: Mapping[str, Deviation] = {one.name: one for one in _ALL}


def usual(profile: str) -> frozenset[str]:
    """The names of the deviations that are on for every peer of a profile."""
    return frozenset(name for name, one in DEVIATIONS.items() if one.profile == profile and not one.by_registration)


def by_registration(profile: str) -> frozenset[str]:
    """The names that a registration of a peer of this profile may switch on."""
    return frozenset(name for name, one in DEVIATIONS.items() if one.profile == profile and one.by_registration)


def named(names: Iterable[str]) -> tuple[Deviation, ...]:
    """The rows of these names, sorted by name."""
    return tuple(DEVIATIONS[name] for name in sorted(names))
