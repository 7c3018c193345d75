"""Answers through the browser, and what the provider refuses at start."""

from dataclasses import replace

import pytest

from connectors.connector import Post, Redirect
from connectors.signatures.jws import base64url
from idp.ledger.ledger_keys import mac
from idp.login.approvals import Approvals
from idp.login.sealing import Sealer
from idp.login.standing import StandingApprovals
from idp.login.states import Released
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.provider import OpenIDProvider
from policies.catalogue import STANDARD
from policies.errors import (
    AllRevoked,
    AssertionRejected,
    AssuranceTooLow,
    AuthenticationFailed,
    BrokerError,
    Closed,
    Misconfigured,
    OtherPerson,
    PeerUnavailable,
    ReleaseDenied,
    Replayed,
    Suspended,
)
from tests.connectors_jws.jws_doubles import SoftwareSigner, private_key
from tests.idp.protocols.doubles import (
    ISSUER,
    NOW,
    REDIRECT,
    TENANT,
    City,
    MemoryStore,
    accepted,
    answer,
    grant,
    party,
    posted,
)
from tests.sealing import fixed_keys

KEY = b"k" * 32
CODE = base64url(mac(KEY, b"code"))
OTHER = "https://parking.storkhaven.example/other?from=us"


def released(city: City, **changes: str | None) -> Released:
    made = grant()
    return Released(replace(made, origin=accepted(city, **changes).origin), KEY)


@pytest.mark.spec("RFC 9207 §2")
def test_the_code_goes_with_state_and_issuer_to_the_registered_address() -> None:
    found = City().provider.answer(released(City()), NOW)
    assert found == Redirect(f"{REDIRECT}?code={CODE}&state=af0ifjsldkj&iss=https%3A%2F%2Fid.storkhaven.example")


@pytest.mark.parametrize("state", ["a&code=evil", "x#y z", "%0d%0aLocation:", "~" * 4096])
def test_a_state_comes_back_as_it_was_and_adds_nothing(state: str) -> None:
    found = City().provider.answer(released(City(), state=state), NOW)
    assert answer(found) == {"code": CODE, "state": state, "iss": ISSUER}
    assert isinstance(found, Redirect)
    assert not set('#\r\n"<> ') & set(found.url)


def test_a_query_of_the_registered_address_is_kept() -> None:
    found = City().provider.answer(released(City(), redirect_uri=OTHER), NOW)
    assert isinstance(found, Redirect)
    assert found.url.startswith(f"{OTHER}&code={CODE}&")


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode §2")
def test_by_form_the_address_is_the_registered_one_and_the_fields_are_the_answer() -> None:
    found = City().provider.answer(released(City(), response_mode="form_post", state="<&>"), NOW)
    assert found == Post(REDIRECT, (("code", CODE), ("state", "<&>"), ("iss", ISSUER)))


def test_a_code_is_never_in_a_repr() -> None:
    city = City()
    shown = repr(released(city)) + repr(city.provider.answer(released(city), NOW))
    assert CODE not in shown
    assert repr(KEY) not in shown


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (ReleaseDenied("the citizen refused"), "access_denied"),
        (AuthenticationFailed("status"), "access_denied"),
        (AssertionRejected("signature"), "access_denied"),
        (Replayed("decided"), "access_denied"),
        (AssuranceTooLow("authn_context_too_low"), "unmet_authentication_requirements"),
        (OtherPerson("hinted_subject"), "login_required"),
        (PeerUnavailable("its node is away"), "temporarily_unavailable"),
        (Suspended("it is off"), "temporarily_unavailable"),
        (AllRevoked("no key is left"), "temporarily_unavailable"),
        (Closed("the ledger is halted"), "temporarily_unavailable"),
    ],
)
def test_a_refusal_is_an_error_of_the_standard_with_a_fixed_sentence(given: BrokerError, told: str) -> None:
    city = City()
    found = answer(city.provider.refuse(accepted(city).origin, given, NOW))
    assert (found["error"], found["state"], found["iss"]) == (told, "af0ifjsldkj", ISSUER)
    assert found["error_description"].endswith(".")
    assert "code" not in found


# -- at start ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("CVE-2026-9689")
@pytest.mark.parametrize(
    "address",
    [
        "https://rp.example/cb?code=1",
        "https://rp.example/cb?a=b&state=",
        "https://rp.example/cb?%63ode=1",
        "https://rp.example/cb#",
        "https://rp.éxample/cb",
    ],
)
def test_an_address_that_would_confuse_an_answer_is_refused_at_start(address: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        City(party(redirect_uris=(REDIRECT, address)))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.key) == ("parties/parking.toml", 7, "redirect_uris")


def test_an_id_token_algorithm_without_a_key_is_refused_at_start() -> None:
    for alg in ("ES384", "HS256", "none", ""):
        with pytest.raises(Misconfigured) as caught:
            City(party(id_token_alg=alg))
        assert [problem.key for problem in caught.value.problems] == ["id_token_signed_response_alg"]


def for_nobody(*algs: str) -> OpenIDProvider:
    """A provider without any relying party, with a signer under each of these names."""
    store = MemoryStore()
    return OpenIDProvider(
        OpenIDParts(
            issuer=ISSUER,
            tenant=TENANT,
            parties={},
            purposes={},
            vouched=lambda _provider, _now: False,
            ended=lambda _grant: False,
            off=lambda _client_id: False,
            standing=StandingApprovals(
                issuer=ISSUER,
                purposes={},
                approvals=Approvals(tenant=TENANT, subjects=bytes(32), decisions=store),
            ),
            catalogue=STANDARD,
            signers={alg: SoftwareSigner(private_key("ES256")) for alg in algs},
            sealer=Sealer(tenant=TENANT, keys=fixed_keys(bytes(32))),
            commits=store,
            parked=store,
        )
    )


@pytest.mark.spec("house-style.md 10")
@pytest.mark.parametrize("algs", [(), ("ES512",), ("HS256", "ES256")])
def test_no_signer_or_one_of_another_algorithm_is_refused_at_start(algs: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured):
        for_nobody(*algs)


def test_a_provider_without_any_party_starts_and_knows_nobody() -> None:
    provider = for_nobody("ES256")
    assert provider.discovery().body["id_token_signing_alg_values_supported"] == ["ES256"]
    assert provider.token(posted({"grant_type": "authorization_code"}, ""), 0).status == 401
