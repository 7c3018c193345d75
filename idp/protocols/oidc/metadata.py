"""Discovery (OpenID Connect Discovery §3, RFC 8414) and the JWKS: exactly what holds, and nothing that is to come."""

from collections.abc import Iterable, Mapping, Sequence

from connectors.signatures.jwe_encrypt import CONTENTS, KEYS
from connectors.signatures.jwk import public_jwk
from connectors.signatures.jws import ALGORITHMS
from connectors.signatures.signer import Signers
from connectors.wire.claims import Json
from idp.protocols.oidc.certificates import SELF_SIGNED_TLS, TLS_METHODS, CertificateProxy
from idp.protocols.oidc.client import ASSERTION_ALGORITHMS, METHODS, NONE
from idp.protocols.oidc.requests.request import PROMPTS, PURPOSE_SCOPE, RESPONSE_MODES, STANDARD_SCOPES
from idp.protocols.oidc.requests.verified_claims import ATTRIBUTES, FRAMEWORK
from idp.system.addresses import token_endpoint
from policies.assurance import LevelOfAssurance
from policies.catalogue import Catalogue
from policies.parties import PurposeId
from policies.registrations.openid_client import DEVICE_CODE, REFRESH_TOKEN

AUTHORIZATION_PATH = "/authorize"
PUSH_PATH = "/par"
USERINFO_PATH = "/userinfo"
JWKS_PATH = "/jwks"
END_SESSION_PATH = "/logout"
DEVICE_AUTHORIZATION_PATH = "/device_authorization"
REGISTRATION_PATH = "/register"
# Programs alone ask there, and may have a certificate
DIRECT_ENDPOINTS = (
    "token_endpoint",
    "userinfo_endpoint",
    "pushed_authorization_request_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "device_authorization_endpoint",
)
INTROSPECTION_PATH, REVOCATION_PATH = "/introspect", "/revoke"
# What every id_token has, beside the attributes
ID_TOKEN_CLAIMS = ("acr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "nonce", "sid", "sub")


def discovery(
    issuer: str,
    signers: Mapping[str, Signers],
    purposes: Iterable[PurposeId],
    catalogue: Catalogue,
    documentation: str = "",
    *,
    public_clients: bool = False,
    refresh_tokens: bool = False,
    kiosks: bool = False,
    shared: bool = False,
    registers: bool = False,
    languages: Sequence[str] = (),
    levels: Sequence[str] = (),
) -> dict[str, Json]:
    """The provider's metadata. `documentation` is a page for developers, "" where there is none.

    `public_clients` says whether any is registered: only then the token endpoint takes a client_id alone.
    `refresh_tokens` says whether any client has them, `kiosks` and `registers` the same of kiosks and of registration, and
    of their endpoints. `shared` says whether services share a sign-in: only then `prompt=none` can be answered.
    `languages` are those of our pages, `levels` the names that clients registered beside the eIDAS ones.
    """
    base = issuer.rstrip("/")
    of_servers: list[Json] = [*METHODS]
    of_clients: list[Json] = [*of_servers, *((NONE,) if public_clients else ())]
    algorithms: list[Json] = [*ASSERTION_ALGORITHMS]
    attribute_scopes = sorted(scope for scope in STANDARD_SCOPES if catalogue.asked_by_scope(scope))
    if refresh_tokens:
        attribute_scopes.append("offline_access")
    of_purposes = sorted(PURPOSE_SCOPE + purpose for purpose in purposes)
    return {
        "issuer": issuer,
        "authorization_endpoint": base + AUTHORIZATION_PATH,
        "token_endpoint": token_endpoint(base),
        "pushed_authorization_request_endpoint": base + PUSH_PATH,
        "userinfo_endpoint": base + USERINFO_PATH,
        "jwks_uri": base + JWKS_PATH,
        "scopes_supported": ["openid", *attribute_scopes, *of_purposes],
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": [
            "authorization_code",
            *((REFRESH_TOKEN,) if refresh_tokens else ()),
            *((DEVICE_CODE,) if kiosks else ()),
        ],
        "acr_values_supported": [*(level.uri for level in LevelOfAssurance), *levels],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": list(signers),
        "id_token_encryption_alg_values_supported": list(KEYS),
        "id_token_encryption_enc_values_supported": list(CONTENTS),
        "userinfo_signing_alg_values_supported": list(signers),
        "userinfo_encryption_alg_values_supported": list(KEYS),
        "userinfo_encryption_enc_values_supported": list(CONTENTS),
        "token_endpoint_auth_methods_supported": of_clients,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint": base + REVOCATION_PATH,
        "revocation_endpoint_auth_methods_supported": of_clients,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint": base + INTROSPECTION_PATH,
        "introspection_endpoint_auth_methods_supported": of_servers,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_signing_alg_values_supported": list(signers),
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "prompt_values_supported": [*sorted(PROMPTS if shared else PROMPTS - {"none"})],
        "end_session_endpoint": base + END_SESSION_PATH,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        **({"ui_locales_supported": [*languages]} if languages else {}),
        "claim_types_supported": ["normal"],
        "claims_supported": [*sorted({*ID_TOKEN_CLAIMS, *catalogue.claims})],
        "claims_parameter_supported": True,
        "authorization_signing_alg_values_supported": list(signers),
        "request_parameter_supported": True,
        "request_object_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "verified_claims_supported": True,
        "trust_frameworks_supported": [FRAMEWORK],
        "evidence_supported": [],
        "claims_in_verified_claims_supported": [*catalogue.claims_of(ATTRIBUTES)],
        "request_uri_parameter_supported": False,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        **({"registration_endpoint": base + REGISTRATION_PATH} if registers else {}),
        **({"device_authorization_endpoint": base + DEVICE_AUTHORIZATION_PATH} if kiosks else {}),
        **({"service_documentation": documentation} if documentation else {}),
    }


def with_certificates(document: Mapping[str, Json], issuer: str, proxy: CertificateProxy) -> dict[str, Json]:
    """The metadata of a provider whose proxy hands TLS certificates on: what else is offered (RFC 8705 §2, §3.3 and §5)."""
    if not proxy.hands_on:
        return dict(document)
    base = issuer.rstrip("/")
    methods = TLS_METHODS if proxy.chains else (SELF_SIGNED_TLS,)
    more: dict[str, Json] = {
        name: [*found, *methods]
        for name, found in document.items()
        if name.endswith("_endpoint_auth_methods_supported") and isinstance(found, list)
    }
    aliases: dict[str, Json] = {
        name: proxy.address + str(document[name]).removeprefix(base) for name in DIRECT_ENDPOINTS if name in document
    }
    offered = {**document, **more, "tls_client_certificate_bound_access_tokens": True}
    return {**offered, "mtls_endpoint_aliases": aliases} if proxy.address else offered


def jwks(signers: Mapping[str, Signers], now: int) -> dict[str, Json]:
    """The public keys, each for one algorithm (RFC 7517 §5).

    Beside those that sign stand the next ones, and those before them (Core §10.1.1).
    """
    keys: list[Json] = [
        {**public_jwk(signer.public_key), "use": "sig", "alg": alg, "kid": signer.key_id}
        for alg, ring in signers.items()
        for signer in ring.published(now)
    ]
    return {"keys": keys}
