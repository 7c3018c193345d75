"""The table of named deviations: messages of deployed peers that a standard forbids and we take.

A deviation changes neither who somebody is, nor what is released, nor to whom. Each names its sender and its bound: a check
refuses the same message with one thing more. A harmless deviation is on for every peer of its profile. Any other one is
switched on for one peer, by `deviations = ["name"]` in its registration. `connectors.deviations` has their texts, of which
`docs/deviations.md` is made.
"""

from collections.abc import Mapping

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
SHA1_SIGNATURE = "sha1_signature"

PROFILES = ("eidas", "saml2int", "stork", "openid")  # the first three as `connectors.profiles` names them
_USUAL: Mapping[str, frozenset[str]] = {
    "eidas": frozenset(
        (
            EMPTY_CONTEXT_DECLARATION,
            CONFIRMATION_NOT_BEFORE,
            ATTRIBUTE_WITHOUT_NAME_FORMAT,
            PATCH_OF_PROTOCOL_VERSION,
            UNKNOWN_ASSURANCE,
            LENIENT_CERTIFICATE,
        )
    ),
}
_BY_REGISTRATION: Mapping[str, frozenset[str]] = {
    "eidas": frozenset((REGISTERED_COUNTRY, NO_PROTOCOL_VERSION)),
    "saml2int": frozenset((AES_CBC, NO_SCOPING, ORIGINAL_ISSUER)),
    "stork": frozenset((SHA1_SIGNATURE,)),
    "openid": frozenset((TOKEN_ENDPOINT_AUDIENCE, PLAIN_BASIC)),
}


def usual(profile: str) -> frozenset[str]:
    """The names of the deviations that are on for every peer of a profile."""
    return _USUAL.get(profile, frozenset())


def by_registration(profile: str) -> frozenset[str]:
    """The names that a registration of a peer of this profile may switch on."""
    return _BY_REGISTRATION.get(profile, frozenset())
