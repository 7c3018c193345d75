"""What the tests of every kind of token share: a token broken in one place, and the names of the checks that refuse it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.signatures.jws import MAX_TOKEN, VerificationKey, verification_key
from connectors.wire.claims import Json
from tests.connectors_jws.jws_doubles import TokenKey, b64, handmade, token_key

NOW = 1_795_600_000
KID = "k1"


@dataclass(frozen=True, slots=True)
class Case:
    """A token that breaks one check."""

    check: str
    what: str
    token: str

    def __str__(self) -> str:
        return f"{self.check}-{self.what}".replace(" ", "-")


def keys_for(alg: str = "ES256", number: int = 0) -> list[VerificationKey]:
    return [verification_key(token_key(alg, number).public_key(), alg, KID)]


def without(members: Mapping[str, Json]) -> dict[str, Json]:
    """The members but those whose value is the text `LEFT OUT`."""
    return {name: value for name, value in members.items() if value != "LEFT OUT"}


def of_signature(typ: str, claims: Mapping[str, Json], other_types: tuple[str, ...]) -> tuple[Case, ...]:
    """A token of this type broken in its form, header, key or signature: of whichever kind it is."""
    header: dict[str, Json] = {"alg": "ES256", "kid": KID, "typ": typ}
    key, stranger = token_key("ES256"), token_key("ES256", 1)

    def made(changes: Mapping[str, Json], by: TokenKey = key) -> str:
        return handmade(without({**header, **changes}), dict(claims), by)

    good = made({})
    first, second, third = good.split(".")
    twice = '{"iss":"https://evil.example",' + json.dumps(claims)[1:]
    header_twice = '{"alg":"none",' + json.dumps(header)[1:]
    members: Mapping[str, Json] = {
        "crit": ["exp"],
        "b64": False,
        "jku": "https://evil.example/jwks",
        "x5c": ["MII"],
        "jwk": {"kty": "EC"},
        "enc": "A256GCM",
    }
    return (
        Case("jws_size", "beyond 64 KiB", "a" * (MAX_TOKEN + 1)),
        Case("jws_form", "empty", ""),
        Case("jws_form", "a JWE of five parts", f"{good}.AA.AA"),
        Case("jws_form", "JSON serialisation", json.dumps({"payload": second, "signatures": []})),
        Case("jws_header", "a member twice", f"{b64(header_twice)}.{second}.{third}"),
        *(Case("jws_header", name, made({name: value})) for name, value in members.items()),
        *(Case("jws_alg", alg, f"{b64(json.dumps({**header, 'alg': alg}))}.{second}.") for alg in ("none", "NONE")),
        Case("jws_alg", "another that we know", made({"alg": "EdDSA"}, token_key("EdDSA"))),
        *(Case("jws_typ", other or "empty", made({"typ": other})) for other in other_types),
        Case("jws_kid", "unknown", made({"kid": "k2"})),
        Case("jws_signature", "by another key", made({}, stranger)),
        Case("jws_signature", "none", f"{first}.{second}."),
        Case("jws_claims", "a member twice", handmade(header, twice, key)),
        Case("jws_claims", "not a number", handmade(header, '{"exp":NaN}', key)),
    )
