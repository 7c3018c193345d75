"""`id_token_hint` (OpenID Connect Core §3.1.2.1): an id_token of ours names who is to come back, and nobody else may.

It is a client's own, signed by one of our published keys. Its end does not matter: clients ask with it long after.
What goes on in the login is a digest of its `sub`: which person a service expects is nothing that a cookie has to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.signatures.jws import verification_key, verify
from connectors.signatures.signer import Signers
from policies.errors import AssertionRejected, RequestRefused
from policies.parties import ClientId
from policies.pseudonyms import subject_digest

# An id_token with every claim of a registration in it has some 2 kB
MAX_HINT = 8 * 1024
NOT_OURS = "id_token_hint is not an id_token that was issued to this client, or its key is no longer published."


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """The facts of an id_token that we issued: to whom, about whom, and in which session; `sid` is "" without one."""

    client_id: ClientId
    sub: str = field(repr=False)
    sid: str = field(repr=False)


def hinted_subject(token: str, client_id: ClientId, issuer: str, signers: Mapping[str, Signers], now: int) -> str:
    """The digest of the `sub` that has to come. Raises `RequestRefused` for what is no id_token of ours for this client."""
    if len(token) > MAX_HINT:
        raise RequestRefused(f"id_token_hint is longer than {MAX_HINT} characters.")
    issued = issued_token(token, issuer, signers, now)
    if issued is None or issued.client_id != client_id:
        raise RequestRefused(NOT_OURS)
    return subject_digest(issued.sub)


def issued_token(token: str, issuer: str, signers: Mapping[str, Signers], now: int) -> IssuedToken | None:
    """The claims of an id_token that one of our published keys signed, ended or not; None for anything else."""
    for alg, ring in signers.items() if len(token) <= MAX_HINT else ():
        keys = [verification_key(one.public_key, alg, one.key_id) for one in ring.published(now)]
        try:
            claims = verify(token, keys, alg=alg, types={"JWT"})
            # A signed answer of userinfo has no end, and is no id_token
            claims.seconds("exp")
            if claims.text("iss") == issuer:
                sid = claims.text("sid") if "sid" in claims.members else ""
                return IssuedToken(ClientId(claims.text("aud")), claims.text("sub"), sid)
        except AssertionRejected:
            continue  # of another key, or of another algorithm of ours
    return None
