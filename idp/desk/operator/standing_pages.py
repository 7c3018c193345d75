"""Pages about what is in force: services, purposes, countries, keys, and what is switched off."""

from collections.abc import Iterator, Sequence

from cryptography import x509

from connectors.formats.grammar import written
from idp.desk.blocks import Block, Cell, Command, Facts, Notice
from idp.desk.operator.operator_page import OperatorPage, command, table
from idp.desk.operator.reading import OperatorQuestion, OperatorReader, StandingConfiguration
from idp.keys.kinds import KINDS, KeyKind, own_encryptions
from idp.store.switches.switch import COUNTRY, PARTY, PROVIDER
from idp.system.files import MAX_TEXT, read_regular
from policies.identifiability import bits_needed
from policies.parties import IdentityProvider, RelyingParty, StorkPeer

DIGITS = 12
OFF = "off"


def overview(reader: OperatorReader, _asked: OperatorQuestion) -> Sequence[Block]:
    """The configuration in force, who put it there, and what is switched off."""
    now = reader.standing()
    applied, configuration = now.applied, now.configuration
    if applied is None:
        return [Notice("desk.overview.none"), command(reader, "plan"), command(reader, "doctor")]
    facts = (
        ("desk.overview.issuer", reader.settings.issuer),
        ("desk.overview.number", f"{applied.number} ({applied.digest[:DIGITS]})"),
        ("desk.overview.who", f"{applied.who}, {written(applied.time)}"),
        ("desk.overview.four_eyes", "four_eyes = true" if now.bundle.four_eyes else "four_eyes = false"),
        ("desk.overview.operators", ", ".join(sorted(set(configuration.operators.values()))) or "-"),
        ("desk.overview.services", str(len(configuration.parties))),
        ("desk.overview.purposes", str(len(configuration.purposes))),
        ("desk.overview.sources", str(len(configuration.providers))),
    )
    return [Facts(facts), _switched_off(now), command(reader, "doctor"), command(reader, "rollback", "--list")]


def services(reader: OperatorReader, _asked: OperatorQuestion) -> Sequence[Block]:
    """Each service: what it may ask for, and for which purposes."""
    now = reader.standing()
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            party.title["en"],
            _protocol(party),
            ", ".join(party.purposes),
            ", ".join(f"{one} ({rule.form})" for one, rule in party.attributes.items()),
            party.sector,
            OFF if now.off(PARTY, name) else "on",
            str(party.source),
        )
        for name, party in now.configuration.parties.items()
    ]
    columns = "service title protocol purposes attributes sector state where"
    return [table("services", columns, rows), command(reader, "party", "list")]


def _protocol(party: RelyingParty) -> str:
    return "SAML" if party.saml is not None else "OpenID Connect"


def purposes(reader: OperatorReader, _asked: OperatorQuestion) -> Sequence[Block]:
    """Each purpose: its basis and law, what it needs, and who asks for it."""
    configuration = reader.standing().configuration
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            one.title["en"],
            one.basis.value,
            one.law["en"],
            one.minimum_assurance.label,
            ", ".join(f"{need} ({rule.form})" for need, rule in one.needs.items()),
            round(bits_needed(one), 1),
            ", ".join(party for party, each in configuration.parties.items() if name in each.purposes),
            str(one.source),
        )
        for name, one in configuration.purposes.items()
    ]
    columns = "purpose title basis law assurance attributes bits services where"
    return [table("purposes", columns, rows, ("bits",)), command(reader, "policy", "lint")]


def countries(reader: OperatorReader, _asked: OperatorQuestion) -> Sequence[Block]:
    """Each source of a country's citizens, and each node that asks us."""
    now = reader.standing()
    rows: list[tuple[Cell, ...]] = [
        (
            one.country,
            name,
            one.title["en"],
            _kind(one),
            ", ".join(sorted({level.label for level in one.assurance.values()})),
            ", ".join(sorted({attribute for attribute, _ in one.attributes.values()})),
            OFF if now.off(PROVIDER, name) or now.off(COUNTRY, one.country) else "on",
            str(one.source),
        )
        for name, one in now.configuration.providers.items()
    ]
    found: list[Block] = [table("sources", "country source title kind levels attributes state where", rows)]
    nodes: list[tuple[Cell, ...]] = [
        (node.peer.country, name, node.title["en"], node.peer.entity_id, str(node.source))
        for name, node in now.configuration.nodes.items()
    ]
    if nodes:
        found.append(table("nodes", "country node title entity where", nodes))
    return [*found, command(reader, "party", "list"), command(reader, "metadata", "pending")]


