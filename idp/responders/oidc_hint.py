"""`id_token_hint` (OpenID Connect Core §3.1.2.1): an id_token of ours names who is to come back, and nobody else may.

It is a client's own, signed by one of our published keys. Its end does not matter: clients ask with it long after.
What goes on in the login is a digest of its `sub`: which person a service expects is nothing that a cookie has to say.
"""

import hashlib
from collections.abc import Mapping

from connectors.signatures.jws import base64url, verification_key, verify
from connectors.signatures.signer import Signers
from policies.errors import AssertionRejected, OtherPerson, RequestRefused
from policies.parties import ClientId

# An id_token with every claim of a registration in it has some 2 kB
MAX_HINT = 8 * 1024
DIGEST_BYTES = 16
NOT_OURS = "id_token_hint is not an id_token that was issued to this client, or its key is no longer published."


def hinted_subject(token: str, client_id: ClientId, issuer: str, signers: Mapping[str, Signers], now: int) -> str:
    """The digest of the `sub` that has to come. Raises `RequestRefused` for what is no id_token of ours for this client."""
    if len(token) > MAX_HINT:
        raise RequestRefused(f"id_token_hint is longer than {MAX_HINT} characters.")
    for alg, ring in signers.items():
        keys = [verification_key(one.public_key, alg, one.key_id) for one in ring.published(now)]
        try:
            claims = verify(token, keys, alg=alg, types={"JWT"})
            if claims.text("iss") == issuer and claims.text("aud") == client_id:
                return subject_digest(claims.text("sub"))
        except AssertionRejected:
            continue  # of another key, or of another algorithm of ours
    raise RequestRefused(NOT_OURS)


def subject_digest(sub: str) -> str:
    """What stands for a `sub` in a login: whether two are one can be told, and nothing else."""
    return base64url(hashlib.sha256(b"id_token_hint\0" + sub.encode()).digest()[:DIGEST_BYTES])


def check_expected(expected: str, sub: str) -> None:
    """Whether who signed in is whom the service expects, before anything is shown to them. Raises `OtherPerson`."""
    if expected and expected != subject_digest(sub):
        raise OtherPerson("hinted_subject", "somebody else signed in than id_token_hint names")
