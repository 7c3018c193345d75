"""A link begins a sign-in that a service did not ask for (SAML Profiles 2.0 §4.1.5, decision 0053).

```
/saml/sso/unsolicited?providerId=ENTITYID[&target=RELAYSTATE][&shire=ACS]
```

Links of portals are written so for Shibboleth's identity provider. Anybody can write one: so it chooses nothing but one of
the services and RelayStates whose registration takes that, and the citizen reads the whole question.
"""

from dataclasses import replace

from connectors.connector import Inbound
from connectors.formats.authn_request import AuthnRequestMessage
from idp.login.frontend import Admit, Received
from idp.protocols.saml.identity_provider import SamlIdentityProvider
from idp.protocols.saml.question import SamlQuestion, origin_of
from policies.errors import RequestRefused
from policies.parties import EntityId, ServiceId


class Unsolicited:
    """One tenant's entrance (`idp.login.frontend`). The answer is the frontend's of services that speak SAML."""

    path = "/saml/sso/unsolicited"
    signed = False
    own_page = False

    def __init__(self, saml: SamlIdentityProvider) -> None:
        self._saml = saml

    def receive(self, inbound: Inbound, now: int, admit: Admit = lambda _service: None) -> Received:
        """Judge a link. Raises `RequestRefused`, in the same words for a service that there is not."""
        link = inbound.parameters
        try:
            service = self._saml.services.named(EntityId(link.get("providerId", "")))
        except KeyError as error:
            raise RequestRefused("a link to a service that takes no answers unasked") from error
        if not service.choices.unsolicited:
            raise RequestRefused("a link to a service that takes no answers unasked")
        facts = service.pinned.facts
        acs_url = facts.acs_urls[facts.default_index]
        if link.get("shire", acs_url) != acs_url:
            raise RequestRefused("a link with an address for the answer that is not the service's default one")
        target = link.get("target", "")
        if target and target not in service.choices.targets:
            raise RequestRefused("a link with a target that the registration does not have")
        admit(ServiceId(service.party.client_id))
        origin = origin_of(service, "", SamlQuestion(acs_url, target))
        nothing = AuthnRequestMessage("", now, service.choices.entity_id, "")
        found = self._saml.in_our_words(nothing, origin, service)
        # No earlier approval answers what anybody can begin
        return Received(replace(found, ask_anew=True))
