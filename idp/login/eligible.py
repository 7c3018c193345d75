"""Which identity providers a request may be about, who knows whether a node can be asked, and who is said to ask."""

from typing import Protocol

from connectors.connector import Ask
from policies.assurance import LevelOfAssurance
from policies.authentication import Requester, Scoping, ServiceRequest
from policies.parties import ONLY_TEST, IdentityProvider, RelyingParty
from policies.purposes import Purpose

# The frontend of test logins (`ciconia try`)
TRIAL = "trial"


class Nodes(Protocol):
    """Reads what we know of whom we ask, and fetches nothing: `idp.protocols.oidc.relying_party.Sources`."""

    def current(self, provider: IdentityProvider, now: int) -> object:
        """The valid and approved part of a node's metadata, or that of a federation's member.

        Raises `PeerUnavailable` if there is none.
        """

    def digest(self, provider: IdentityProvider, now: int) -> str:
        """A digest of the approved part of a node's metadata, or of the keys of a federation's member.

        Raises `PeerUnavailable`.
        """

    def available(self, provider: IdentityProvider, now: int) -> bool:
        """Whether it answered lately, too."""


def serves(provider: IdentityProvider, request: ServiceRequest, purpose: Purpose) -> bool:
    """Whether a country is one that the service named, and one that the purpose is for.

    A test login meets made-up persons alone, and nobody else's login meets those that are for test logins.
    A service that names providers names no family of them.
    """
    if not provider.test if request.origin.frontend == TRIAL else provider.test == ONLY_TEST:
        return False
    named = not request.country or provider.country == request.country
    if request.scoping.providers and not is_listed(provider, request.scoping):
        return False
    return named and purpose.takes(provider.country)


def is_listed(provider: IdentityProvider, scoping: Scoping) -> bool:
    """Whether a provider is one of an IDPList, or a proxy that may ask one of it."""
    return provider.entity_id in scoping.providers or provider.saml.proxies is not None


def minimum_level(request: ServiceRequest, purpose: Purpose) -> LevelOfAssurance:
    """The level that both the request and its purpose take."""
    return max(request.minimum_assurance, purpose.minimum_assurance)


def ask_for(login: str, request: ServiceRequest, party: RelyingParty, purpose: Purpose, said: Requester) -> Ask:
    """The question of a login to whichever provider: nothing beyond what the purpose needs and the registration lets go."""
    needed = [one.name for one in request.asked if one.name in purpose.needs and one.name in party.attributes]
    return Ask(
        relay_state=login,
        minimum_assurance=minimum_level(request, purpose),
        force_authentication=request.force_authentication,
        max_age=request.max_age,
        attributes=tuple(needed),
        required=frozenset([name for name in needed if purpose.needs[name].required]),
        requester=said,
        scoping=request.scoping,
    )


def requester(party: RelyingParty, issuer: str, own_name: str) -> Requester:
    """The name by which another country knows a relying party: ours for a blind one (decision 0000.19)."""
    if party.blind:
        return Requester(provider_name=own_name, sp_type=party.sp_type, requester_id="")
    requester_id = party.requester_id or f"{issuer}/party/{party.client_id}"
    return Requester(provider_name=party.title["en"], sp_type=party.sp_type, requester_id=requester_id)
