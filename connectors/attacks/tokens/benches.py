"""The registrations at which tokens are tried: each kind of token with each algorithm, as the server would hold it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.attacks.case import Entrance
from connectors.attacks.tokens.bench import Bench, TokenKey
from connectors.attacks.tokens.making import half_hash
from connectors.attacks.tokens.parties import JWKS, Party, as_text, entrance, jwks, party
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
ACCESS_TOKEN = "access_token"
Judge = Callable[[str, tuple[VerificationKey, ...]], object]


@dataclass(frozen=True, slots=True)
class World:
    """Everybody of one run. `nonce` and `access_token` are those of the one login that id_tokens answer."""

    now: int
    provider: Party
    client: Party
    stranger: Party
    nonce: str = field(repr=False)
    access_token: str = field(repr=False)

    def id_token(self, alg: str, *, alone: bool = False) -> Bench:
        """id_tokens. With `alone` the provider publishes no other key."""
        judge, arguments = self._id_token_judge(alg), self._id_token_arguments(alg)
        entrance = _entrance(self.provider, alg, "id_token", judge, arguments, alone=alone)
        side = {**entrance.files, ACCESS_TOKEN: self.access_token.encode()}
        with_token = Entrance(entrance.name, entrance.judge, entrance.arguments, side)
        return self._bench(self.provider, alg, with_token, "", lambda: self.id_token_claims(alg))

    def id_token_without_login(self) -> Bench:
        """id_tokens of which issuer, audience and times alone are expected: `ciconia inspect` may know no more."""
        expected = replace(
            self.expected_id_token("ES256"), nonce=None, minimum_assurance=None, max_age=None, access_token=None
        )

        def judge(token: str, keys: tuple[VerificationKey, ...]) -> object:
            return judge_id_token(token, keys, expected, self.now)

        arguments = self._arguments("id-token", "--issuer", OP, "--audience", AT_PROVIDER, "--alg", "ES256")
        found = entrance("id_token without login", self.provider.jwks, "ES256", judge, arguments)
        return self._bench(self.provider, "ES256", found, "", lambda: self.id_token_claims("ES256"))

    def id_token_expecting(self, name: str, **expected: Any) -> Bench:  # Any: members of `ExpectedIdToken`
        """id_tokens at a registration or login that expects something else. Inspection cannot be told so."""
        expecting = replace(self.expected_id_token("ES256"), **expected)
        keys = keys_from_jwks(self.provider.jwks.decode(), "ES256")

        def judge(octets: bytes) -> None:
            judge_id_token(as_text(octets), keys, expecting, self.now)

        return replace(self.id_token("ES256"), where=name, entrance=Entrance(name, judge, None))

    def client_assertion(self, alg: str, *, alone: bool = False) -> Bench:
        """Client assertions of one relying party."""
        expected = ExpectedClientAssertion(CLIENT, US, alg)

        def judge(token: str, keys: tuple[VerificationKey, ...]) -> object:
            return judge_client_assertion(token, keys, expected, self.now)

        arguments = self._arguments("client-assertion", "--client", CLIENT, "--audience", US, "--alg", alg)
        entrance = _entrance(self.client, alg, "client assertion", judge, arguments, alone=alone)
        return self._bench(self.client, alg, entrance, "client-authentication+jwt", self.client_assertion_claims)

    def client_assertion_by_registration(self, alg: str) -> Bench:
        """Client assertions of a relying party that may name our token endpoint, and live for ten minutes.

        Inspection is told so by a configuration alone.
        """
        expected = ExpectedClientAssertion(CLIENT, US, alg, TOKEN_ENDPOINT, LONGEST_ASSERTION_LIFE)

        def judge(token: str, keys: tuple[VerificationKey, ...]) -> object:
            return judge_client_assertion(token, keys, expected, self.now)

        entrance = _entrance(self.client, alg, "client assertion by registration", judge, None, alone=False)
        return self._bench(self.client, alg, entrance, "client-authentication+jwt", self.client_assertion_claims)

    def logout_token(self, alg: str, *, alone: bool = False) -> Bench:
        """Logout tokens of the provider of the id_tokens. Inspection has no such kind."""
        expected = ExpectedLogoutToken(OP, AT_PROVIDER, alg)

        def judge(token: str, keys: tuple[VerificationKey, ...]) -> object:
            return judge_logout_token(token, keys, expected, self.now)

        entrance = _entrance(self.provider, alg, "logout token", judge, None, alone=alone)
        return self._bench(self.provider, alg, entrance, "logout+jwt", self.logout_token_claims)

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
        return {
            "iss": OP,
            "sub": f"nobody-{secrets.token_hex(8)}",
            "sid": secrets.token_urlsafe(16),
            "aud": AT_PROVIDER,
            "exp": self.now + 120,
            "iat": self.now - 1,
            "jti": secrets.token_urlsafe(16),
            "events": {EVENT: {}},
        }

    def expected_id_token(self, alg: str) -> ExpectedIdToken:
        """A login expects everything that can be held against a token."""
        return ExpectedIdToken(
            issuer=OP,
            client_id=AT_PROVIDER,
            alg=alg,
            nonce=self.nonce,
            minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
            max_age=MAX_AGE,
            access_token=self.access_token,
        )

    def _id_token_judge(self, alg: str) -> Judge:
        expected = self.expected_id_token(alg)
        return lambda token, keys: judge_id_token(token, keys, expected, self.now)

    def _id_token_arguments(self, alg: str) -> tuple[str, ...]:
        parts = ("--issuer", OP, "--audience", AT_PROVIDER, "--nonce", self.nonce, "--alg", alg)
        age = ("--minimum-loa", "substantial", "--max-age", str(MAX_AGE))
        return self._arguments("id-token", *parts, *age, "--access-token", f"{{folder}}/{ACCESS_TOKEN}")

    def _arguments(self, kind: str, *more: str) -> tuple[str, ...]:
        return ("--as", kind, "--jwks", f"{{folder}}/{JWKS}", *more, "--at", str(self.now))

    def _bench(self, who: Party, alg: str, entrance: Entrance, typ: str, claims: Callable[[], dict[str, Json]]) -> Bench:
        others = tuple(key for key in who.keys.values() if key.alg != alg)
        return Bench(
            entrance.name,
            entrance,
            who.keys[alg],
            typ,
            claims,
            others,
            self.stranger.keys[alg],
            self.now,
            alg == who.next_key.alg,
        )


def new_world(now: int) -> World:
    """Everybody, with new keys."""
    access_token = secrets.token_urlsafe(32)
    return World(now, party(), party(), party(), secrets.token_urlsafe(16), access_token)


def _entrance(who: Party, alg: str, kind: str, judge: Judge, arguments: tuple[str, ...] | None, *, alone: bool) -> Entrance:
    keys: tuple[TokenKey, ...] = (who.keys[alg],) if alone else (*who.keys.values(), who.next_key)
    name = f"{kind} {alg}{' one key' if alone else ''}".lower()
    return entrance(name, jwks(*keys), alg, judge, arguments)
