"""`ciconia metadata export`: the signed metadata of the public bodies for which we stand, as a file for who wants one."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from idp.application.revocations import check_revocations
from idp.cli.console import answer, end
from idp.cli.metadata.desk import node_desk
from idp.cli.options import AsJson, Folder
from idp.keys.kinds import SAML_LIFE
from idp.protocols.saml.bodies import PublishedBodies
from idp.sequencer.witness import would_count
from idp.system.clock import system_clock

_BODY = "The id of a body in bodies/; default: one document of all."


def export(
    config: Folder,
    body: Annotated[str | None, typer.Argument(metavar="[BODY]", help=_BODY)] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it here; default: to standard output.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write the signed metadata of a public body for which we stand, or of all of them in one document.

    It is what a server publishes at `/saml/bodies`, signed anew, and valid for 14 days. It signs with no revoked key.

    Example: ciconia metadata export c_h501 --config city --out rome.xml
    """
    if as_json and out is None:
        end("usage", "The document goes to standard output: write --out FILE beside --json.", as_json=as_json)
    with node_desk(config, as_json=as_json) as desk:
        known, now = desk.configuration.bodies, system_clock()
        if not known or (body and body not in known):
            what = f"There is no body {body}." if body else "There are no bodies: write bodies/NAME.toml."
            end("not_found", what, as_json=as_json)
        check_revocations(desk.settings, desk.keys)
        published = PublishedBodies(desk.settings.issuer, desk.configuration, desk.keys.saml, desk.keys.saml_encryption)
        octets = published.one(body, now, SAML_LIFE) if body else b"".join(published.all(now, SAML_LIFE))
        witness = desk.settings.witness_path
    if out is None:
        print(octets.decode())
        return
    if would_count(out, witness):
        end("taken", f"{out} would count as a checkpoint of the witness: name a file in another folder.", as_json=as_json)
    try:
        out.write_bytes(octets)
    except OSError as error:
        end("unwritable", f"{out} cannot be written: {error.strerror}.", as_json=as_json)
    count, digest = 1 if body else len(known), sha256(octets).hexdigest()
    told = {"file": str(out.resolve()), "entities": count, "octets": len(octets), "sha256": digest}
    text = f"Wrote {out}: {count} signed, {len(octets)} octets, SHA-256 {digest}."
    answer({**told, "until": now + SAML_LIFE}, text, as_json=as_json)
