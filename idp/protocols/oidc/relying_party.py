"""Our side as a relying party of upstream OpenID providers: our address for each, our keys, our secrets.

Each provider has a redirect address of its own, so that no answer of one passes for another's (RFC 9700 §4.4.2.2).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol, runtime_checkable

from connectors.connector import Connector
from connectors.fetch import Fetcher
from connectors.metadata.federated import FederatedEntities, FederatedEntity
from connectors.metadata.peers import Peers
from connectors.oidc.connector import OidcConnector
from connectors.saml_sp.federated import keys_digest
from connectors.signatures.jwk import public_jwk
from connectors.signatures.signer import NoSigner
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.keys.kinds import JWKS_SECONDS, OPENID, OPENID_ENCRYPTION
from idp.keys.secret_files import CLIENT_SECRET
from idp.system.addresses import callback_url
from policies.errors import AllRevoked, PeerUnavailable, Problem
from policies.load import Configuration
from policies.parties import IdentityProvider, Peer, ProviderId

JWKS_PATH = "/oidc/jwks"


def openid_connector(provider: IdentityProvider, settings: Settings, keys: BrokerKeys, fetcher: Fetcher) -> OidcConnector:
    """The connector that asks this provider. `load_all` has refused a configuration whose keys are not there."""
    ring = keys.openid_encryption
    return OidcConnector(
        provider=provider,
        redirect_uri=callback_url(settings.issuer, provider.provider_id),
        fetcher=fetcher,
        signer=keys.openid or NoSigner(),
        secret=partial(_secret, keys, provider.provider_id),
        decrypting=ring.published if ring else lambda _now: (),
    )


def _secret(keys: BrokerKeys, provider_id: ProviderId) -> str:
    found = keys.client_secrets.get(provider_id)
    if found is None:
        raise AllRevoked(f"there is no {CLIENT_SECRET}{provider_id}")
    return found


def own_keys(keys: BrokerKeys) -> Mapping[str, Callable[[int], bytes]]:
    """Our JWKS for providers by its path; nothing where no provider needs one."""
    return {JWKS_PATH: partial(own_jwks, keys)} if keys.openid or keys.openid_encryption else {}


def own_jwks(keys: BrokerKeys, now: int) -> bytes:
    """Our public keys as OpenID providers fetch them: those that sign, and those that they may begin to encrypt to."""
    signers = keys.openid.published(now) if keys.openid else ()
    encryption = keys.openid_encryption.lasting(now, JWKS_SECONDS) if keys.openid_encryption else ()
    found = [{**public_jwk(key.public_key), "use": "sig", "alg": "ES256", "kid": key.key_id} for key in signers]
    found += [{**public_jwk(key.public_key), "use": "enc", "alg": "ECDH-ES", "kid": key.key_id} for key in encryption]
    return json.dumps({"keys": found}, separators=(",", ":")).encode()


def relying_party_problems(configuration: Configuration, keys: BrokerKeys) -> Iterator[Problem]:
    """Each OpenID provider for which a key or a secret of ours is missing."""
    for provider in configuration.providers.values():
        ours, source = provider.openid, provider.source
        if ours is None:
            continue
        if ours.has_secret and provider.provider_id not in keys.client_secrets:
            file = f"{CLIENT_SECRET}{provider.provider_id}"
            what = f"{ours.authentication_method} needs our secret at this provider, and there is no {file} among the keys."
            fix = f"Write the secret into keys/{file} (chmod 600), or use private_key_jwt."
            yield Problem(source.file, source.line, "token_endpoint_auth_method", what, fix)
        kinds = [(ours.signs, keys.openid, OPENID), (ours.encrypted, keys.openid_encryption, OPENID_ENCRYPTION)]
        for needed, ring, kind in kinds:
            if needed and ring is None:
                what, fix = f"it needs a key of ours, and there is no {kind.file}.", f"`ciconia keys new {kind.name}`"
                yield Problem(source.file, source.line, "protocol", what, f"{fix} makes one; then start again.")


@runtime_checkable
class Fetching(Protocol):
    """A connector that asks its provider itself: of OpenID Connect, or of SAML by artifact."""

    @property
    def is_away(self) -> bool:
        """Whether the provider did not answer the last few times."""


class Sources:
    """Our knowledge of whom we ask: by metadata, and those whose answers we fetch by how they answered lately.

    Implements `idp.login.eligible.Nodes`.
    """

    def __init__(self, peers: Peers, connectors: Mapping[ProviderId, Connector], entities: FederatedEntities) -> None:
        self._peers, self._connectors, self._entities = peers, connectors, entities

    def current(self, provider: IdentityProvider, now: int) -> object:
        """See `Nodes`."""
        return self._of_federation(provider, now) if provider.federation else self._peers.current(provider.entity_id, now)

    def digest(self, provider: IdentityProvider, now: int) -> str:
        """See `Nodes`."""
        if provider.federation:
            return keys_digest(self._of_federation(provider, now))
        return self._peers.digest(provider.entity_id, now)

    def available(self, provider: IdentityProvider, now: int) -> bool:
        """See `Nodes`."""
        if isinstance(provider.peer, Peer):
            return self._peers.available(provider.entity_id, now)
        try:
            # A member of a family is parsed when it is asked: a list has fifty, and anybody may search all day
            if provider.federation and not provider.family:
                self._of_federation(provider, now)
        except PeerUnavailable:
            return False
        connector = self._connectors.get(provider.provider_id)
        return not (isinstance(connector, Fetching) and connector.is_away)

    def _of_federation(self, provider: IdentityProvider, now: int) -> FederatedEntity:
        return self._entities.entity(provider.entity_id, now, provider.federation)


def under_eidas(providers: Mapping[ProviderId, IdentityProvider], provider_id: ProviderId) -> bool:
    """Whether the word of this provider counts under eIDAS: of a country's node, or of a notified scheme."""
    found = providers.get(provider_id)
    return found is not None and (isinstance(found.peer, Peer) or found.notified)
