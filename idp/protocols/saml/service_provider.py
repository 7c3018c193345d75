"""Our side as a SAML service provider: what we ask identity providers with, and what our metadata says to them.

An identity provider with the deviation `aes_cbc` has an encryption key of its own (docs/decisions/0021), and metadata of
ours that names that key: `/saml/metadata/PROVIDER`, of the same entity. Everybody else has `/saml/metadata`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial

from connectors.fetch import Fetcher
from connectors.formats.operator import Operator
from connectors.metadata.federated import FederatedEntities
from connectors.oidc.line import Line
from connectors.saml_sp.connector import SamlConnector
from connectors.saml_sp.federated import FederatedConnector
from connectors.saml_sp.logout import SamlAsking
from connectors.saml_sp.own_metadata import service_provider_metadata
from connectors.signatures.decryption_keys import FileUnwrapper
from connectors.signatures.key_ring import Ring
from connectors.wire.names import POST, REDIRECT, SOAP
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.keys.kinds import SAML_LIFE, own_encryption
from idp.keys.tls_clients import fetcher_with_certificate, tls_client_file
from idp.protocols.cached_metadata import Published
from idp.system.addresses import acs_url, artifact_url, discovered_url, entity_id, landing_url, logout_soap_url, logout_url
from policies.deviations import AES_CBC
from policies.errors import Misconfigured, Problem
from policies.load import Configuration
from policies.load.table import URI
from policies.parties import IdentityProvider

METADATA_PATH = "/saml/metadata"


def decryption_ring(provider: IdentityProvider, keys: BrokerKeys) -> Ring[FileUnwrapper] | None:
    """The keys that open this provider's answers, and no others: its own where it may send AES-CBC, else the common ones.

    A ciphertext made for the common key meets no AES-CBC: what one mode's failures tell must not open what another mode
    closed (Jager, Paterson and Somorovsky 2013).
    """
    if AES_CBC in provider.deviations:
        return keys.own_encryption.get(provider.provider_id)
    return keys.saml_encryption


def saml_connector(
    provider: IdentityProvider,
    settings: Settings,
    keys: BrokerKeys,
    suspended: Callable[[str], bool],
    fetcher: Callable[[], Fetcher],
    entities: FederatedEntities,
) -> SamlAsking:
    """The connector that asks this provider. `suspended` says whether one of its deviations is switched off."""
    pinned = partial(_pinned, settings=settings, keys=keys, suspended=suspended, fetcher=fetcher)
    return FederatedConnector(provider, entities, pinned) if provider.federation else pinned(provider)


def _pinned(
    provider: IdentityProvider,
    settings: Settings,
    keys: BrokerKeys,
    suspended: Callable[[str], bool],
    fetcher: Callable[[], Fetcher],
) -> SamlConnector:
    ring, ours = decryption_ring(provider, keys), provider.saml
    fetches = fetcher
    if ours.client_certificate:
        path = tls_client_file(settings.key_folder, provider.provider_id)
        fetches = partial(fetcher_with_certificate, path, demo=settings.demo)
    return SamlConnector(
        provider=provider,
        entity_id=entity_id(settings.issuer),
        acs_url=(artifact_url if ours.fetched else acs_url)(settings.issuer),
        signer=keys.saml,
        unwrappers=() if ring is None else ring,
        suspended=suspended,
        line=Line(fetches(), ours.networks) if ours.fetched else None,
    )


def saml_metadata(
    settings: Settings,
    keys: BrokerKeys,
    providers: Iterable[IdentityProvider] = (),
    *,
    logout: bool = False,
    operator: Operator | None = None,
) -> Mapping[str, Published]:
    """Our signed metadata for identity providers, by its path: the common one, and that of each with a key of its own.

    `logout`: services share sign-ins here, so there are sessions that a provider may end.
    """
    known = tuple(providers)
    # saml2int: names of attributes are URIs
    asked = [name for one in known if one.protocol == "saml" for name in (*one.attributes, one.subject_attribute)]
    wanted = sorted({name for name in asked if URI.fullmatch(name)})
    logouts = _logout(settings.issuer) if logout else {}
    written = partial(_metadata, settings, keys, logout=logouts, operator=operator, wanted=wanted)
    artifacts = any(provider.saml.fetched for provider in known)
    landings = tuple(
        landing_url(settings.issuer, one) for one in sorted(one.provider_id for one in known if one.saml.landings)
    )
    discovers = any(provider.saml.discovery for provider in known)
    rings: dict[str, Ring[FileUnwrapper] | None] = {METADATA_PATH: keys.saml_encryption}
    rings |= {f"{METADATA_PATH}/{provider}": ring for provider, ring in keys.own_encryption.items()}
    return {
        path: Published(
            partial(written, ring, cbc=path != METADATA_PATH, artifacts=artifacts, landings=landings, discovers=discovers),
            SAML_LIFE,
            keys.saml,
            *(() if ring is None else (ring,)),
        )
        for path, ring in rings.items()
    }


def _metadata(
    settings: Settings,
    keys: BrokerKeys,
    ring: Ring[FileUnwrapper] | None,
    now: int,
    valid_for: int,
    *,
    cbc: bool,
    artifacts: bool,
    landings: tuple[str, ...],
    discovers: bool,
    logout: Mapping[str, str],
    operator: Operator | None,
    wanted: Collection[str],
) -> bytes:
    return service_provider_metadata(
        entity_id=entity_id(settings.issuer),
        acs_url=acs_url(settings.issuer),
        signer=keys.saml,
        now=now,
        valid_for=valid_for,
        encryption=ring.at(now).certificate if ring else b"",
        cbc=cbc,
        artifact_url=artifact_url(settings.issuer) if artifacts else "",
        landing_urls=landings,
        logout=logout,
        operator=operator,
        wanted=wanted,
        discovery_url=discovered_url(settings.issuer) if discovers or settings.discovery_service else "",
    )


def _logout(issuer: str) -> Mapping[str, str]:
    return {REDIRECT: logout_url(issuer), POST: logout_url(issuer), SOAP: logout_soap_url(issuer)}


def own_key_problems(settings: Settings, configuration: Configuration, keys: BrokerKeys) -> Iterator[Problem]:
    """Each provider that may send AES-CBC, and has no key of its own, and each to which we can show no TLS certificate."""
    for provider in configuration.providers.values():
        if provider.saml.client_certificate:
            try:
                fetcher_with_certificate(tls_client_file(settings.key_folder, provider.provider_id), demo=settings.demo)
            except Misconfigured as error:
                yield from error.problems
        if AES_CBC in provider.deviations and provider.provider_id not in keys.own_encryption:
            kind, source = own_encryption(provider.provider_id), provider.source
            what = f"{AES_CBC} needs an encryption key of this provider's own, and there is no {kind.file}."
            fix = f"`ciconia keys new {kind.name}` makes one; give the provider our {METADATA_PATH}/{provider.provider_id}."
            yield Problem(source.file, source.line, "deviations", what, fix)
