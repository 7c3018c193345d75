"""The registrations at which tokens are tried: each kind of token with each algorithm, as the server would hold it.

An identity provider signs id_tokens and logout tokens, a relying party its client assertions. Each has one key for each
algorithm and a second one in a rollover, and publishes them in one JWKS, as providers do. A stranger has keys too.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.attacks.attack_case import CaseBench, CaseKind, Entrance
from connectors.attacks.tokens.jws_text import (
    ALGORITHMS,
    Change,
    Sign,
    TokenKey,
    changed,
    half_hash,
    jwks,
    new_key,
    signed,
    written,
)
from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.id_token import ExpectedIdToken, judge_id_token
from connectors.logout_token import EVENT, ExpectedLogoutToken, judge_logout_token
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import VerificationKey
from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance
from policies.parties import LONGEST_ASSERTION_LIFE

OP = "https://op.example"
US = "https://id.storkhaven.example"
CLIENT = "parking"
TOKEN_ENDPOINT = f"{US}/token"
AT_PROVIDER = "storkhaven-at-op"  # our own client id
MAX_AGE = 600
JWKS, ACCESS_TOKEN = "jwks.json", "access_token"
TokenKeys = tuple[VerificationKey, ...]
Judge = Callable[[str, TokenKeys], object]


@dataclass(frozen=True, slots=True)
class TokenBench(CaseBench):
    """One registration: a good token of it, made anew each time, and what makes cases of others.

    `claims` gives those of a good token, each time with identifiers of its own; `typ` is its type, "" for none. `key` signs
    it. `others` are keys of the same party for other algorithms, `strange` is somebody else's for this one. `now` is the
    time of the run, in seconds; `rolling` says that there are two keys for the algorithm.
    """

    kind = CaseKind.JWT
    key: TokenKey
    typ: str
    claims: Callable[[], dict[str, Json]]
    others: tuple[TokenKey, ...]
    strange: TokenKey
    now: int
    rolling: bool

    def header(self, **changes: Change) -> dict[str, Json]:
        """The header of a good token, changed."""
        header: dict[str, Json] = {"alg": self.key.alg, "kid": self.key.kid}
        if self.typ:
            header["typ"] = self.typ
        return changed(header, changes)

    def token(self, *, header: Mapping[str, Change] | None = None, claims: Mapping[str, Change] | None = None) -> bytes:
        """A token that is signed as it should be, whatever it says."""
        return self.signed(self.header(**dict(header or {})), changed(self.claims(), claims or {}))

    def forged(self, sign: Sign, **header: Change) -> bytes:
        """A token with good claims that somebody else signs, or nobody, under a header that is changed."""
        return self.signed(self.header(**header), self.claims(), sign)

    def signed(self, header: object, claims: object, sign: Sign | None = None) -> bytes:
        """Whatever can be written as JSON, or stands as octets, signed by `sign`; by the right key without."""
        parts = [part if isinstance(part, bytes) else written(part) for part in (header, claims)]
        return signed(parts[0], parts[1], sign or self.key.sign)


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody with new keys: one for each algorithm, and `next_key` beside the one for ES256."""

    keys: Mapping[str, TokenKey] = field(default_factory=lambda: {alg: _new(alg) for alg in ALGORITHMS}, repr=False)
    next_key: TokenKey = field(default_factory=lambda: _new("ES256"), repr=False)

    @property
    def jwks(self) -> bytes:
        """All public keys."""
        return jwks(*self.keys.values(), self.next_key)


def token_entrance(name: str, published: bytes, alg: str, judge: Judge, arguments: tuple[str, ...] | None) -> Entrance:
    """An entrance whose keys are those of a JWKS for one algorithm. `arguments` name it `{folder}/jwks.json`."""
    keys = keys_from_jwks(published.decode(), alg)

    def try_one(octets: bytes) -> None:
        # A token out of a file, as a form field would have it: an octet that is no ASCII is no base64 either
        judge(octets.decode("ascii", "replace"), keys)

    return Entrance(name, try_one, arguments, {JWKS: published})


