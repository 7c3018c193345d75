"""The desk as a relying party of its own broker (OpenID Connect Core 1.0): an auditor signs in with their eID, at high.

The desk is registered like any service, with one purpose. What the broker answers is judged as an answer of any other
OpenID provider is: the desk believes nothing because both run on one machine.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial

from connectors.fetch import Fetcher
from connectors.oidc.connector import OidcConnector
from connectors.signatures.signer import NoSigner
from idp.config.setting_types import AuditorSettings
from idp.config.settings import SETTINGS_FILE, Settings
from idp.keys.folder import BrokerKeys
from idp.keys.secret_files import CLIENT_SECRET
from idp.protocols.oidc.metadata import discovery
from policies.assurance import LevelOfAssurance
from policies.errors import AllRevoked, Problem
from policies.load import Configuration
from policies.operators import is_officer
from policies.parties import (
    ClientId,
    EntityId,
    IdentityProvider,
    ProviderId,
    PurposeId,
    RelyingParty,
    Source,
    SubjectNamespace,
)
from policies.registrations.openid_registration import SECRET_METHODS, OpenIDRegistration

CALLBACK_PATH = "/callback"
# Our own address may lie in any network: the operator wrote it
EVERYWHERE = ("0.0.0.0/0", "::/0")
MINIMUM = LevelOfAssurance.HIGH


def desk_problems(settings: Settings, configuration: Configuration, keys: BrokerKeys) -> Iterator[Problem]:
    """Every problem that keeps auditors from signing in through this broker."""
    desk = settings.auditor
    if desk is None or not desk.client:
        return
    for name in desk.persons.values():
        if is_officer(name, configuration.operators):
            what = f"{name} is a person of operators/, too: who signs grants must not use them."
            fix = "give the auditor another name, or take the officer out."
            yield Problem(str(settings.folder / SETTINGS_FILE), 0, "auditor.persons", what, fix)
    party = configuration.clients.get(ClientId(desk.client))
    if party is None:
        what = f"no file of parties/ registers {desk.client}."
        fix = f"ciconia party add {desk.client} --redirect {desk.url}{CALLBACK_PATH} --purpose PURPOSE"
        yield Problem(str(settings.folder / SETTINGS_FILE), 0, "auditor.client", what, fix)
        return
    for key, what, fix in _misfits(desk, party, configuration, keys):
        yield Problem(party.source.file, party.source.line, key, what, fix)


def _misfits(
    desk: AuditorSettings, party: RelyingParty, configuration: Configuration, keys: BrokerKeys
) -> Iterator[tuple[str, str, str]]:
    if party.redirect_uris != (f"{desk.url}{CALLBACK_PATH}",):
        what = "the auditor's desk has another address, or one of several."
        yield "redirect_uris", what, f'write redirect_uris = ["{desk.url}{CALLBACK_PATH}"].'
    if len(party.purposes) != 1:
        yield "purposes", "the auditor's desk has one purpose.", "name it alone."
    for purpose in party.purposes:
        found = configuration.purposes.get(purpose)
        if found is not None and found.minimum_assurance < MINIMUM:
            what = f"auditors sign in at high, and {purpose} takes {found.minimum_assurance.label}."
            yield "purposes", what, f'write minimum_assurance = "high" in {found.source.file}.'
    if party.attributes:
        yield "attributes", "the auditor's desk needs no attribute of anybody.", "leave them out."
    same = [each.client_id for each in configuration.clients.values() if each.sector == party.sector and each != party]
    if same:
        what = f"{', '.join(sorted(same))} has the same sector, and would know auditors by the same number."
        yield "sector", what, "give the desk a sector of its own."
    if party.authentication_method not in SECRET_METHODS:
        what = f"the desk proves by a secret who it is, and not by {party.authentication_method}."
        yield "token_endpoint_auth_method", what, 'write "client_secret_basic".'
    elif ProviderId(desk.client) not in keys.client_secrets:
        what = f"the desk's secret is missing: there is no {CLIENT_SECRET}{desk.client} among the keys."
        fix = f"write the secret that `ciconia party add` printed into keys/{CLIENT_SECRET}{desk.client} (chmod 600)."
        yield "client_id", what, fix


def desk_connector(
    settings: Settings, desk: AuditorSettings, configuration: Configuration, keys: BrokerKeys
) -> OidcConnector:
    """The connector that asks our own broker. `desk_problems` has refused a configuration that cannot work."""
    party = configuration.clients[ClientId(desk.client)]
    return OidcConnector(
        provider=_provider(settings, party, configuration),
        redirect_uri=f"{desk.url}{CALLBACK_PATH}",
        fetcher=Fetcher(demo=settings.demo),
        signer=NoSigner(),
        secret=partial(_secret, keys.client_secrets, ProviderId(desk.client)),
    )


def _provider(settings: Settings, party: RelyingParty, configuration: Configuration) -> IdentityProvider:
    """Our own broker as an OpenID provider, by the very metadata that it publishes."""
    purposes: tuple[PurposeId, ...] = party.purposes
    # Of the signers its names alone stand in the document
    signers = {alg: NoSigner() for alg in ("ES256", "RS256")}
    document = discovery(settings.issuer, signers, purposes, configuration.catalogue)
    return IdentityProvider(
        provider_id=ProviderId(party.client_id),
        title={"en": settings.tenant},
        country="",
        namespace=SubjectNamespace("desk"),
        entity_id=EntityId(settings.issuer),
        metadata=json.dumps(document).encode(),
        attributes={},
        subject_attribute="",
        assurance={MINIMUM.uri: MINIMUM},
        source=Source(SETTINGS_FILE, 0),
        protocol="oidc",
        openid=OpenIDRegistration(
            client_id=party.client_id,
            authentication_method=party.authentication_method,
            scopes=tuple(f"purpose:{purpose}" for purpose in purposes),
            id_token_alg=party.id_token_alg,
            networks=EVERYWHERE,
        ),
    )


def _secret(secrets: Mapping[ProviderId, str], client: ProviderId) -> str:
    found = secrets.get(client)
    if found is None:
        raise AllRevoked(f"there is no {CLIENT_SECRET}{client}")
    return found
