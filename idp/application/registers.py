"""The registers of a tenant: the table of the ways in which they are asked."""

from collections.abc import Mapping
from functools import cache, partial

from connectors.attribute_provider import AttributeProvider
from connectors.fetch import Fetcher
from connectors.registers.attribute_authority import AttributeAuthority
from connectors.registers.claims_provider import ClaimsProvider
from connectors.registers.database_view import RegisterView
from connectors.signatures.signer import NoSigner
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.keys.secret_files import load_password
from idp.login.eligible import Nodes
from idp.login.registers import RegisterDesk, Told
from idp.login.suspension import Suspension
from idp.login.vouching import Vouching
from idp.system.addresses import entity_id
from policies.attribute_register import AttributeQueryService, AttributeRegister, DatabaseView
from policies.load import Configuration
from policies.parties import RegisterId

Registers = Mapping[RegisterId, AttributeProvider]


def registers_of(configuration: Configuration, settings: Settings, keys: BrokerKeys) -> Registers:
    """Make what asks each register. Raises `Misconfigured` for one that cannot work."""
    fetcher = cache(partial(Fetcher, demo=settings.demo))
    ring, unwrappers = keys.openid_encryption, keys.saml_encryption

    def made(register: AttributeRegister) -> AttributeProvider:
        catalogue = configuration.catalogue
        match register.transport:
            case DatabaseView(password_file=file):
                return RegisterView(register=register, catalogue=catalogue, secret=partial(load_password, file))
            case AttributeQueryService():
                return AttributeAuthority(
                    register=register,
                    catalogue=catalogue,
                    entity_id=entity_id(settings.issuer),
                    fetcher=fetcher(),
                    signer=keys.saml,
                    unwrappers=() if unwrappers is None else unwrappers,
                )
            case _:
                return ClaimsProvider(
                    register=register,
                    catalogue=catalogue,
                    fetcher=fetcher(),
                    signer=keys.openid or NoSigner(),
                    decrypting=ring.published if ring else lambda _now: (),
                )

    return {register_id: made(register) for register_id, register in configuration.registers.items()}


def vouching(
    nodes: Nodes,
    suspension: Suspension,
    configuration: Configuration,
    settings: Settings,
    keys: BrokerKeys,
    told: Told,
) -> Vouching:
    """All who vouch for somebody in a city's logins: those who sign people in, and the registers."""
    asked = registers_of(configuration, settings, keys)
    return Vouching(nodes, suspension, RegisterDesk(configuration.registers, asked, suspension, told))
