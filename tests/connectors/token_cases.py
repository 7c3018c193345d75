"""Keys and claims that the tests of every kind of token share."""

from collections.abc import Mapping

from connectors.signatures.jws import VerificationKey, verification_key
from connectors.wire.claims import Json
from tests.connectors_jws.jws_doubles import token_key

NOW = 1_795_600_000
KID = "k1"


def keys_for(alg: str = "ES256", number: int = 0) -> list[VerificationKey]:
    return [verification_key(token_key(alg, number).public_key(), alg, KID)]


def without(members: Mapping[str, Json]) -> dict[str, Json]:
    """The members but those whose value is the text `LEFT OUT`."""
    return {name: value for name, value in members.items() if value != "LEFT OUT"}
