"""The parts of one tenant's OpenID provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from connectors.signatures.signer import Signers
from idp.login.sealing import Sealer
from idp.login.sessions import Sessions
from idp.login.states import Approved, Grant
from idp.ports import Commits, Parked, RecordDraft
from idp.protocols.oidc.certificates import NO_CERTIFICATES, CertificateProxy
from policies.catalogue import Catalogue
from policies.parties import ClientId, ProviderId, PurposeId, RelyingParty, Tenant
from policies.purposes import Purpose

# Whether an identity provider is registered, and what is known of a country's node valid, at a moment
Vouched = Callable[[ProviderId, int], bool]
# Whether what a grant rests on was switched off since its login was asked. Raises `StoreUnavailable`
Ended = Callable[[Grant], bool]


class Standing(Protocol):
    """Approvals that stand while the citizen is away: `idp.login.standing`."""

    def lapsed(self, grant: Grant, now: int) -> bool:
        """Whether the remembered approval that a grant rests on is remembered no more."""

    def goes_again(self, grant: Grant) -> bool:
        """Whether the purpose lets the grant's values go without the citizen."""

    def record(self, grant: Grant, approved: Approved, now: int) -> RecordDraft:
        """The record of such a release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIDParts:
    """The registrations, the keys and the store of one tenant's OpenID provider.

    `signers` has a signer for each algorithm of id_tokens. `redeemed` is told of each grant for which a token was issued.
    `sessions` is None where no registration can share a sign-in.
    `documentation` is the address of the page that explains our error codes, "" where the operator names none.
    `registers`: clients may register themselves. `proxy` is what the proxy in front does with TLS certificates of clients.
    """

    issuer: str
    tenant: Tenant
    parties: Mapping[ClientId, RelyingParty]
    purposes: Mapping[PurposeId, Purpose]
    vouched: Vouched
    ended: Ended
    # Whether a client is switched off now
    off: Callable[[ClientId], bool]
    standing: Standing
    catalogue: Catalogue
    signers: Mapping[str, Signers]
    sealer: Sealer
    commits: Commits
    parked: Parked
    # The languages of our pages (BCP 47)
    languages: tuple[str, ...] = ()
    # Whether a source vouches under eIDAS: a country's node, or a provider of a notified scheme
    under_eidas: Callable[[ProviderId], bool] = lambda _provider_id: False
    documentation: str = ""
    proxy: CertificateProxy = NO_CERTIFICATES
    sessions: Sessions | None = None
    redeemed: Callable[[Grant], None] = lambda _grant: None
    registers: bool = False
