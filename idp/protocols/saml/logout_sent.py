"""A service that speaks SAML hears over SOAP that a session of its ended (SAML Profiles 2.0 §4.4.3.3)."""

from dataclasses import dataclass

from connectors.connector import Inbound
from connectors.fetch import Fetcher
from connectors.formats.artifact import SOAP_HEADERS
from connectors.formats.saml_message import NameIdentifier
from connectors.logout_checks import ExpectedLogout, receive_logout_response
from connectors.logout_messages import logout_request, request_over_soap
from connectors.profiles import SAML2INT
from connectors.signatures.signer import Signers
from connectors.wire.names import SOAP, TRANSIENT
from idp.protocols.saml.services import Services
from idp.system.addresses import idp_entity_id, idp_logout_soap_url
from policies.errors import AssertionRejected
from policies.parties import RelyingParty

# As a service of OpenID Connect has
POST_SECONDS, MAX_ANSWER = 5.0, 64 * 1024
_OK = 200


@dataclass(frozen=True, slots=True)
class LogoutSender:
    """One tenant's."""

    issuer: str
    services: Services
    signer: Signers
    fetcher: Fetcher

    def tell(self, party: RelyingParty, sid: str, now: int) -> str:
        """Say that a session ended. Returns why the service did not end its own: a check or a status, "" where it did.

        Raises `FetchError`, and `AllRevoked`. An answer counts where its signature holds.
        """
        service = self.services.of(party.client_id)
        if service is None or SOAP not in service.pinned.facts.logout:
            return "unregistered"
        url, here = service.pinned.facts.logout[SOAP].url, idp_entity_id(self.issuer)
        asked = logout_request(here, url, NameIdentifier(sid, TRANSIENT, "", ""), sid, now)
        sent = request_over_soap(asked, self.signer.at(now))
        with self.fetcher.channel(party.openid.logout.backchannel_networks, connections=1, keep=False) as channel:
            answer = channel.ask(url, content=sent, headers=SOAP_HEADERS, limit=MAX_ANSWER, timeout=POST_SECONDS)
        if answer.status != _OK:
            return f"status {answer.status}"
        expected = ExpectedLogout(
            service.choices.entity_id, idp_logout_soap_url(self.issuer), asked.request_id, on_our_line=True
        )
        try:
            inbound = Inbound("soap", {}, answer.body.decode())
            found, _ = receive_logout_response(inbound, service.pinned.keys, expected, now, SAML2INT)
        except UnicodeDecodeError:
            return "encoding"
        except AssertionRejected as error:
            return error.check
        return "" if found.complete else "logout_status"
