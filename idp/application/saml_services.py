"""Composes the identity provider towards services that speak SAML."""

from collections.abc import Callable
from functools import partial

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
from idp.protocols.saml.identity_provider import SamlIdentityProvider, idp_metadata
from idp.protocols.saml.parts import SamlParts
from idp.store.store import Store
from policies.load import Configuration


def saml_provider(
    settings: Settings,
    configuration: Configuration,
    keys: BrokerKeys,
    role: CityRole,
    sealer: Sealer,
    commits: Commits,
    store: Store,
) -> SamlIdentityProvider:
    """The frontend of one tenant."""
    approvals = Approvals(tenant=settings.tenant, index_key=keys.index, decisions=store)
    standing = StandingApprovals(issuer=settings.issuer, purposes=configuration.purposes, approvals=approvals)
    return SamlIdentityProvider(
        SamlParts(
            issuer=settings.issuer,
            tenant=settings.tenant,
            parties=configuration.parties,
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
            sessions=sessions_of(settings, configuration, keys, sealer, store),
        )
    )


def services_metadata(settings: Settings, keys: BrokerKeys) -> dict[str, Callable[[int], bytes]]:
    """Our signed metadata for services, by its path."""
    return {"/saml/idp": Published(partial(idp_metadata, settings.issuer, keys.saml), SAML_LIFE, keys.saml)}
