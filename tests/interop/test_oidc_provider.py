"""npm `oidc-provider`, a certified provider, as our upstream: with everything that both have, and what each refuses."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest

from connectors.addresses import FetchError
from connectors.connector import Inbound
from connectors.fetch import Fetcher
from connectors.oidc.connector import OidcConnector
from connectors.signatures.jwk import public_jwk, thumbprint
from connectors.wire.claims import Json
from idp.demo.loopback import client, send
from idp.system.clock import system_clock
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.errors import AssertionRejected
from policies.parties import EntityId, IdentityProvider, ProviderId, Source, SubjectNamespace
from policies.registrations.openid_registration import OpenIDRegistration
from tests.connectors.metadata.origin import LOOPBACK
from tests.connectors.oidc.bench import BIRTHDATE, CALLBACK, ENCRYPTION, GIVEN, asked, forced
from tests.connectors.oidc.upstream import OURS, SECRET
from tests.interop.node import Node, require_node

pytestmark = pytest.mark.peer

PLAIN = OpenIDRegistration(
    client_id="plain", authentication_method="client_secret_basic", id_token_alg="ES256", networks=LOOPBACK
)
WHOLE = OpenIDRegistration(
    client_id="whole",
    id_token_alg="ES256",
    id_token_enc="A128GCM",
    userinfo_alg="ES256",
    userinfo_enc="A128GCM",
    pushed=True,
    signed=True,
    dpop=True,
    networks=LOOPBACK,
)
OUR_KEYS: Json = {
    "keys": [
        {**public_jwk(OURS.public_key), "use": "sig", "alg": "ES256", "kid": OURS.key_id},
        {
            **public_jwk(ENCRYPTION.public_key),
            "use": "enc",
            "alg": "ECDH-ES",
            "kid": thumbprint(ENCRYPTION.public_key),
        },
    ]
}
COMMON: dict[str, Json] = {"redirect_uris": [CALLBACK], "id_token_signed_response_alg": "ES256"}
CLIENTS: list[Json] = [
    {**COMMON, "client_id": "plain", "client_secret": SECRET, "token_endpoint_auth_method": "client_secret_basic"},
    {
        **COMMON,
        "client_id": "whole",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": OUR_KEYS,
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A128GCM",
        "userinfo_signed_response_alg": "ES256",
        "userinfo_encrypted_response_alg": "ECDH-ES",
        "userinfo_encrypted_response_enc": "A128GCM",
        "request_object_signing_alg": "ES256",
        "require_signed_request_object": True,
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
    },
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    require_node("oidc-provider")
    with Node("oidc_provider.mjs", {}) as node:
        yield str(node.ask({"clients": CLIENTS})["issuer"])


def connector(issuer: str, ours: OpenIDRegistration) -> OidcConnector:
    discovery = f"{issuer}/.well-known/openid-configuration"
    document = Fetcher(demo=True).get(discovery, networks=LOOPBACK, limit=65_536, timeout=10)
    provider = IdentityProvider(
        provider_id=ProviderId("op"),
        title={"en": "oidc-provider"},
        country="EE",
        namespace=SubjectNamespace("test/EE"),
        entity_id=EntityId(issuer),
        metadata=document,
        attributes={
            "given_name": (GIVEN, ""),
            "birthdate": (BIRTHDATE, ""),
            "family_name": (AttributeName("family_name"), ""),
        },
        subject_attribute="",
        assurance={level.uri: level for level in LevelOfAssurance},
        source=Source("providers/op.toml", 1),
        protocol="oidc",
        openid=ours,
    )
    return OidcConnector(
        provider=provider,
        redirect_uri=CALLBACK,
        fetcher=Fetcher(demo=True),
        signer=OURS,  # type: ignore[arg-type]  # one that always counts
        secret=lambda: SECRET,
        decrypting=lambda _now: (ENCRYPTION,),
    )


def walked(url: str) -> dict[str, str]:
    """The browser's way through the provider, to our address: the parameters that it brings."""
    jar: dict[str, str] = {}
    with client() as http:
        while not url.startswith(CALLBACK):
            cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
            answer = send(http, "GET", url, headers={"cookie": cookies} if cookies else {})
            assert answer.status_code in (302, 303), answer.text
            for header in answer.headers.get_list("set-cookie"):
                name, _, value = header.partition(";")[0].partition("=")
                jar[name] = value
            url = urljoin(url, answer.headers["location"])
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


@pytest.mark.parametrize("ours", [PLAIN, WHOLE], ids=["plain", "everything"])
@pytest.mark.parametrize("ask", [replace(forced(600), max_age=None), forced()], ids=["as it is", "anew"])
@pytest.mark.spec("OpenID Connect Core §3.1.3.3")
def test_a_login_completes(issuer: str, ours: OpenIDRegistration, ask: object) -> None:
    made, now = connector(issuer, ours), system_clock()
    url, expectation = asked(made, ask, now)  # type: ignore[arg-type]  # one of both
    found = made.receive(Inbound("redirect", walked(url)), expectation, system_clock())
    assert (found.issuer, found.subject, found.offered.loa) == (issuer, "subject-1", LevelOfAssurance.SUBSTANTIAL)
    assert (found.offered.attributes[GIVEN], found.offered.attributes[BIRTHDATE]) == ("Mari", "1987-03-14")


def test_it_takes_no_code_twice_nor_by_another_verifier(issuer: str) -> None:
    made, now = connector(issuer, PLAIN), system_clock()
    (url, expectation), (_, other) = asked(made, now=now), asked(made, now=now)
    back = Inbound("redirect", walked(url))
    with pytest.raises(AssertionRejected) as caught:
        made.receive(back, replace(expectation, secret=other.secret), now)
    assert caught.value.check == "token_refused"
    again = Inbound("redirect", walked(url))
    made.receive(again, expectation, system_clock())
    with pytest.raises(AssertionRejected) as caught:
        made.receive(again, expectation, system_clock())
    assert caught.value.check == "token_refused"


def test_we_take_no_answer_of_it_for_another_question(issuer: str) -> None:
    made, now = connector(issuer, PLAIN), system_clock()
    (url, _), (_, other) = asked(made, now=now), asked(made, now=now)
    with pytest.raises(AssertionRejected) as caught:
        made.receive(Inbound("redirect", walked(url)), other, now)
    assert caught.value.check == "answer_state"
    with pytest.raises(FetchError):
        Fetcher(demo=False).get(issuer, limit=1, timeout=5)
