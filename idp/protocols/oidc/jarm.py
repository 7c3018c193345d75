"""Answers through the browser as one signed JWT (JARM): the code or the error, our issuer, the client, and a short life.

{"iss": "https://id.storkhaven.example", "aud": "parking", "exp": 1795600300, "code": "...", "state": "..."}
"""

from collections.abc import Mapping

from connectors.signatures.jws import sign
from connectors.signatures.signer import Signers
from connectors.wire.claims import Json
from policies.parties import RelyingParty

# JARM §2.1 has ten minutes at most. As long as an id_token: clocks differ
ANSWER_LIFE = 5 * 60


def algorithm_of(party: RelyingParty) -> str:
    """The key that signs this client's answers."""
    return party.openid.authorization_signed_response_alg or party.id_token_alg


def signed_answer(
    answer: tuple[tuple[str, str], ...], party: RelyingParty, issuer: str, signers: Mapping[str, Signers], now: int
) -> str:
    """The one parameter `response`. Raises `AllRevoked` where no key could sign."""
    alg = algorithm_of(party)
    # The claims of the token come last, so that no parameter can stand in their place
    claims: dict[str, Json] = {**dict(answer), "iss": issuer, "aud": party.client_id, "iat": now, "exp": now + ANSWER_LIFE}
    return sign(claims, signers[alg].at(now), alg=alg, typ="JWT")
