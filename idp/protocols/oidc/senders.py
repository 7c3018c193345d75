"""Sender constraint: a token that only its receiver can use, by a key (DPoP, RFC 9449) or a TLS certificate (RFC 8705).

`Grant.cnf` has the key or the certificate, in the spelling of `key` and `certificate` here. A proof's `jti` is a mark: used
once, on whichever worker, and refused where the store cannot say. The nonce is derived from the hour's key, so that every
worker knows it and none keeps it. It is asked for at the token endpoint of the profile fapi2, whose clients all know it
(FAPI 2.0 §5.3.3.1); of others it is judged where a proof has one (decision 0036).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from connectors.client_certificate import judge_certificate, thumbprint_of
from connectors.dpop_proof import DpopProof, ExpectedProof, judge_dpop_proof, knows_nonces
from connectors.signatures.jws import ALGORITHMS, base64url
from idp.login.sealing import Sealer
from idp.login.states import Grant
from idp.ports import Mark
from idp.protocols.oidc.access import challenge
from idp.protocols.oidc.client import Authenticated
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer
from policies.errors import AssertionRejected, RequestRefused
from policies.load.profiles import ALGORITHMS as FAPI2_ALGORITHMS
from policies.registrations.openid_client import OpenIDClient

NONCE_HEADER = "DPoP-Nonce"
# Seconds for which one nonce is given; it is taken for as long again, so that no client's next request comes too late
NONCE_SLOT = 120
# How far the clocks of two machines may be apart: a mark outlives its proof on either
SKEW = 10
SCHEME = "DPoP"
BOUND_TO_A_KEY = "The access token is bound to a key: bring it under the scheme DPoP, with a proof."
NOT_BOUND = "The access token is bound to no key: bring it under the scheme Bearer."


class BoundToKey(RequestRefused):
    """A token that is bound to a key came without proof of it."""

    def __init__(self) -> None:
        super().__init__(BOUND_TO_A_KEY, oauth="invalid_token", status=401)


def key(thumbprint: str) -> str:
    """The confirmation of a key, by its RFC 7638 thumbprint."""
    return f"jkt:{thumbprint}"


def certificate(thumbprint: str) -> str:
    """The confirmation of a certificate, by the SHA-256 of its DER in base64url."""
    return f"x5t#S256:{thumbprint}"


def is_key(cnf: str) -> bool:
    """Whether a confirmation is of a key."""
    return cnf.startswith("jkt:")


def fault_of_renewal(grant: Grant, caller: Authenticated) -> str:
    """Why this caller may not go on with what it was granted, by its sender constraint alone; "" where it may.

    A public client's key is all that proves it is the same one (RFC 9449 §5, RFC 8705 §4). Another authenticates, and may
    have a new key or certificate; it may not come without one.
    """
    if not grant.cnf or grant.cnf == caller.cnf:
        return ""
    if caller.party.public:
        return "The grant is bound to another key or certificate."
    if grant.cnf.partition(":")[0] != caller.cnf.partition(":")[0]:
        return "The grant is bound to a key or a certificate, and the request proves none of its kind."
    return ""


class Senders:
    """Judges proofs and certificates. One tenant's. `alias` is the other address at which TLS asks for certificates."""

    def __init__(self, *, issuer: str, sealer: Sealer, alias: str = "") -> None:
        self._issuer, self._sealer = issuer, sealer
        self._bases = [base.rstrip("/") for base in (issuer, alias) if base]

    def bound(self, call: DirectRequest, caller: Authenticated, now: int) -> Authenticated:
        """The caller at the token endpoint, with its confirmation, and the marks of its proof.

        Raises `RequestRefused`, also where its registration says that its tokens are bound, and nothing came for that.
        """
        openid = caller.party.openid
        if openid.tls_client_certificate_bound_access_tokens:
            if call.proofs:
                raise _refused("The client's tokens are bound to its certificate, and a DPoP proof came.")
            return replace(caller, cnf=self._certificate(call, now))
        if not call.proofs and not openid.dpop_bound_access_tokens:
            return caller
        proof = self._proof(call, openid, now, nonce_required=openid.is_fapi2)
        return replace(caller, cnf=key(proof.thumbprint), marks=(*caller.marks, _mark(proof)))

    def pushed(self, call: DirectRequest, caller: Authenticated, now: int) -> tuple[Mapping[str, str], Authenticated]:
        """The parameters of a pushed request, with `dpop_jkt` where a proof came, and the caller with the proof's marks.

        Raises `RequestRefused`, also where header and parameter name two keys (RFC 9449 §10.1).
        """
        if not call.proofs:
            return call.given, caller
        proof = self._proof(call, caller.party.openid, now)
        if call.given.get("dpop_jkt", proof.thumbprint) != proof.thumbprint:
            raise _refused("dpop_jkt is not the thumbprint of the key in the DPoP header.")
        caller = replace(caller, marks=(*caller.marks, _mark(proof)))
        return {**call.given, "dpop_jkt": proof.thumbprint}, caller

    def marks_of_use(
        self, call: DirectRequest, grant: Grant, openid: OpenIDClient, token: str, now: int, *, scheme: bool = True
    ) -> tuple[Mark, ...]:
        """The marks of a use of an access token that has arrived; taken before anything is answered.

        Raises `RequestRefused` (401) where whoever brings it may not. `scheme` is False where the token came in a form.
        """
        as_key = call.authorization.partition(" ")[0].lower() == SCHEME.lower()
        if is_key(grant.cnf):
            if (scheme and not as_key) or not call.proofs:
                raise BoundToKey
            proof = self._proof(call, openid, now, access_token=token, status=401)
            if key(proof.thumbprint) != grant.cnf:
                raise RequestRefused("The access token is bound to another key.", oauth="invalid_token", status=401)
            return (_mark(proof),)
        if scheme and as_key:
            raise RequestRefused(NOT_BOUND, oauth="invalid_token", status=401)
        if grant.cnf and certificate(thumbprint_of(call.certificate)) != grant.cnf:
            sentence = "The access token is bound to a certificate, and the connection has none, or another."
            raise RequestRefused(sentence, oauth="invalid_token", status=401)
        return ()

    def renewed(self, call: DirectRequest, answer: JsonAnswer, now: int, *, knows: bool = False) -> JsonAnswer:
        """The answer with a fresh nonce, for a client that was asked for one, has used one, or `knows` of them.

        No other gets one: it would use it, and a library that does not try again would fail when it has ended.
        """
        knows = knows or answer.body.get("error") == "use_dpop_nonce" or knows_nonces(call.proofs)
        if not call.proofs or not knows:
            return answer
        return replace(answer, headers={**answer.headers, NONCE_HEADER: self._nonce(now)})

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate for whoever may bring a proof (RFC 9449 §7.1)."""
        return f'{challenge(SCHEME, self._issuer)}, algs="{" ".join(ALGORITHMS)}"'

    def _proof(
        self,
        call: DirectRequest,
        openid: OpenIDClient,
        now: int,
        *,
        access_token: str = "",
        nonce_required: bool = False,
        status: int = 400,
    ) -> DpopProof:
        expected = ExpectedProof(
            method=call.method,
            addresses=[base + call.path for base in self._bases],
            algorithms=FAPI2_ALGORITHMS if openid.is_fapi2 else ALGORITHMS,
            nonces=self._nonces(now),
            nonce_required=nonce_required,
            access_token=access_token,
        )
        try:
            return judge_dpop_proof(call.proofs, expected, now)
        except AssertionRejected as error:
            if error.check == "dpop_nonce":
                sentence = "The DPoP proof needs the nonce of this answer: send the request again with it."
                raise RequestRefused(sentence, oauth="use_dpop_nonce", status=status) from error
            raise _refused(f"The DPoP proof was refused: {error.check}, {error.detail}.", status) from error

    def _certificate(self, call: DirectRequest, now: int) -> str:
        """The confirmation of the connection's certificate, which a handshake proved."""
        if not call.certificate:
            raise RequestRefused("The client's tokens are bound to its certificate, and the connection has none.")
        try:
            return certificate(judge_certificate(call.certificate, now).thumbprint)
        except AssertionRejected as error:
            raise RequestRefused(f"The TLS certificate was refused: {error.check}, {error.detail}.") from error

    def _nonces(self, now: int) -> tuple[str, ...]:
        return tuple(self._nonce(moment) for moment in (now, now - NONCE_SLOT))

    def _nonce(self, moment: int) -> str:
        slot = moment // NONCE_SLOT
        octets = self._sealer.derive("dpop-nonce", slot.to_bytes(8), at=slot * NONCE_SLOT)
        return base64url(octets[:16])


def _mark(proof: DpopProof) -> Mark:
    """The one use of a proof. Of its key, too: what two clients number in the same way are two proofs."""
    return Mark("dpop", hashlib.sha256(f"{proof.thumbprint}.{proof.jti}".encode()).digest(), proof.ends + SKEW)


def _refused(sentence: str, status: int = 400) -> RequestRefused:
    return RequestRefused(sentence, oauth="invalid_dpop_proof", status=status)
