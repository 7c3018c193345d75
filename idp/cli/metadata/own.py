"""`ciconia metadata own`: what another operator needs to trust our node."""

import shlex
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.formats.grammar import written
from connectors.signatures.certificates import certificate_of
from connectors.signatures.key_ring import KeyState, Ring, Scheduled
from idp.application.revocations import check_revocations
from idp.cli.console import NO, answer, end, say
from idp.cli.metadata.desk import NodeDesk, node_desk
from idp.cli.options import AsJson, Folder
from idp.config.setting_types import NO_COUNTRY
from idp.config.settings import SETTINGS_FILE, Settings
from idp.doctor.examination import lines_of_settings
from idp.keys.file import FileSigner
from idp.keys.folder import NODE_FILES
from idp.protocols.eidas.own_metadata import own_facts
from idp.sequencer.witness import would_count
from idp.system.addresses import node_entity_id
from idp.system.clock import system_clock
from idp.system.files import read_regular
from policies.errors import Misconfigured, Problem


def own(
    config: Folder,
    certificate: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the certificate here, as PEM.")] = None,
    *,
    ahead: Annotated[bool, typer.Option("--next", help="The certificate of the next key that signs our metadata.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what another operator needs to trust our node: address, certificate, and the digest of what our metadata says.

    With --next others can pin the next certificate beside the one of now, before its key takes over.
    It shows no revoked key, nothing where an existing database cannot say which keys are revoked, and nothing for the
    country XX, which does not exist.

    Example: ciconia metadata own --config city --certificate nl.pem
    """
    with node_desk(config, as_json=as_json) as desk:
        # A new node may show itself before its first start; of any other somebody would pin a key that may be stolen
        now, revocations = system_clock(), check_revocations(desk.settings, desk.keys)
        if desk.settings.country == NO_COUNTRY:
            # Others would approve it, and again when it says which country it is
            raise _of_settings(desk.settings, "country", f"{NO_COUNTRY} is no country.", 'write yours, such as "EE".')
        facts = own_facts(desk.settings, desk.configuration, desk.keys, now)
        if facts is None or desk.keys.node is None:
            raise _no_node_yet(desk)
        signs = _next_key(desk, desk.keys.node.metadata, now) if ahead else None
        der = (signs.key if signs else desk.keys.node.metadata.at(now)).certificate
        # With one key of each kind nobody can have revoked another
        rings = desk.keys.node.metadata, desk.keys.node.messages
        new = revocations.none_yet and all(len(ring.scheduled) == 1 for ring in rings)
    known = revocations.unknown is None or new
    if revocations.unknown is not None and not known:
        say(f"What follows is right where no key was revoked. {revocations.unknown}", error=True)
    address, fingerprint = node_entity_id(desk.settings.issuer), sha256(der).hexdigest()
    if certificate is not None:
        if would_count(certificate, desk.settings.witness_path):
            detail = f"{certificate} would count as a checkpoint of the witness: name a file in another folder."
            end("taken", detail, as_json=as_json)
        _write_certificate(certificate, der, as_json=as_json)
    lines = [
        f"Address of our metadata      {address}",
        f"SHA-256 of the certificate   {bytes.fromhex(fingerprint).hex(':').upper()}",
        f"Digest of our metadata       {facts.digest}",
    ]
    if signs is not None:
        lines.append(
            f"Its key signs from {written(signs.begins)} on. "
            "Before that, the other operator pins this certificate beside the present one."
        )
    if certificate is not None:
        lines.append(f"Wrote {certificate}: send it to the other operator, and read them its SHA-256 on another way.")
    told = {"metadata_url": address, "certificate_sha256": fingerprint, "digest": facts.digest}
    if signs is not None:
        told["signs_from"] = written(signs.begins)
    written_to = str(certificate.resolve()) if certificate is not None else None
    answer({**told, "certificate": written_to, "revocations_known": known}, *lines, as_json=as_json)


def _next_key(desk: NodeDesk, ring: Ring[FileSigner], now: int) -> Scheduled[FileSigner]:
    """The key that takes over next; ends the command with 1 where there is none. Raises `StoreUnavailable`."""
    coming = [each for each in ring.scheduled if ring.state(each, now) is KeyState.NEXT]
    if not coming:
        fix = f"Make one: ciconia keys new node-metadata --config {shlex.quote(str(desk.settings.folder))}"
        end("not_found", f"There is no next key. {fix}", as_json=desk.as_json, code=NO)
    return coming[-1]


def _of_settings(settings: Settings, key: str, what: str, fix: str) -> Misconfigured:
    """The problem of one setting, with its line."""
    lines = lines_of_settings(settings.folder)
    file = str(settings.folder / SETTINGS_FILE)
    return Misconfigured((Problem(file, lines.line((key,)) if lines else 0, key, what, fix),))


def _no_node_yet(desk: NodeDesk) -> Misconfigured:
    """Names what is missing where we have no metadata as a node."""
    settings, fix = desk.settings, "write it, and start the server again."
    what = "it is missing, and other countries' nodes ask for it."
    missing = [name for name in ("country", "organization") if not getattr(settings, name)]
    found = [problem for name in missing for problem in _of_settings(settings, name, what, fix).problems]
    if desk.keys.node is None:
        lost = f"{', '.join(NODE_FILES)} are missing."
        found.append(Problem(str(settings.key_folder), 0, "keys", lost, "take them from a new `ciconia init`."))
    return Misconfigured(tuple(found))


def _write_certificate(path: Path, der: bytes, *, as_json: bool) -> None:
    """Writes the PEM; a file with something else in it stays as it is."""
    pem = certificate_of(der).public_bytes(Encoding.PEM)
    try:
        if path.exists() and read_regular(path) != pem:
            end("taken", f"{path} is there already and holds something else: name a new file.", as_json=as_json)
        path.write_bytes(pem)
    except OSError as error:
        end("unwritable", f"{path} cannot be written: {error.strerror}.", as_json=as_json)
