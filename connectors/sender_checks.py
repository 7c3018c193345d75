"""The names of the checks by which a client proves what it holds: a key, or a certificate."""

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
