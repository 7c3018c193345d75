"""Requests and logout of others: python3-saml and pysaml2 make and sign them by Redirect, and they are judged like any."""

import base64
import time
import warnings
from typing import Any  # python3-saml and pysaml2 are untyped
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.authn_request_checks import receive_authn_request
from connectors.connector import Inbound
from connectors.formats.grammar import written
from connectors.formats.logout import PARTIAL_LOGOUT
from connectors.formats.service_provider import ServiceProviderFacts
from connectors.logout_checks import ExpectedLogout, receive_logout_request, receive_logout_response
from connectors.profiles import SAML2INT
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.wire.names import PERSISTENT, SUCCESS
from policies.errors import AssertionRejected
from tests.connectors.forge import SigningParty
from tests.connectors.sent import ACS, HERE, PEER, RSA_SHA256

with warnings.catch_warnings():
    # pysaml2 asks cryptography for what it calls old
    warnings.simplefilter("ignore")
    from onelogin.saml2.auth import OneLogin_Saml2_Auth
    from saml2 import pack, saml, samlp
    from saml2.sigver import RSACrypto

pytestmark = pytest.mark.filterwarnings("ignore")
EXPECTED = ExpectedLogout(PEER, HERE, "_asked")


def key(party: SigningParty) -> PinnedKey:
    return key_of_certificate(party.certificate, SAML2INT)


def came(url: str) -> Inbound:
    return Inbound("redirect", {}, urlsplit(url).query)


@pytest.fixture
def python3_saml(idp: SigningParty) -> Any:
    """A service provider whose identity provider is here, which signs what it sends."""
    settings = {
        "strict": True,
        "sp": {
            "entityId": PEER,
            "assertionConsumerService": {"url": ACS},
            "singleLogoutService": {"url": f"{PEER}/slo"},
            "NameIDFormat": PERSISTENT,
            "x509cert": base64.b64encode(idp.certificate).decode(),
            "privateKey": idp.pem.decode(),
        },
        "idp": {
            "entityId": "https://broker.example/metadata",
            "singleSignOnService": {"url": HERE},
            "singleLogoutService": {"url": HERE},
            "x509cert": base64.b64encode(idp.certificate).decode(),
        },
        "security": {
            "authnRequestsSigned": True,
            "logoutRequestSigned": True,
            "signatureAlgorithm": RSA_SHA256,
            "requestedAuthnContext": ["urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"],
        },
    }
    asked = {"http_host": "peer.example", "script_name": "/", "get_data": {}, "post_data": {}, "https": "on"}
    return OneLogin_Saml2_Auth(asked, old_settings=settings)


@pytest.mark.spec("saml.md §3")
@pytest.mark.parametrize("relay_state", ["https://peer.example/a page?b=c&d=é"])
def test_python3_samls_request_is_taken(python3_saml: Any, idp: SigningParty, relay_state: str) -> None:
    url = python3_saml.login(return_to=relay_state, force_authn=True)
    party = ServiceProviderFacts(PEER, {0: ACS}, 0)
    found, relayed = receive_authn_request(came(url), [key(idp)], party, HERE, int(time.time()), SAML2INT)
    assert (found.issuer, found.acs_url, found.force_authentication, relayed) == (PEER, ACS, True, relay_state)
    assert (found.comparison, found.name_id_format) == ("exact", PERSISTENT)


@pytest.mark.spec("security.md §2.1 C")
def test_python3_samls_logout_without_an_end_is_taken_as_long_as_it_is_new(python3_saml: Any, idp: SigningParty) -> None:
    url, now = python3_saml.logout(return_to="r", name_id="someone", session_index="_session"), int(time.time())
    found = receive_logout_request(came(url), [key(idp)], EXPECTED, now, SAML2INT)[0]
    assert (found.not_on_or_after, found.session_indexes) == (None, ("_session",))
    late = now + SAML2INT.max_age + SAML2INT.skew + 1
    with pytest.raises(AssertionRejected) as refusal:
        receive_logout_request(came(url), [key(idp)], EXPECTED, late, SAML2INT)
    assert refusal.value.check == "logout_issued"


def redirected(message: Any, idp: SigningParty, parameter: str, relay_state: str) -> Inbound:
    signer = RSACrypto(load_pem_private_key(idp.pem, None))
    sent = pack.http_redirect_message(
        message, HERE, relay_state=relay_state, typ=parameter, sigalg=RSA_SHA256, sign=True, backend=signer
    )
    return came(dict(sent["headers"])["Location"])


@pytest.mark.spec("saml.md §5")
@pytest.mark.parametrize("relay_state", ["a b+c/é"])
def test_pysaml2s_logout_is_taken_both_ways(idp: SigningParty, relay_state: str) -> None:
    now = int(time.time())
    sent = {"version": "2.0", "issue_instant": written(now), "destination": HERE, "issuer": saml.Issuer(text=PEER)}
    request = samlp.LogoutRequest(
        id="_r1",
        **sent,
        not_on_or_after=written(now + 60),
        name_id=saml.NameID(format=PERSISTENT, text="Õunapuu-0001"),
        session_index=[samlp.SessionIndex(text="_session")],
    )
    inbound = redirected(request, idp, "SAMLRequest", relay_state)
    found, relayed = receive_logout_request(inbound, [key(idp)], EXPECTED, now, SAML2INT)
    assert (found.request_id, found.name.value, found.session_indexes) == ("_r1", "Õunapuu-0001", ("_session",))
    assert relayed == relay_state
    code = samlp.StatusCode(value=SUCCESS, status_code=samlp.StatusCode(value=PARTIAL_LOGOUT))
    response = samlp.LogoutResponse(id="_r2", **sent, in_response_to="_asked", status=samlp.Status(status_code=code))
    inbound = redirected(response, idp, "SAMLResponse", relay_state)
    answered, _ = receive_logout_response(inbound, [key(idp)], EXPECTED, now, SAML2INT)
    assert (answered.status, answered.complete) == (SUCCESS, False)
