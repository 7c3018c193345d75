"""Discovery for services that speak SAML: who asks for a choice, among whom, and what it hears of it (decision 0048).

A service hears our own entity id, and asks us: the choice waits in the citizen's browser. If its registration says
`discovery = "provider"`, it hears the entity id of whom the citizen chose, and names it in the IDPList of its request.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.discovery import DiscoveryRequest, discovery_request
from idp.protocols.saml.question import SamlQuestion, origin_of
from idp.protocols.saml.services import Services
from policies.assurance import LevelOfAssurance
from policies.authentication import ServiceRequest
from policies.errors import RequestRefused
from policies.parties import EntityId, IdentityProvider


@dataclass(frozen=True, slots=True)
class Discovery:
    """A service's wish for a choice, judged. `asked` stands for the sign-in that it may begin afterwards."""

    request: DiscoveryRequest
    asked: ServiceRequest
    # Whether the service hears whom the citizen chose
    told: bool

    def answer(self, ours: str, provider: IdentityProvider | None) -> str:
        """The address to which the browser goes back. `ours` is our entity id, and no provider is nobody's choice."""
        return self.request.answer("" if provider is None else provider.entity_id if self.told else ours)


def discovery(services: Services, parameters: Mapping[str, str]) -> Discovery:
    """Judge who asks, and where the browser goes back. Raises `RequestRefused`: it goes nowhere."""
    try:
        service = services.named(EntityId(parameters.get("entityID", "")))
    except KeyError as error:
        raise RequestRefused("a choice for a service that is not registered, or not known now") from error
    request = discovery_request(parameters, (*service.pinned.facts.discovery, *service.choices.discovery_returns))
    asked = ServiceRequest(
        origin=origin_of(service, "", SamlQuestion("")),
        purpose_id=service.party.purposes[0],
        asked=(),
        unknown=(),
        # How surely it will ask nobody knows yet; its purpose's level counts
        minimum_assurance=LevelOfAssurance.LOW,
    )
    return Discovery(request, asked, service.choices.discovery_tells)
