"""How an answer goes to a client: signed, and encrypted to its key, as its registration says (Core §5.3.2 and §10.2).

Signed first, then encrypted: whoever opens it finds a JWS of ours, and anybody could encrypt to a public key.
"""

from collections.abc import Mapping

from connectors.signatures.jwe_encrypt import Encrypting, encrypt, encrypting
from connectors.signatures.jws import sign
from connectors.signatures.signer import Signer
from connectors.wire.claims import Json
from idp.protocols.oidc.direct import JsonAnswer, jwt_answer, success
from idp.protocols.oidc.parts import OpenIDParts
from policies.errors import Misconfigured, Problem, SignatureInvalid
from policies.parties import ClientId, RelyingParty
from policies.registrations.client_answers import ResponseEncryption

JWT = "application/jwt"


class Wrapping:
    """Signs and encrypts. One tenant's; raises `Misconfigured` where a client has no key for what it registered."""

    def __init__(self, parts: OpenIDParts) -> None:
        self._parts = parts
        self._keys: dict[tuple[ClientId, ResponseEncryption], Encrypting] = {}
        problems = [problem for party in parts.parties.values() for problem in self._prepare(party)]
        if problems:
            raise Misconfigured(tuple(problems))

    def id_token(self, claims: Mapping[str, Json], party: RelyingParty, signer: Signer) -> str:
        """The id_token of these claims."""
        token = sign(claims, signer, alg=party.id_token_alg, typ="JWT")
        return self._encrypted(token, party, party.openid.answers.id_token_encryption)

    def userinfo(self, claims: Mapping[str, Json], party: RelyingParty, now: int) -> JsonAnswer:
        """The answer of userinfo. Raises `StoreUnavailable` where no key signs it.

        A signed one has `iss` and `aud` (Core §5.3.2), and no `exp`: it is never taken for an id_token.
        """
        answers = party.openid.answers
        if not answers.userinfo_alg:
            return success(claims)
        whole: dict[str, Json] = {**claims, "iss": self._parts.issuer, "aud": party.client_id}
        token = sign(whole, self._parts.signers[answers.userinfo_alg].at(now), alg=answers.userinfo_alg, typ="JWT")
        return jwt_answer(self._encrypted(token, party, answers.userinfo_encryption), JWT)

    def _encrypted(self, token: str, party: RelyingParty, encryption: ResponseEncryption | None) -> str:
        return encrypt(token.encode(), self._keys[party.client_id, encryption]) if encryption else token

    def _prepare(self, party: RelyingParty) -> list[Problem]:
        answers, problems = party.openid.answers, []
        if answers.userinfo_alg and answers.userinfo_alg not in self._parts.signers:
            fix = f"One of {', '.join(self._parts.signers)}."
            problems.append(_problem(party, "userinfo_signed_response_alg", "no key signs with it.", fix))
        for encryption in (answers.userinfo_encryption, answers.id_token_encryption):
            if encryption is None:
                continue
            try:
                self._keys[party.client_id, encryption] = encrypting(party.jwks, encryption.alg, encryption.enc)
            except SignatureInvalid as error:
                fix = 'Give its public keys as a JWKS, the one to encrypt to with "use": "enc".'
                problems.append(_problem(party, "jwks", f"{error.detail}.", fix))
        return problems


def _problem(party: RelyingParty, key: str, what: str, fix: str) -> Problem:
    return Problem(party.source.file, party.source.line, key, what, fix)
