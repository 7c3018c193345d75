"""Clients that push and sign their requests, and what they send."""

from collections.abc import Mapping
from dataclasses import replace

from connectors.wire.claims import Json
from idp.protocols.oidc.direct import JsonAnswer
from idp.protocols.oidc.pushed import REQUEST_URI
from policies.parties import RelyingParty
from policies.registrations.openid_client import FAPI2, OpenIDClient
from tests.connectors_jws.jws_doubles import handmade, token_key
from tests.idp.protocols.doubles import ISSUER, NOW, City, assertion_with, basic, key_party, posted, request

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
OBJECT_TYPE = "oauth-authz-req+jwt"


def openid(**changes: object) -> OpenIDClient:
    return replace(OpenIDClient(), **changes)  # type: ignore[arg-type] # whichever fields a test names


def signing_party(client: str = "fare", **changes: object) -> RelyingParty:
    """A client that signs its requests."""
    return key_party(client, openid=openid(request_object_signing_alg="ES256", **changes))


def fapi2_party(client: str = "fare", **changes: object) -> RelyingParty:
    return signing_party(client, profile=FAPI2, dpop_bound_access_tokens=True, **changes)


def asked(client: str = "parking", **changes: str | None) -> dict[str, str]:
    """The parameters of a request that is accepted."""
    return dict(request(client_id=client, **changes).parameters)


def push(city: City, form: Mapping[str, str], authorization: str | None = None, now: int = NOW) -> JsonAnswer:
    """Push as parking does, with its secret."""
    return city.provider.push(posted(form, basic() if authorization is None else authorization), now)


def push_by_key(city: City, form: Mapping[str, str], number: int = 1, **claims: Json) -> JsonAnswer:
    """Push as fare does, with an assertion; each `number` is another one."""
    proof = {"client_assertion": assertion_with({"jti": f"j{number}", **claims}), "client_assertion_type": ASSERTION_TYPE}
    return push(city, {**form, **proof}, "")


def reference(answer: JsonAnswer) -> str:
    assert answer.status == 201, answer.body
    found = answer.body["request_uri"]
    assert isinstance(found, str)
    assert found.startswith(REQUEST_URI)
    return found


def signed(client: str = "fare", *, typ: str = OBJECT_TYPE, number: int = 9, **changes: Json) -> str:
    """A request object that is accepted, but for `changes`; a member that is None is left out."""
    claims: dict[str, Json] = {
        **asked(client),
        "iss": client,
        "aud": ISSUER,
        "nbf": NOW,
        "exp": NOW + 300,
        "jti": "an-object",
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return handmade({"alg": "ES256", "kid": "k9", "typ": typ}, kept, token_key("ES256", number))