def _kind(one: IdentityProvider) -> str:
    if one.peer is not None:
        return "STORK" if isinstance(one.peer, StorkPeer) else "eIDAS"
    return f"{one.protocol}, by the federation {one.federation}" if one.federation else one.protocol


def keys(reader: OperatorReader, _asked: OperatorQuestion) -> Sequence[Block]:
    """Each file of a key that changes. No private half is read here: names and certificates say enough."""
    folder, now = reader.settings.key_folder, reader.clock()
    rows: list[tuple[Cell, ...]] = []
    for kind in (*KINDS.values(), *own_encryptions(folder).values()):
        files = sorted(kind.files(folder).items(), key=lambda each: each[1])
        signing = max((begins for _, begins in files if begins <= now), default=None)
        for name, begins in files:
            state = "next" if begins > now else "in use" if begins == signing else "earlier"
            since = written(begins) if begins else ""
            rows.append((kind.name, kind.why, state, since, _certificate_end(reader, kind, name), name))
    return [
        table("keys", "kind use state since ends file", rows),
        Notice("desk.keys.revoked"),
        command(reader, "keys", "list"),
        Command("desk.keys.next", reader.line("keys", "new", "es256")),
    ]


def _certificate_end(reader: OperatorReader, kind: KeyKind, name: str) -> str:
    file = (reader.settings.key_folder / name).with_suffix(".crt")
    if kind.suffix != ".pem" or not file.is_file():
        return ""
    try:
        found = x509.load_pem_x509_certificate(read_regular(file, MAX_TEXT)).not_valid_after_utc
    except (OSError, ValueError):
        return "?"
    return found.strftime("%Y-%m-%d")


def switches(reader: OperatorReader, asked: OperatorQuestion) -> Sequence[Block]:
    """Everything that is off, that could be, and the line that switches it."""
    now = reader.standing()
    found: list[Block] = [_switched_off(now)]
    kind, _, name = asked.named.get("thing", "").partition(" ")
    if (kind, name) in things(now):
        word = "enable" if now.off(kind, name) else "disable"
        line = reader.line("party", word, name, "--kind", kind, "--reason", "WHY")
        found += [Notice(f"desk.switches.{word}", {"name": name}), Command("desk.command", line)]
    return [*found, command(reader, "party", "list")]


def things(now: StandingConfiguration) -> Sequence[tuple[str, str]]:
    """Everything that has a switch, by kind and name."""
    return [*_things(now)]


def _things(now: StandingConfiguration) -> Iterator[tuple[str, str]]:
    yield from ((PARTY, name) for name in now.configuration.parties)
    yield from ((COUNTRY, name) for name in sorted({one.country for one in now.configuration.providers.values()}))
    yield from ((PROVIDER, name) for name in now.configuration.providers)


def _switched_off(now: StandingConfiguration) -> Block:
    rows: list[tuple[Cell, ...]] = [
        (one.kind, one.name, written(one.since) if one.since else "", one.reason)
        for one in now.switches.values()
        if one.off
    ]
    return table("off", "kind name since reason", rows)


OVERVIEW = OperatorPage("/", "desk.overview", (), overview)
SERVICES = OperatorPage("/services", "desk.services", (), services)
PURPOSES = OperatorPage("/purposes", "desk.purposes", (), purposes)
COUNTRIES = OperatorPage("/countries", "desk.countries", (), countries)
KEYS = OperatorPage("/keys", "desk.keys", (), keys)
SWITCHES = OperatorPage("/switches", "desk.switches", ("thing",), switches)
