"""Mutual TLS (RFC 8705): clients that authenticate by a certificate, and tokens that are bound to one."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from idp.login.states import GRANT
from idp.protocols.oidc.certificates import CertificateProxy
from idp.protocols.oidc.client import Authenticated, Clients
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer
from idp.protocols.oidc.senders import fault_of_renewal
from policies.errors import Misconfigured
from policies.parties import ClientId, RelyingParty
from policies.registrations.openid_client import OpenIDClient
from tests.connectors.client_certificates import DAY, SUBJECT, der, jwks, made
from tests.connectors_jws.dpop_doubles import Sender
from tests.idp.protocols.doubles import ISSUER, NOW, City, basic, grant, party, redemption

PROXY = CertificateProxy(hands_on=True, chains=True)
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
OURS, THEIRS = made(KEY), made(OTHER, subject="CN=thief", names=())
BOUND = OpenIDClient(tls_client_certificate_bound_access_tokens=True)


def named(kind: str = "subject_dn", name: str = SUBJECT, **changes: bool) -> RelyingParty:
    """A client that authenticates by the name of its certificate."""
    openid = replace(OpenIDClient(**changes), tls_client_auth=(kind, name))  # type: ignore[arg-type] # flags alone
    return party("fare", authentication_method="tls_client_auth", secret_sha256="", openid=openid)


def registered(*certificates: object) -> RelyingParty:
    """A client that authenticates by a certificate of its own making."""
    keys = jwks(*certificates)  # type: ignore[arg-type] # certificates
    return party("fare", authentication_method="self_signed_tls_client_auth", secret_sha256="", jwks=keys)


def redeem(city: City, certificate: bytes, authorization: str = "", **form: str | None) -> JsonAnswer:
    code = city.code(grant("fare" if ClientId("fare") in city.parties else "parking"), city.sealer.derive("x", at=NOW))
    call = DirectRequest(form=redemption(code, **form), authorization=authorization, certificate=certificate)
    return city.provider.token(call, NOW)


def use(city: City, token: object, certificate: bytes = b"", scheme: str = "Bearer") -> JsonAnswer:
    call = DirectRequest(authorization=f"{scheme} {token}", method="GET", path="/userinfo", certificate=certificate)
    return city.provider.userinfo(call, NOW)


@pytest.mark.spec("RFC 8705 §2.1")
def test_a_client_proves_itself_by_the_registered_name() -> None:
    city = City(named(), proxy=PROXY)
    assert redeem(city, der(OURS), client_id="fare").status == 200
    for certificate in (b"", der(THEIRS), der(made(OTHER, subject="CN=fare", names=())), b"no certificate"):
        found = redeem(City(named(), proxy=PROXY), certificate, client_id="fare")
        assert (found.status, found.body["error"]) == (401, "invalid_client")
    late = made(KEY, begin=NOW - 2 * DAY, end=NOW - DAY)
    assert redeem(City(named(), proxy=PROXY), der(late), client_id="fare").status == 401


@pytest.mark.spec("RFC 8705 §2.2")
def test_a_client_proves_itself_by_a_registered_certificate() -> None:
    second = made(OTHER)
    for certificate, status in ((OURS, 200), (second, 200), (made(KEY), 401), (THEIRS, 401)):
        city = City(registered(OURS, second), proxy=CertificateProxy(hands_on=True))
        assert redeem(city, der(certificate), client_id="fare").status == status


@pytest.mark.spec("security.md §2.2")
def test_a_certificate_is_nothing_for_a_client_of_another_method_and_no_secret_for_one_of_this() -> None:
    assert redeem(City(proxy=PROXY), der(OURS), client_id="fare").status == 401
    city = City(party(), proxy=PROXY)
    assert redeem(city, der(OURS), client_id="parking").status == 401
    assert redeem(city, der(OURS), client_id="parking", client_secret="guessed").status == 401
    # Whoever has a secret beside the certificate uses two methods
    assert redeem(City(named(), proxy=PROXY), der(OURS), basic("fare"), client_id="fare").status == 401
    assert redeem(City(named(), proxy=PROXY), der(OURS)).status == 401


@pytest.mark.spec("RFC 8705 §3")
@pytest.mark.spec("RFC 8705 §3.1")
@pytest.mark.spec("RFC 9700 §4.10")
def test_a_token_is_bound_to_the_certificate_of_its_request() -> None:
    city = City(party(openid=BOUND), proxy=PROXY)
    found = redeem(city, der(OURS), basic())
    assert (found.status, found.body["token_type"]) == (200, "Bearer")
    token = found.body["access_token"]
    assert use(city, token, der(OURS)).status == 200
    for certificate in (b"", der(THEIRS), der(made(KEY))):
        refused = use(city, token, certificate)
        assert (refused.status, refused.body["error"]) == (401, "invalid_token")
        assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
    assert use(city, token, der(OURS), scheme="DPoP").status == 401


@pytest.mark.spec("RFC 8705 §3.4")
def test_a_client_whose_tokens_are_bound_needs_a_certificate_and_sends_no_proof() -> None:
    city = City(party(openid=BOUND), proxy=PROXY)
    found = redeem(city, b"", basic())
    assert (found.status, found.body["error"]) == (400, "invalid_request")
    call = DirectRequest(
        form=redemption(city.code(grant())),
        authorization=basic(),
        certificate=der(OURS),
        proofs=(Sender().proof(f"{ISSUER}/token", NOW),),
    )
    assert city.provider.token(call, NOW).body["error"] == "invalid_dpop_proof"


@pytest.mark.spec("RFC 8705 §4")
def test_a_public_clients_grant_is_renewed_with_its_certificate_alone() -> None:
    app = party(public=True, authentication_method="none", secret_sha256="")
    assert fault_of_renewal(grant(cnf="x5t#S256:ours"), Authenticated(app, cnf="x5t#S256:theirs"))
    assert not fault_of_renewal(grant(cnf="x5t#S256:ours"), Authenticated(app, cnf="x5t#S256:ours"))


def test_a_grant_of_before_opens_and_is_bound_to_nobody() -> None:
    before = GRANT.dump(grant()).replace(b',"cnf":""', b"")
    assert b"cnf" not in before
    assert GRANT.load(before).cnf == ""


@pytest.mark.parametrize(
    ("client", "proxy", "key", "fix"),
    [
        (named, CertificateProxy(), "token_endpoint_auth_method", "[client_certificates]"),
        (lambda: party(openid=BOUND), CertificateProxy(), "tls_client_certificate_bound_access_tokens", "ciconia.toml"),
        (named, CertificateProxy(hands_on=True), "token_endpoint_auth_method", "chains = true"),
        (lambda: named("san_ip", "localhost"), PROXY, "token_endpoint_auth_method", "reference"),
        (lambda: named("", ""), PROXY, "token_endpoint_auth_method", "reference"),
        (registered, PROXY, "token_endpoint_auth_method", "reference"),
    ],
)
def test_a_registration_that_could_never_work_or_lets_anybody_in_is_refused_at_start(
    client: Callable[[], RelyingParty], proxy: CertificateProxy, key: str, fix: str
) -> None:
    made_up = client()
    with pytest.raises(Misconfigured) as refusal:
        Clients(issuer=ISSUER, parties={made_up.client_id: made_up}, proxy=proxy)
    (problem,) = refusal.value.problems
    assert (problem.file, problem.line, problem.key) == ("parties/parking.toml", 7, key)
    assert fix in problem.fix


@pytest.mark.spec("RFC 8705 §3.3")
@pytest.mark.spec("RFC 8705 §5")
def test_metadata_says_what_the_proxy_makes_possible() -> None:
    without = City().provider.discovery().body
    assert not {"tls_client_certificate_bound_access_tokens", "mtls_endpoint_aliases"} & set(without)
    here = City(proxy=CertificateProxy(hands_on=True)).provider.discovery().body
    assert here["tls_client_certificate_bound_access_tokens"] is True
    assert "mtls_endpoint_aliases" not in here
    methods = here["token_endpoint_auth_methods_supported"]
    assert isinstance(methods, list)
    assert "self_signed_tls_client_auth" in methods
    assert "tls_client_auth" not in methods
    there = City(proxy=replace(PROXY, address="https://mtls.storkhaven.example")).provider.discovery().body
    aliases = there["mtls_endpoint_aliases"]
    assert isinstance(aliases, dict)
    assert aliases["token_endpoint"] == "https://mtls.storkhaven.example/token"
    assert aliases["userinfo_endpoint"] == "https://mtls.storkhaven.example/userinfo"
    assert "authorization_endpoint" not in aliases
    assert "jwks_uri" not in aliases


def test_a_proof_may_name_the_address_at_which_the_certificate_was_asked_for() -> None:
    alias = "https://mtls.storkhaven.example"
    city = City(named(dpop_bound_access_tokens=True), proxy=replace(PROXY, address=alias))
    call = DirectRequest(
        form=redemption(city.code(grant("fare")), client_id="fare"),
        certificate=der(OURS),
        proofs=(Sender().proof(f"{alias}/token", NOW),),
    )
    assert city.provider.token(call, NOW).body["token_type"] == "DPoP"
