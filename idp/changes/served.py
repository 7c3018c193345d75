"""Finds logins that would end: services, addresses, purposes and countries that another configuration takes away."""

from collections.abc import Iterator

from connectors.formats.service_provider import read_service_provider
from policies.load import Configuration
from policies.parties import PurposeId, RelyingParty
from policies.worlds import sources_of


def stopped(old: Configuration, new: Configuration) -> Iterator[str]:
    """A sentence for each thing that worked before and would stop."""
    for provider_id, provider in old.providers.items():
        if provider_id not in new.providers:
            yield f"Nobody can sign in with {provider.title['en']} ({provider.country}) any more."
    for node_id, node in old.nodes.items():
        if node_id not in new.nodes:
            yield f"{node.title['en']} ({node.peer.country}) can no longer ask."
    for client_id, party in old.parties.items():
        name = f"{party.title['en']} ({client_id})"
        if client_id not in new.parties:
            yield f"{name} is no longer registered."
            continue
        after = new.parties[client_id]
        yield from (f"{name} gets no answer at {uri} any more." for uri in party.redirect_uris if not after.takes(uri))
        yield from (f"{name} gets no answer at {uri} any more." for uri in _answered(party) - _answered(after))
        for purpose_id in party.purposes:
            if purpose_id not in after.purposes:
                yield f"{name} can no longer ask for {purpose_id}."
            elif lost := _countries(party, purpose_id, old) - _countries(after, purpose_id, new):
                yield f"{name} can no longer be used for {purpose_id} by citizens of {', '.join(sorted(lost))}."


def _answered(party: RelyingParty) -> set[str]:
    """The addresses of a service that speaks SAML, by its metadata."""
    try:
        facts = read_service_provider(party.saml.metadata) if party.saml is not None else None
    except ValueError:
        facts = None
    return {*facts.acs_urls.values(), *facts.artifact_urls.values()} if facts else set()


def _countries(party: RelyingParty, purpose_id: PurposeId, configuration: Configuration) -> set[str]:
    """The countries some of whose citizens can end a login for a purpose: their source has all that it requires."""
    purpose = configuration.purposes.get(purpose_id)
    if purpose is None:
        return set()
    required = {name: need.form for name, need in purpose.needs.items() if need.required}
    meets = configuration.catalogue.meet
    rules = {name: party.attributes[name].form for name in required if name in party.attributes}
    if any(name not in rules or meets(name, rules[name], form) is None for name, form in required.items()):
        return set()
    sources = sources_of(configuration.providers.values(), purpose, configuration.catalogue).values()
    return {
        provider.country
        for reach, provider in sources
        if reach.loa >= purpose.minimum_assurance and required.keys() <= {name for name, _, _ in reach.wires}
    }
