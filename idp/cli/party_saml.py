"""`ciconia party add-saml`: registers a service that speaks SAML by its metadata, and says what its operator needs."""

import os
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from connectors.formats.service_provider import ServiceProviderFacts, read_service_provider
from connectors.metadata.federation_index import ends
from connectors.metadata.pinned_service import pinned_service
from connectors.signatures.parse import MAX_METADATA, parse_metadata
from idp.application.load import load_all
from idp.application.register_party import Beside, Registration, attributes_for, faults, files_written
from idp.cli.console import COULD_NOT_RUN, NO, answer, trying
from idp.cli.options import AsJson, Folder
from idp.cli.party_credential import end, problem
from idp.cli.party_options import Group
from idp.system.addresses import idp_entity_id, sso_url
from idp.system.toml_text import dumped
from policies.errors import Misconfigured, Problem
from policies.parties import PurposeId, Source
from policies.purposes import Purpose
from policies.registrations.saml_service import SamlService, SubjectKind

COMMAND = "party add-saml"


def add_saml(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Our name of it, and the name of its files.")],
    metadata: Annotated[Path, typer.Option(metavar="FILE", help="Its metadata: one EntityDescriptor, which is pinned.")],
    purpose: Annotated[str, typer.Option(metavar="ID", help="The purpose for which it asks.")],
    config: Folder,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Its name for citizens, in English.", show_default="NAME")
    ] = None,
    subject: Annotated[SubjectKind, typer.Option(help="The identifier of a citizen.")] = SubjectKind.PAIRWISE_ID,
    sector: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Services of one sector know a person alike.", show_default="its own"),
    ] = None,
    group: Group = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Register a service that speaks SAML: one new file in parties/, and its metadata in metadata/.

    Look at the metadata first: whoever has its keys may ask, and its addresses get the answers.

    Example: ciconia party add-saml library --metadata library.xml --purpose permit --config city
    """
    with trying(as_json=as_json):
        settings, configuration, _ = load_all(config)
    octets, facts = _read(metadata, as_json=as_json)
    asked = Registration(name, name if title is None else title, sector or name, (), PurposeId(purpose), "saml")
    asked = replace(asked, beside=Beside(session_group=group))
    found = [*faults(asked, settings, configuration)]
    pinned = f"metadata/{name}.xml"
    if os.path.lexists(config / pinned):
        found.append(Problem(pinned, 0, "metadata", "is there already.", "choose another name."))
    if found:
        end(Misconfigured(tuple(found)), NO, as_json=as_json)
    service = SamlService(facts.entity_id, octets, subject)
    needed = configuration.purposes[asked.purpose]
    text = text_of(asked, service, needed, pinned, in_sector=sector is not None)
    try:
        with files_written(config, {pinned: octets, asked.file: text.encode()}):
            load_all(config)
            pinned_service(service, Source(asked.file, 1))
    except Misconfigured as error:
        end(error, NO, as_json=as_json)
    except OSError as error:
        what = f"cannot be written: {error.strerror}."
        end(problem(asked.file, "file", what, "let this command write there."), COULD_NOT_RUN, as_json=as_json)
    told: dict[str, object] = {
        "client_id": name,
        "entity_id": facts.entity_id,
        "file": asked.file,
        "metadata": pinned,
        "acs_urls": list(facts.acs_urls.values()),
        "encrypted": bool(facts.encryption),
        "subject": str(subject),
        "purpose": purpose,
        "attributes": attributes_for(needed),
        "our_metadata": idp_entity_id(settings.issuer),
        "sso_url": sso_url(settings.issuer),
    }
    answer(
        told,
        f"Wrote {config / asked.file} and {config / pinned}.",
        f"Answers go to {', '.join(facts.acs_urls.values())}, {'encrypted' if facts.encryption else 'not encrypted'}.",
        f"It counts once {_next(config, four_eyes=settings.four_eyes)}. Give its operator our entity id, at which our",
        f"metadata is: {idp_entity_id(settings.issuer)}",
        as_json=as_json,
    )


def _next(config: Path, *, four_eyes: bool) -> str:
    if four_eyes:
        return f"a second person approved it (`ciconia plan --config {shlex.quote(str(config))}`)"
    return "the server got SIGHUP (`systemctl reload ciconia`)"


def _read(path: Path, *, as_json: bool) -> tuple[bytes, ServiceProviderFacts]:
    """The file, and what it says. Ends the command where it says nothing that we could use."""
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_METADATA + 1)
        facts = read_service_provider(octets)
    except OSError as error:
        what = f"cannot be read: {error.strerror}."
        end(problem(COMMAND, "--metadata", what, "name a file."), COULD_NOT_RUN, as_json=as_json)
    except ValueError as error:
        fix = "give the EntityDescriptor of the service, as its operator published it."
        end(problem(COMMAND, "--metadata", f"is refused: {error}", fix), NO, as_json=as_json)
    now = int(time.time())
    if ends(parse_metadata(octets), now + 1) <= now:
        what = "the entity, or a role in it, has ended: its validUntil is past, or is no time."
        end(problem(COMMAND, "--metadata", what, "get that of today from its operator."), NO, as_json=as_json)
    return octets, facts


def text_of(asked: Registration, service: SamlService, purpose: Purpose, metadata: str, *, in_sector: bool) -> str:
    """The file, as TOML."""
    table: dict[str, object] = {
        "client_id": asked.client_id,
        "protocol": "saml",
        "entity_id": service.entity_id,
        "metadata": metadata,
        "subject": str(service.subject),
        **({"sector": asked.sector} if in_sector else {}),
        "purposes": [asked.purpose],
        "enforce": True,
        **({"session_group": group} if (group := asked.beside.session_group) else {}),
    }
    needed = attributes_for(purpose)
    head = (
        "# Written by `ciconia party add-saml`. The attributes are the most that this service may ever get: exactly what\n"
        "# its purpose needs.\n"
    )
    parts = [
        head + dumped(table),
        "# The name that citizens read; add et, zh-Hans and others.\n" + dumped({"title": {"en": asked.title}}),
        *([dumped({"attributes": needed})] if needed else []),
    ]
    return "\n".join(parts)