@dataclass(frozen=True, slots=True)
class TokenWorld:
    """Everybody of one run, with new keys. `nonce` and `access_token` are those of the one login that id_tokens answer."""

    now: int
    provider: Party = field(default_factory=Party)
    client: Party = field(default_factory=Party)
    stranger: Party = field(default_factory=Party)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    access_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def id_token(self, alg: str, *, alone: bool = False) -> TokenBench:
        """id_tokens. With `alone` the provider publishes no other key."""
        asked = ("--issuer", OP, "--audience", AT_PROVIDER, "--nonce", self.nonce, "--alg", alg, "--minimum-loa")
        with_login = ("substantial", "--max-age", str(MAX_AGE), "--access-token", f"{{folder}}/{ACCESS_TOKEN}")
        arguments = self._arguments("id-token", *asked, *with_login)
        bench = self._bench(
            self.provider, alg, "id_token", self._judge(self.expected_id_token(alg)), arguments, alone=alone
        )
        side = {**bench.entrance.files, ACCESS_TOKEN: self.access_token.encode()}
        return replace(bench, entrance=replace(bench.entrance, files=side))

    def id_token_without_login(self) -> TokenBench:
        """id_tokens of which issuer, audience and times alone are expected: `ciconia inspect` may know no more."""
        nothing: dict[str, Any] = dict.fromkeys(("nonce", "minimum_assurance", "max_age", "access_token"))  # Any: None
        arguments = self._arguments("id-token", "--issuer", OP, "--audience", AT_PROVIDER, "--alg", "ES256")
        bench = self.id_token_expecting("id_token without login", **nothing)
        return replace(bench, entrance=replace(bench.entrance, arguments=arguments))

    def id_token_expecting(self, name: str, **expected: Any) -> TokenBench:  # Any: members of `ExpectedIdToken`
        """id_tokens at a registration or login that expects something else. Inspection cannot be told so."""
        judge = self._judge(replace(self.expected_id_token("ES256"), **expected))
        return self.judged_by(name, judge, self.id_token("ES256"))

    def judged_by(self, name: str, judge: Judge, bench: TokenBench) -> TokenBench:
        """The same tokens at a judge of the provider's that inspection cannot be told of."""
        return replace(bench, where=name, entrance=token_entrance(name, self.provider.jwks, bench.key.alg, judge, None))

    def client_assertion(self, alg: str, *, alone: bool = False) -> TokenBench:
        """Client assertions of one relying party."""
        arguments = self._arguments("client-assertion", "--client", CLIENT, "--audience", US, "--alg", alg)
        judge = self._judge(ExpectedClientAssertion(CLIENT, US, alg))
        return self._bench(self.client, alg, "client assertion", judge, arguments, alone=alone)

    def client_assertion_by_registration(self, alg: str) -> TokenBench:
        """Client assertions of a relying party that may name our token endpoint, and live for ten minutes.

        Inspection is told so by a configuration alone.
        """
        judge = self._judge(ExpectedClientAssertion(CLIENT, US, alg, TOKEN_ENDPOINT, LONGEST_ASSERTION_LIFE))
        return self._bench(self.client, alg, "client assertion by registration", judge, None)

    def logout_token(self, alg: str, *, alone: bool = False) -> TokenBench:
        """Logout tokens of the provider of the id_tokens. Inspection has no such kind."""
        judge = self._judge(ExpectedLogoutToken(OP, AT_PROVIDER, alg))
        return self._bench(self.provider, alg, "logout token", judge, None, alone=alone)

    def id_token_claims(self, alg: str) -> dict[str, Json]:
        """Those of a good id_token. The person is invented, and visibly so."""
        return {
            "iss": OP,
            "sub": f"nobody-{secrets.token_hex(8)}",
            "aud": AT_PROVIDER,
            "exp": self.now + 300,
            "iat": self.now - 1,
            "auth_time": self.now - 20,
            "nonce": self.nonce,
            "acr": LevelOfAssurance.SUBSTANTIAL.uri,
            "at_hash": half_hash(self.access_token, alg),
            "family_name": "Selbsttest-Ümläut",
        }

    def client_assertion_claims(self) -> dict[str, Json]:
        """Those of a good client assertion."""
        jti = secrets.token_urlsafe(16)
        return {"iss": CLIENT, "sub": CLIENT, "aud": US, "exp": self.now + 120, "iat": self.now, "jti": jti}

    def logout_token_claims(self) -> dict[str, Json]:
        """Those of a good logout token: a subject and one session."""
        whose: dict[str, Json] = {"sub": f"nobody-{secrets.token_hex(8)}", "sid": secrets.token_urlsafe(16)}
        lives: dict[str, Json] = {"exp": self.now + 120, "iat": self.now - 1, "jti": secrets.token_urlsafe(16)}
        return {"iss": OP, "aud": AT_PROVIDER, **whose, **lives, "events": {EVENT: {}}}

    def expected_id_token(self, alg: str) -> ExpectedIdToken:
        """A login expects everything that can be held against a token."""
        level = LevelOfAssurance.SUBSTANTIAL
        return ExpectedIdToken(OP, AT_PROVIDER, alg, self.nonce, level, max_age=MAX_AGE, access_token=self.access_token)

    def _judge(self, expected: ExpectedIdToken | ExpectedClientAssertion | ExpectedLogoutToken) -> Judge:
        match expected:
            case ExpectedIdToken():
                return lambda token, keys: judge_id_token(token, keys, expected, self.now)
            case ExpectedClientAssertion():
                return lambda token, keys: judge_client_assertion(token, keys, expected, self.now)
            case ExpectedLogoutToken():
                return lambda token, keys: judge_logout_token(token, keys, expected, self.now)

    def _arguments(self, kind: str, *more: str) -> tuple[str, ...]:
        return ("--as", kind, "--jwks", f"{{folder}}/{JWKS}", *more, "--at", str(self.now))

    def _bench(
        self, who: Party, alg: str, kind: str, judge: Judge, asked: tuple[str, ...] | None, *, alone: bool = False
    ) -> TokenBench:
        kinds = {
            "id_token": ("", lambda: self.id_token_claims(alg)),
            "logout token": ("logout+jwt", self.logout_token_claims),
        }
        typ, claims = kinds.get(kind, ("client-authentication+jwt", self.client_assertion_claims))
        name = f"{kind} {alg}{' one key' if alone else ''}".lower()
        published = jwks(who.keys[alg]) if alone else who.jwks
        entrance = token_entrance(name, published, alg, judge, asked)
        others = tuple(key for key in who.keys.values() if key.alg != alg)
        rolling = alg == who.next_key.alg
        return TokenBench(name, entrance, who.keys[alg], typ, claims, others, self.stranger.keys[alg], self.now, rolling)


def _new(alg: str) -> TokenKey:
    return TokenKey(f"{alg.lower()}-{secrets.token_hex(4)}", alg, new_key(alg))
