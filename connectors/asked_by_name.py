"""The attributes that come only if our question names them: whoever asks for no more than was ticked can leave them out."""

from collections.abc import Collection

from connectors.formats.eidas.registry import PLAIN
from connectors.formats.stork.registry import EIDENTIFIER
from connectors.oidc.question import claim_of, claims_of_scopes
from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.parties import IdentityProvider


def asked_by_name(
    provider: IdentityProvider, names: Collection[AttributeName], catalogue: Catalogue
) -> frozenset[AttributeName]:
    """Those of `names` that the provider sends because a question of ours names them.

    A country's node sends the minimum data set in any case, and over STORK the identifier alone. An OpenID provider sends
    what the scopes of our registration stand for. A SAML provider is asked for nothing by name: its own configuration says
    what it sends.
    """
    if provider.protocol == "stork":
        rows = [catalogue.attributes[name] for name in names if name in catalogue.attributes]
        return frozenset(row.name for row in rows if row.stork and row.stork != EIDENTIFIER)
    if provider.peer is not None:
        rows = [catalogue.attributes[name] for name in names if name in catalogue.attributes]
        return frozenset(row.name for row in rows if (known := PLAIN.get(row.eidas_name)) and not known.mandatory)
    if provider.openid is None:
        return frozenset()
    unasked = claims_of_scopes(provider.openid.scopes)
    targets = [(wire, name) for wire, (name, _) in provider.attributes.items()] + [*provider.latin.items()]
    return frozenset(name for wire, name in targets if name in names and claim_of(wire) not in unasked)
