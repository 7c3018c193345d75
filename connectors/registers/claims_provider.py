"""A register that answers with a signed token: a claims provider, as OpenID Connect Core 1.0 §5.6 has them.

    POST /attributes                                     Content-Type: application/jwt
    {"typ": "attribute-query+jwt", "alg": "ES256", "kid": ...}
    {"iss": "city", "aud": "https://register.example", "iat": ..., "exp": ..., "jti": QUERY,
     "sub": "EE/SE/47101010033", "claims": {"userinfo": {"address": null}}}

    200                                                  Content-Type: application/jwt
    {"iss": "https://register.example", "aud": "city", "iat": ..., "exp": ..., "jti": ..., "nonce": QUERY,
     "sub": "EE/SE/47101010033", "address": {"locality": "Storkhaven"}}

The question is one token that we sign (RFC 7523 §3, with a type of its own): it proves who asks, and what was asked. The
answer is a signed userinfo response (§5.3.2), perhaps encrypted. Nothing of the person stands in an address.

The plan. Nothing of a later step is looked at before the earlier ones hold.
 1. A question with exactly what finds the person goes to the registered address, by the register's own line.
 2. A token comes back. Decrypted, where the registration says that it is encrypted; a pinned key signed it.
 3. It is by that register, for us, and within its times.
 4. It answers this very question, about that very person.
 5. It says what was asked and no more, in values of the catalogue's kinds, and came for the first time.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from connectors.addresses import FetchError, judged_url
from connectors.attribute_provider import RegisterAnswer, RegisterQuery
from connectors.fetch import Fetcher, HttpAnswer
from connectors.id_token import PROTOCOL_CLAIMS, SKEW
from connectors.metadata.pinned_provider import misconfigured
from connectors.oidc.line import Line
from connectors.oidc.metadata import OURS
from connectors.oidc.question import claim_of
from connectors.registered_claims import is_visible, judge_audience, judge_issuer, judge_times
from connectors.registers.judgement import MOST_REPRESENTED, RegisterJudge
from connectors.signatures.jwe import CONTENTS, TokenEncryption, check_replicated, opened
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import sign, verify
from connectors.signatures.signer import Agreement, Signers
from connectors.signed_messages import foreseen
from connectors.wire.claims import Json
from policies.attribute_register import AttributeRegister, SignedClaimsService
from policies.catalogue import Catalogue
from policies.errors import AssertionRejected

# The claim of a mandate register: a list of those for whom the person may act, each an object of claims
REPRESENTED = "represented"
QUERY_TYPE, ANSWER_TYPE = "attribute-query+jwt", "attribute-answer+jwt"
# Libraries of OpenID Connect sign userinfo with JWT or without a type
_TYPES = frozenset({ANSWER_TYPE, "JWT", ""})
_MEDIA_TYPE = "application/jwt"
# A question is answered at once; an answer may be good for longer than we use it
_QUERY_SECONDS, _MAX_LIFE = 60, 24 * 3600
_OK = 200
_RESERVED = PROTOCOL_CLAIMS - {"sub"} | {"claims"}


class ClaimsProvider:
    """Asks one register over HTTPS. Implements `connectors.attribute_provider.AttributeProvider`.

    `decrypting` gives our keys to which it encrypts at a moment. A registration that cannot work is `Misconfigured` at
    start.
    """

    def __init__(
        self,
        *,
        register: AttributeRegister,
        catalogue: Catalogue,
        fetcher: Fetcher,
        signer: Signers,
        decrypting: Callable[[int], Sequence[Agreement]] = lambda _now: (),
    ) -> None:
        service = register.transport
        if not isinstance(service, SignedClaimsService):
            raise TypeError("a register of another kind")
        self.register, self._service, self._signer, self._decrypting = register, service, signer, decrypting
        self._judge = RegisterJudge(register, catalogue)
        try:
            judged_url(service.endpoint, demo=fetcher.demo)
            self._keys = keys_from_jwks(service.jwks, service.alg)
        except (AssertionRejected, FetchError) as error:
            raise misconfigured(
                register.source,
                "endpoint" if isinstance(error, FetchError) else "jwks",
                f"The register cannot be asked: {error}",
                "Ask its operator for its https address and for its public keys, and pin those.",
            ) from error
        names = {*register.found_by.values(), *map(claim_of, register.attributes)}
        if "" in names or names & _RESERVED or service.enc not in ("", *CONTENTS):
            raise misconfigured(
                register.source,
                "attributes",
                "A claim has no name, or one that every token has, or answers are encrypted in an unknown way.",
                f"Name other claims; `enc` is {' or '.join(sorted(CONTENTS))}, or is left out.",
            )
        self._line = Line(fetcher, register.networks)

    def ask(self, query: RegisterQuery, deadline: float) -> RegisterAnswer:
        """See `connectors.attribute_provider.AttributeProvider`."""
        # 1.
        found_by, names = self._judge.found_by(query), self._judge.names(query)
        wanted: dict[str, Json] = dict.fromkeys(map(claim_of, names))
        claims: dict[str, Json] = {
            **found_by,
            "iss": self._service.client_id,
            "aud": self.register.issuer,
            "iat": query.asked_at,
            "exp": query.asked_at + _QUERY_SECONDS,
            "jti": query.query_id,
            "claims": {"userinfo": {REPRESENTED: {"claims": wanted}} if self.register.represents else wanted},
        }
        token = sign(claims, self._signer.at(query.asked_at), alg=OURS, typ=QUERY_TYPE)
        headers = {"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}
        with self._line.turn(deadline - time.monotonic()) as turn:
            answer = turn.ask(self._service.endpoint, content=token.encode("ascii"), headers=headers)
        return self.judge(answer, query, found_by)

    @foreseen
    def judge(self, answer: HttpAnswer, query: RegisterQuery, found_by: Mapping[str, str]) -> RegisterAnswer:
        """Steps 2 to 5. Raises `AssertionRejected` and its kinds."""
        service, now = self._service, query.asked_at
        # 2.
        if answer.status != _OK:
            # Nobody signed a status: whether the register knows the person, a token alone says
            raise AssertionRejected("register_status", f"the register answers {answer.status}")
        if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
            raise AssertionRejected("register_status", "an answer that is no application/jwt")
        token = answer.body.decode("ascii", "replace").strip()
        encryption = TokenEncryption(tuple(self._decrypting(now)), service.enc) if service.enc else None
        claims = verify(opened(token, encryption) if encryption else token, self._keys, alg=service.alg, types=_TYPES)
        if encryption:
            check_replicated(token, claims.members)
        # 3.
        judge_issuer(claims, self.register.issuer)
        judge_audience(claims, service.client_id)
        issued, ends = judge_times(claims, now, skew=SKEW, life=_MAX_LIFE)
        # 4.
        if claims.text("nonce") != query.query_id:
            raise AssertionRejected("token_nonce", "an answer to another question")
        said = {name: value for name, value in claims.members.items() if name not in PROTOCOL_CLAIMS - {"sub"}}
        if any(said.pop(name, None) != value for name, value in found_by.items()):
            raise AssertionRejected("answer_subject", "an answer about another person than was asked about, or nobody")
        said.pop("sub", None)
        # 5.
        jti = claims.text("jti")
        if not is_visible(jti):
            raise AssertionRejected("claim_jti", "a jti that is not 1 to 255 visible ASCII characters")
        entries = self._entries(said) if self.register.represents else [said]
        values = [self._values(one) for one in entries]
        return self._judge.answer(query, values, now, jti, issued_at=issued, ends=ends)

    def _entries(self, said: Mapping[str, Json]) -> Sequence[Mapping[str, Json]]:
        """The list of a mandate register; without one it names nobody."""
        entries = said.get(REPRESENTED) or []
        if not said.keys() <= {REPRESENTED}:
            raise AssertionRejected("not_asked", "a claim beside the list that was asked for")
        if not isinstance(entries, list) or len(entries) > MOST_REPRESENTED:
            raise AssertionRejected("represented_many", f"no list, or more than {MOST_REPRESENTED} entries")
        found = [one for one in entries if isinstance(one, dict)]
        if len(found) != len(entries):
            raise AssertionRejected("represented", "an entry that is no object")
        return found

    def _values(self, claims: Mapping[str, Json]) -> Mapping[str, Sequence[object]]:
        """The values of each claim, and of a member of an object as `address.locality`. Null is no value."""
        found: dict[str, Sequence[object]] = {}
        for name, value in claims.items():
            inside: Mapping[str, Json] = {name: value}
            if isinstance(value, dict) and name not in self.register.attributes:
                inside = {f"{name}.{part}": one for part, one in value.items()}
            elif value is None:
                inside = dict.fromkeys([wire for wire in self.register.attributes if claim_of(wire) == name] or [name])
            found |= {wire: one if isinstance(one, list) else [] if one is None else [one] for wire, one in inside.items()}
        return found
