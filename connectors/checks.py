"""The stable names of every check that a message over SAML, or a token, must pass, in the words that logs use.

checks.toml has a sentence for each, and says beside each table where its checks are made. Here a table is whole: where
one message is judged as another and then further, its table holds both.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

_said: Mapping[str, Mapping[str, str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

# Messages over SAML
SAML_CHECKS = _said["SAML_CHECKS"]
ALL_CHECKS = {**SAML_CHECKS, **_said["ALL_CHECKS"]}
EIDAS_CHECKS = _said["EIDAS_CHECKS"]
REQUEST_CHECKS = _said["REQUEST_CHECKS"]
STORK_CHECKS = _said["STORK_CHECKS"]
STORK_REQUEST_CHECKS = _said["STORK_REQUEST_CHECKS"]
AUTHN_REQUEST_CHECKS = _said["AUTHN_REQUEST_CHECKS"]
LOGOUT_CHECKS = _said["LOGOUT_CHECKS"]
SERVICE_CHECKS = _said["SERVICE_CHECKS"]
SERVICE_PROVIDER_CHECKS = _said["SERVICE_PROVIDER_CHECKS"]
# Tokens; each kind says its own types
OF_JWS = _said["OF_JWS"]
ID_TOKEN_CHECKS = {**OF_JWS, **_said["ID_TOKEN_CHECKS"]}
JWE_CHECKS = _said["JWE_CHECKS"]
CLIENT_ASSERTION_CHECKS = {**OF_JWS, **_said["CLIENT_ASSERTION_CHECKS"]}
LOGOUT_TOKEN_CHECKS = {**OF_JWS, **_said["LOGOUT_TOKEN_CHECKS"]}
OPENID_ANSWER_CHECKS = _said["OPENID_ANSWER_CHECKS"]
# Proofs of a key or a certificate that clients hold, and their signed requests
DPOP_CHECKS = {**OF_JWS, **_said["DPOP_CHECKS"]}
CERTIFICATE_CHECKS = _said["CERTIFICATE_CHECKS"]
REQUEST_OBJECT_CHECKS = {**OF_JWS, **_said["REQUEST_OBJECT_CHECKS"]}
# Answers of registers
REGISTER_CHECKS = _said["REGISTER_CHECKS"]
# Addresses, metadata and keys
FETCH_CHECKS = _said["FETCH_CHECKS"]
METADATA_CHECKS = _said["METADATA_CHECKS"]
LIST_CHECKS = _said["LIST_CHECKS"]
FEDERATION_CHECKS = _said["FEDERATION_CHECKS"]
KEY_CHECKS = _said["KEY_CHECKS"]
OPINION_CHECKS = _said["OPINION_CHECKS"]
X509_CHECKS = _said["X509_CHECKS"]
