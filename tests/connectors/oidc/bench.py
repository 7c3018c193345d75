"""A connector to the provider of `upstream`, and a login through both."""

import json
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from connectors.connector import Ask, Expectation, Inbound, Redirect
from connectors.fetch import Fetcher
from connectors.oidc.connector import OidcConnector
from connectors.signatures.decryption_keys import FileAgreement
from connectors.signatures.jwk import thumbprint
from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.authentication import Assertion
from policies.parties import EntityId, IdentityProvider, ProviderId, Source, SubjectNamespace
from policies.registrations.openid_registration import OpenIDRegistration
from tests.connectors.metadata.origin import LOOPBACK
from tests.connectors.oidc.upstream import CLIENT, OURS, SECRET, Upstream
from tests.connectors_jws.jws_doubles import private_key

NOW = 1_795_600_000
LOGIN = "login-id"
CALLBACK = "https://broker.example/oidc/callback/op"
BIRTHDATE, GIVEN, ADDRESS = AttributeName("birthdate"), AttributeName("given_name"), AttributeName("address")
ASK = Ask(
    LOGIN,
    LevelOfAssurance.SUBSTANTIAL,
    force_authentication=False,
    attributes=(GIVEN, BIRTHDATE, ADDRESS),
    required=frozenset({BIRTHDATE}),
)
REGISTERED = OpenIDRegistration(client_id=CLIENT, id_token_alg="ES256", networks=LOOPBACK)
ENCRYPTION = FileAgreement(private_key("ES256", 41), b"", thumbprint(private_key("ES256", 41).public_key()))  # type: ignore[arg-type]  # it is on P-256


def registration(provider: Upstream, ours: OpenIDRegistration = REGISTERED, **document: Json) -> IdentityProvider:
    return IdentityProvider(
        provider_id=ProviderId("op"),
        title={"en": "Provider"},
        country="EE",
        namespace=SubjectNamespace("test/EE"),
        entity_id=EntityId(provider.base),
        metadata=json.dumps(provider.document(**document)).encode(),
        attributes={
            "given_name": (GIVEN, ""),
            "birthdate": (BIRTHDATE, ""),
            "address.locality": (ADDRESS, "locality"),
            "address.country": (ADDRESS, "country"),
            "nationalities": (AttributeName("nationality"), ""),
        },
        subject_attribute="",
        assurance={level.uri: level for level in LevelOfAssurance},
        source=Source("providers/op.toml", 1),
        protocol="oidc",
        multiple=frozenset({AttributeName("nationality")}),
        openid=ours,
    )


def connector(provider: Upstream, ours: OpenIDRegistration = REGISTERED, **document: Json) -> OidcConnector:
    return of(registration(provider, ours, **document))


def of(registered: IdentityProvider) -> OidcConnector:
    return OidcConnector(
        provider=registered,
        redirect_uri=CALLBACK,
        fetcher=Fetcher(demo=True),
        signer=OURS,  # type: ignore[arg-type]  # one that always counts
        secret=lambda: SECRET,
        decrypting=lambda _now: (ENCRYPTION,),
    )


def asked(made: OidcConnector, ask: Ask = ASK, now: int = NOW) -> tuple[str, Expectation]:
    outbound, expectation = made.request(ask, now)
    assert isinstance(outbound, Redirect)
    return outbound.url, expectation


def parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


def login(made: OidcConnector, provider: Upstream, ask: Ask = ASK, at: int = NOW, /, **changes: str | None) -> Assertion:
    """A whole login; `changes` are those of the parameters with which the browser comes back."""
    url, expectation = asked(made, ask)
    return made.receive(Inbound("redirect", provider.comes_back(url, **changes)), expectation, at)


def forced(max_age: int | None = None) -> Ask:
    return replace(ASK, force_authentication=max_age is None, max_age=max_age)
