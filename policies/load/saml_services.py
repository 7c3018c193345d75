"""`parties/*.toml` with `protocol = "saml"`: one file a service, its pinned metadata beside it in `metadata/`."""

from collections.abc import Mapping

from policies.assurance.ladders import Ladders, vocabulary
from policies.attributes import EXACT, AttributeName
from policies.catalogue import Catalogue
from policies.load.bodies import read_body_of
from policies.load.federation import read_federation
from policies.load.ladders import read_named
from policies.load.logout import read_saml_logout
from policies.load.parties import REQUESTER_FIX, SP_TYPES, check_shown, read_purposes, read_rules
from policies.load.providers import read_assurance
from policies.load.redirects import fault_of_address
from policies.load.table import MAX_TITLE, URI, Table
from policies.parties import ClientId, RelyingParty, Sector
from policies.registrations.openid_client import OpenIDClient
from policies.registrations.saml_service import SamlService, SubjectKind

_SUBJECTS = {kind.value: kind for kind in SubjectKind}
_ENTITY_FIX = "write the entityID of its metadata, sign by sign."
_TARGETS_FIX = 'write targets = ["https://library.example/loans"], each sign by sign as links have it, or leave it out.'
# A RelayState is opaque to us, and goes into a form
MAX_TARGET = 1024
_METADATA_FIX = "put the service's metadata into metadata/NAME.xml, and name it."
_FEDERATION_FIX = 'write federation = "research", the id of a file in federations/, or leave it out and pin `metadata`.'
_DISCOVERY = {"broker": False, "provider": True}
_RETURNS_FIX = 'write discovery_returns = ["https://service.example/login"], or leave it out.'
EMAIL = AttributeName("email")


def read_saml_service(table: Table, files: Mapping[str, bytes], catalogue: Catalogue, ladders: Ladders) -> RelyingParty:
    """One service. Problems go to the table's list."""
    client_id = table.identifier("client_id")
    # Its own classes in a table, or ladders by name
    by_name = isinstance(table.take("assurance"), str | list)
    service = SamlService(
        entity_id=table.matching("entity_id", URI, _ENTITY_FIX),
        metadata=_metadata(table, files),
        subject=table.choice("subject", _SUBJECTS, SubjectKind.PAIRWISE_ID, required=False),
        assurance=read_assurance(table) if "assurance" in table and not by_name else {},
        unsolicited=table.flag("unsolicited"),
        targets=_targets(table),
        federation=table.text("federation", _FEDERATION_FIX, default=""),
        discovery_tells=table.choice("discovery", _DISCOVERY, False, required=False),  # noqa: FBT003 - of two words
        discovery_returns=_returns(table),
        ecp=table.flag("ecp"),
        tells_authorities=table.flag("tell_authorities"),
    )
    body, attribute_service = read_body_of(table)
    party = RelyingParty(
        client_id=ClientId(client_id),
        title=table.translated("title", "City library", most=MAX_TITLE),
        # No identifier has a colon: without one of the file's, no other service is in its sector
        sector=Sector(table.identifier("sector") if "sector" in table else f"saml:{client_id}"),
        redirect_uris=(),
        purposes=read_purposes(table),
        attributes=read_rules(table, catalogue),
        source=table.source("client_id"),
        authentication_method="saml",
        sp_type=table.choice("sp_type", SP_TYPES, "public", required=False),
        requester_id=table.matching("requester_id", URI, REQUESTER_FIX, default=""),
        blind=table.flag("blind"),
        enforce=table.flag("enforce"),
        sphere=table.sphere(),
        federation=read_federation(table),
        saml=service,
        openid=OpenIDClient(logout=read_saml_logout(table)),
        body=body,
        attribute_service=attribute_service,
        vocabulary=vocabulary(read_named(table, ladders)) if by_name else {},
        persons=table.persons(),
    )
    if len(party.purposes) > 1:
        fix = "register the service once for each purpose, each with an entity of its own."
        table.problem("purposes", "has more than one, and no request of SAML names a purpose.", fix)
    if service.subject is SubjectKind.SUBJECT_ID and party.sector.startswith("saml:"):
        what = "is an identifier that services have in common, and no sector says which."
        table.problem("subject", what, 'write sector = "NAME", or subject = "pairwise-id".')
    if party.openid.logout.session_group and service.subject in (SubjectKind.PERSISTENT, SubjectKind.MAIL):
        what = "names the citizen in each word of a logout, and a session keeps no name."
        table.problem("subject", what, 'write subject = "pairwise-id", or leave session_group out.')
    if service.targets and not service.unsolicited:
        what = "stands without unsolicited: no link names one."
        table.problem("targets", what, "write unsolicited = true, or leave it out.")
    mail = party.attributes.get(EMAIL)
    if service.subject is SubjectKind.MAIL and (mail is None or mail.form != EXACT):
        table.problem("subject", "is the email address, which is not registered.", 'write email = "exact" in [attributes].')
    check_shown(table, party)
    table.close()
    return party


def _targets(table: Table) -> tuple[str, ...]:
    """The RelayStates of links. What looks like an address is one that nobody reads in two ways."""
    found = table.texts("targets", _TARGETS_FIX, required="targets" in table)
    for index, text in enumerate(found):
        fault = fault_of_address(text) if ":" in text or text.startswith(("/", "\\")) else ""
        if fault or not 0 < len(text) <= MAX_TARGET or not text.isascii() or not text.isprintable():
            fault = fault or f"is no text of 1 to {MAX_TARGET} signs of ASCII."
            table.problem("targets", f"{text!r} {fault}", _TARGETS_FIX, str(index))
    return found


def _returns(table: Table) -> tuple[str, ...]:
    """Addresses for a service whose metadata has no DiscoveryResponse."""
    found = table.texts("discovery_returns", _RETURNS_FIX, required="discovery_returns" in table)
    for index, url in enumerate(found):
        if fault := fault_of_address(url):
            table.problem("discovery_returns", fault, _RETURNS_FIX, str(index))
    return found


def _metadata(table: Table, files: Mapping[str, bytes]) -> bytes:
    if "federation" in table and "metadata" not in table:
        return b""
    if "federation" in table:
        table.problem("federation", "stands beside metadata, and two sources could contradict.", "keep one of the two.")
    name = table.text("metadata", _METADATA_FIX)
    return files[name] if name and table.has_file("metadata", name, files, _METADATA_FIX) else b""
