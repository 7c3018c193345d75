"""Composes the identity provider towards services that speak SAML."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from connectors.formats.operator import Operator
from idp.application.shared_sign_ins import sessions_of
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.keys.kinds import SAML_LIFE
from idp.login.approvals import Approvals
from idp.login.city_role import CityRole
from idp.login.sealing import Sealer
from idp.login.standing import StandingApprovals
from idp.ports import Commits
from idp.protocols.cached_metadata import Published
from idp.protocols.eidas.receiving_node import about
from idp.protocols.saml.bodies import PublishedBodies
from idp.protocols.saml.identity_provider import SamlIdentityProvider, idp_metadata
from idp.protocols.saml.parts import SamlParts
from idp.protocols.saml.service_provider import saml_metadata
from idp.protocols.saml.services import Services
from idp.store.store import Store
from policies.load import Configuration


def saml_provider(
    settings: Settings,
    configuration: Configuration,
    services: Services,
    keys: BrokerKeys,
    role: CityRole,
    sealer: Sealer,
    commits: Commits,
    store: Store,
) -> SamlIdentityProvider:
    """The frontend of one tenant."""
    approvals = Approvals(tenant=settings.tenant, subjects=keys.ledger.subjects, decisions=store)
    standing = StandingApprovals(issuer=settings.issuer, purposes=configuration.purposes, approvals=approvals)
    return SamlIdentityProvider(
        SamlParts(
            issuer=settings.issuer,
            tenant=settings.tenant,
            parties=configuration.parties,
            services=services,
            providers=configuration.providers,
            purposes=configuration.purposes,
            vouched=role.vouches,
            ended=role.ended,
            lapsed=standing.lapsed,
            catalogue=configuration.catalogue,
            signer=keys.saml,
            sealer=sealer,
            commits=commits,
            parked=store,
            sessions=sessions_of(settings, configuration, services, keys, sealer, store),
        )
    )


def metadata_for_providers(
    settings: Settings, configuration: Configuration, keys: BrokerKeys
) -> Mapping[str, Callable[[int], bytes]]:
    """Our signed metadata for identity providers, by its path."""
    providers, groups = configuration.providers.values(), configuration.session_groups
    return saml_metadata(settings, keys, providers, logout=bool(groups), operator=operator_of(settings))


def metadata_for_all(
    settings: Settings, configuration: Configuration, keys: BrokerKeys
) -> Mapping[str, Callable[[int], bytes]]:
    """That and the one for services."""
    programs = any(one.saml is not None and one.saml.ecp for one in configuration.parties.values())
    made = partial(idp_metadata, settings.issuer, keys.saml, operator=operator_of(settings), programs=programs)
    of_services = {"/saml/idp": Published(made, SAML_LIFE, keys.saml)}
    return {**metadata_for_providers(settings, configuration, keys), **of_services}


def operator_of(settings: Settings) -> Operator | None:
    """The operator, with all that our metadata for services and identity providers says of them."""
    said = settings.organization
    if said is None:
        return None
    return replace(about(said), security=said.security, privacy_url=said.privacy_url, certified=tuple(said.certified))


def published_bodies(
    settings: Settings, configuration: Configuration, keys: BrokerKeys, clock: Callable[[], int]
) -> PublishedBodies:
    """The metadata of the public bodies for which one tenant stands. That of all is made beside the start."""
    found = PublishedBodies(settings.issuer, configuration, keys.saml, keys.saml_encryption)
    found.warm(clock)
    return found
