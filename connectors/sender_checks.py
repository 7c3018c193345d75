"""The names of the checks of what clients send: proofs of a key or a certificate that they hold, and signed requests."""

from collections.abc import Mapping

from connectors.checks import OF_JWS

# A proof that a request's sender has a key (connectors/dpop_proof.py)
DPOP_CHECKS: Mapping[str, str] = {
    **OF_JWS,
    "dpop_count": "the request has one DPoP header",
    "jws_header": "the header is one strict JSON object of alg, typ, jwk and kid",
    "jws_alg": "the algorithm is one of dpop_signing_alg_values_supported; for the profile fapi2 PS256, ES256 or EdDSA",
    "jws_typ": "typ is dpop+jwt",
    "jws_signature": "the key that the header brings made the signature",
    "jwk": "jwk is one public key of the algorithm, canonical and strong enough",
    "claim_htm": "htm is there, and a text",
    "dpop_method": "htm is the method of this request",
    "claim_htu": "htu is there, and a text",
    "dpop_address": "htu is the address of this request; query and fragment do not count",
    "claim_nonce": "nonce is a text where it is there",
    "dpop_nonce": "nonce is one that we gave lately, and there where we ask for it",
    "claim_iat": "iat is there, in whole seconds",
    "dpop_issued": "the proof was made within 60 seconds of our clock",
    "claim_ath": "ath is there where an access token comes along, and a text",
    "dpop_token": "ath is the hash of that access token",
    "claim_jti": "jti is there, and a text",
    "dpop_jti": "jti has at most 256 characters",
}

# A client's TLS certificate (connectors/client_certificate.py)
CERTIFICATE_CHECKS: Mapping[str, str] = {
    "certificate_header": "the proxy's header has one certificate: DER in base64 between colons (RFC 9440), or escaped PEM",
    "certificate_form": "it is a certificate in DER, with a key of a kind that we know",
    "certificate_dates": "now is within its dates",
    "certificate_key": "its key is RSA of 2048 to 8192 bits, on P-256, P-384 or P-521, or on Ed25519",
}

# A signed authentication request (connectors/request_object.py)
REQUEST_OBJECT_CHECKS: Mapping[str, str] = {
    **OF_JWS,
    "jws_typ": "typ is oauth-authz-req+jwt, JWT or absent; in the profile fapi2 the first alone",
    "claim_iss": "iss is there, and a text",
    "object_issuer": "iss is the client_id",
    "claim_client_id": "client_id is there, and a text",
    "object_client": "client_id inside is the client_id outside",
    "object_subject": "no sub, which would make it look like a client assertion",
    "object_nested": "neither request nor request_uri inside",
    "claim_aud": "aud is there, a text or a list of different texts",
    "object_audience": "aud is our issuer, sign by sign, or has it in its list",
    "claim_exp": "exp is there, in whole seconds",
    "object_expired": "the object has not ended",
    "object_life": "the object ends within an hour of nbf, or of now without it",
    "claim_iat": "iat is in whole seconds where it is there",
    "object_issued": "the object was issued in the past",
    "claim_nbf": "nbf is in whole seconds where it is there; in the profile fapi2 it is",
    "object_not_before": "the object holds already, and nbf is at most an hour back",
    "claim_jti": "jti is a text where it is there",
    "object_jti": "jti has at most 256 characters",
    "object_parameter": "each parameter is a text or a whole number, and claims may be an object",
}
