"""A register that answers with signed tokens, over a real socket: joserfc stands on its side."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any  # claims of any kind, right and wrong

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from joserfc import jwt
from joserfc.jwk import ECKey

from connectors.fetch import Fetcher
from connectors.registers.claims_provider import ANSWER_TYPE, QUERY_TYPE, ClaimsProvider
from connectors.signatures.decryption_keys import FileAgreement
from connectors.signatures.jwk import thumbprint
from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeRegister, SignedClaimsService
from policies.attributes import AttributeName
from policies.catalogue import MANDATE, STANDARD
from policies.parties import RegisterId
from tests.connectors.metadata.origin import LOOPBACK
from tests.connectors.registers.authority import ADDRESS, BIRTHDATE, NATIONALITY, SOURCE
from tests.connectors_jws.jws_doubles import SoftwareSigner, private_key
from tests.listening import Handler, Listening

ISSUER, CLIENT = "https://register.example", "storkhaven"
SAYS = {
    "birthdate": (BIRTHDATE, ""),
    "nationalities": (NATIONALITY, ""),
    "mandate": (MANDATE, ""),
    "address.street_address": (ADDRESS, "street"),
    "address.locality": (ADDRESS, "locality"),
    "address.country": (ADDRESS, "country"),
}
RESIDENCE = {"address": {"street_address": "Quaggenweg 17", "locality": "Storkhaven", "country": "EE"}}
SIGNER = SoftwareSigner(private_key("ES256", 7))


def key(number: int) -> ECKey:
    made = private_key("ES256", number)
    assert isinstance(made, EllipticCurvePrivateKey)
    return ECKey.import_key(made, {"kid": thumbprint(made.public_key())})


def agreement(number: int) -> FileAgreement:
    made = private_key("ES256", number)
    assert isinstance(made, EllipticCurvePrivateKey)
    return FileAgreement(made, b"", thumbprint(made.public_key()))


THEIRS, STRANGERS, TO_US = key(8), key(9), key(10)
JWKS = json.dumps({"keys": [{**THEIRS.as_dict(private=False), "kid": THEIRS.kid}]})
Answering = Callable[[Mapping[str, Any]], str]


def claims(asked_for: Mapping[str, Any], now: int, **changes: object) -> dict[str, Any]:
    """A good answer to a question; a change of None takes a claim out."""
    found = {
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": f"a{asked_for['jti']}",
        "nonce": asked_for["jti"],
        "sub": asked_for["sub"],
        **RESIDENCE,
        **changes,
    }
    return {name: value for name, value in found.items() if value is not None}


def token(found: Mapping[str, Any], by: ECKey = THEIRS, **header: str) -> str:
    return jwt.encode({"alg": "ES256", "kid": by.kid, "typ": ANSWER_TYPE, **header}, dict(found), by)


@dataclass
class Register:
    """It verifies each question with our public key, and answers as it is told."""

    answer: Answering
    status: int = 200
    media_type: str = "application/jwt"
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    # the key of ours that it knows
    asker: ECKey = field(default_factory=lambda: ECKey.import_key(private_key("ES256", 7).public_key()))  # type: ignore[arg-type] # P-256


def register(url: str) -> AttributeRegister:
    return AttributeRegister(
        register_id=RegisterId("incomes"),
        title={"en": "Register of incomes"},
        issuer=ISSUER,
        loa=LevelOfAssurance.HIGH,
        found_by={AttributeName("person_identifier"): "sub"},
        attributes=SAYS,
        transport=SignedClaimsService(url, CLIENT, JWKS),
        source=SOURCE,
        networks=LOOPBACK,
    )


@contextmanager
def served(held: Register) -> Iterator[AttributeRegister]:
    class Asked(Handler):
        def post(self, body: bytes) -> None:
            read = jwt.decode(body.decode(), held.asker, algorithms=["ES256"])
            assert (read.header["typ"], self.headers["Content-Type"]) == (QUERY_TYPE, "application/jwt")
            held.asked.append(read.claims)
            held.paths.append(self.path)
            said = held.answer(read.claims).encode() if held.status == 200 else b""
            self.reply(held.status, said, Content_Type=held.media_type)

    server = Listening(Asked)
    try:
        yield register(f"http://registers.localhost:{server.server_address[1]}/attributes")
    finally:
        server.close()


def provider(registered: AttributeRegister, enc: str = "") -> ClaimsProvider:
    assert isinstance(registered.transport, SignedClaimsService)
    return ClaimsProvider(
        register=replace(registered, transport=replace(registered.transport, enc=enc)),
        catalogue=STANDARD,
        fetcher=Fetcher(demo=True),
        signer=SIGNER,
        decrypting=lambda _now: [agreement(10)],
    )
