"""An identity provider whose metadata a federation vouches for: asked and heard by what that says at this moment."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

from connectors.connector import Ask, Expectation, Inbound, Outbound
from connectors.formats.metadata import read_identity_provider
from connectors.metadata.federated import FederatedEntities, FederatedEntity
from connectors.saml_sp.logout import HeardLogout, SamlAsking
from policies.authentication import Assertion, SourceSession
from policies.errors import AssertionRejected, Misconfigured, PeerUnavailable
from policies.parties import IdentityProvider


def keys_digest(found: FederatedEntity) -> str:
    """The SHA-256 of who vouches for a provider, and by which keys it answers. Its end and its logo may change.

    Raises `PeerUnavailable`.
    """
    try:
        certificates = read_identity_provider(found.octets, found.entity_id).certificates
    except (ValueError, AssertionRejected) as error:
        raise PeerUnavailable(f"the metadata of {found.entity_id} cannot be used: {error}") from error
    return sha256(repr((found.federation, sorted(certificates))).encode()).hexdigest()


class FederatedConnector:
    """Asks a provider of a federation. Implements `connectors.connector.Connector`.

    `make` makes a connector of a registration with pinned metadata: that of a moment is pinned until there is other one.
    So is why it cannot be used, since strangers may ask for it again and again.
    """

    def __init__(
        self, provider: IdentityProvider, entities: FederatedEntities, make: Callable[[IdentityProvider], SamlAsking]
    ) -> None:
        self._provider, self._entities, self._make = provider, entities, make
        self._made: tuple[bytes, SamlAsking | str] | None = None

    @property
    def is_away(self) -> bool:
        """See `connectors.saml_sp.logout.SamlAsking`. Nobody is whom we have not asked yet by its present metadata."""
        made = self._made
        return made is not None and not isinstance(made[1], str) and made[1].is_away

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        """See `Connector`."""
        return self._now(now).request(ask, now)

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        """See `Connector`."""
        return self._now(now).receive(inbound, expectation, now)

    def logged_out(self, inbound: Inbound, here: str, now: int) -> HeardLogout:
        """See `connectors.saml_sp.logout.HearsLogout`."""
        return self._now(now).logged_out(inbound, here, now)

    def logout_answered(self, inbound: Inbound, here: str, asked: str, now: int) -> bool:
        """See `connectors.saml_sp.logout.HearsLogout`."""
        return self._now(now).logout_answered(inbound, here, asked, now)

    def log_out(self, session: SourceSession, now: int) -> tuple[Outbound, str] | None:
        """See `connectors.saml_sp.logout.HearsLogout`."""
        return self._now(now).log_out(session, now)

    def _now(self, now: int) -> SamlAsking:
        """The connector of what counts now. Raises `PeerUnavailable`."""
        found = self._entities.entity(self._provider.entity_id, now, self._provider.federation)
        made = self._made
        if made is None or made[0] != found.octets:
            made = self._made = found.octets, self._asking(found.octets)
        if isinstance(made[1], str):
            raise PeerUnavailable(made[1])
        return made[1]

    def _asking(self, metadata: bytes) -> SamlAsking | str:
        try:
            return self._make(replace(self._provider, metadata=metadata))
        except Misconfigured as error:
            return f"the metadata of {self._provider.entity_id} cannot be used: {error.detail}"
