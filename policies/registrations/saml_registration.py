"""Our own registration at a SAML identity provider: how we ask it, and how much of its answer counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SamlRegistration:
    """The members that a file leaves out ask as saml2int has it: by POST, alone, without Scoping."""

    # "post", or "artifact": we fetch the answer at the provider's ArtifactResolutionService
    answers: str = "post"
    # how classes of authentication are compared: "exact" or "minimum"; "" as their scale wants
    comparison: str = ""
    # how many more proxies may stand behind it; None of a provider that is no proxy as far as we know
    proxies: int | None = None
    # whether it may know which service asks (RequesterID)
    tells_requester: bool = False
    # entity ids: one of them signed the citizen in (AuthenticatingAuthority); none: nobody is asked about it
    authorities: tuple[str, ...] = ()
    # the scopes of its values, beside those that its metadata has (shibmd:Scope)
    scopes: tuple[str, ...] = ()
    # the assurance certifications that its metadata has to have, such as https://refeds.org/sirtfi
    certified: tuple[str, ...] = ()
    # what a service has to have in its metadata to get anything of its answers: categories, certifications
    only_for: frozenset[str] = frozenset()
    # the networks that its ArtifactResolutionService may lie in; none: public addresses alone
    networks: tuple[str, ...] = ()
    # whether we show it a TLS certificate when we fetch an answer
    client_certificate: bool = False
    # where an answer that nobody asked for leads, by its RelayState: the sign-in of a service; none: nowhere
    landings: Mapping[str, str] = field(default_factory=dict)
    # "bodies": it is asked in the name of the service's public body, where it has one; "" in our own
    speaks_for: str = ""
    # whether our requests say in their Issuer that it is an entity, and which
    qualified_issuer: bool = False
    # of a family: the discovery service at which its citizens choose among its members; "" for our own list
    discovery: str = ""

    @property
    def fetched(self) -> bool:
        """Whether we fetch its answers."""
        return self.answers == "artifact"
