"""The parts of one tenant's SAML identity provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.signatures.signer import Signers
from idp.login.sealing import Sealer
from idp.login.sessions import Sessions
from idp.login.states import Grant
from idp.ports import Commits, Parked
from idp.protocols.saml.services import Services
from policies.catalogue import Catalogue
from policies.parties import ClientId, IdentityProvider, ProviderId, PurposeId, RelyingParty, Tenant
from policies.purposes import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class SamlParts:
    """The registrations, the key and the store of one tenant.

    `vouched` says whether an identity provider is registered, and what is known of it valid, at a moment; `ended` whether
    what a grant rests on was switched off since; `lapsed` whether its remembered approval is remembered no more. The last
    two raise `StoreUnavailable`.
    """

    issuer: str
    tenant: Tenant
    parties: Mapping[ClientId, RelyingParty]
    services: Services
    providers: Mapping[ProviderId, IdentityProvider]
    purposes: Mapping[PurposeId, Purpose]
    vouched: Callable[[ProviderId, int], bool]
    ended: Callable[[Grant], bool]
    lapsed: Callable[[Grant, int], bool]
    catalogue: Catalogue
    signer: Signers
    sealer: Sealer
    commits: Commits
    parked: Parked
    # the sign-ins that its services share
    sessions: Sessions | None = None
