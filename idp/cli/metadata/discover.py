"""`ciconia metadata discover`: an OpenID provider's discovery document, fetched once for the operator and judged."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.oidc.metadata import MAX_DOCUMENT, read_provider_metadata
from idp.cli.console import answer, end
from idp.cli.options import AsJson

SECONDS = 10.0
_WELL_KNOWN = "/.well-known/openid-configuration"


def discover(
    issuer: Annotated[str, typer.Argument(metavar="ISSUER", help="The provider's issuer, sign by sign.")],
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where it goes: metadata/NAME.json. Never one that is there.")
    ],
    network: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="A network that its address may lie in. Again for more.")
    ] = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Take http on *.localhost.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fetch the discovery document of an OpenID provider once, judge it, and write it to pin it.

    Read its SHA-256 to the provider's operator before it counts.

    Example: ciconia metadata discover https://op.example city/metadata/op.json
    """
    try:
        # OpenID Connect Discovery 1.0 §4.1: without the last slash
        url = issuer.removesuffix("/") + _WELL_KNOWN
        document = Fetcher(demo=demo).get(url, networks=tuple(network or ()), limit=MAX_DOCUMENT, timeout=SECONDS)
        found = read_provider_metadata(document, issuer, demo=demo)
        with out.open("xb") as file:
            file.write(document)
    except FetchError as error:
        end(error.check, f"{error.detail} {error.mend}", as_json=as_json)
    except ValueError as error:
        end("metadata_refused", f"The document cannot be used: {error}", as_json=as_json)
    except OSError as error:
        end("unwritable", f"{out} cannot be written ({error.strerror}).", as_json=as_json)
    digest = sha256(document).hexdigest()
    methods = ", ".join(sorted(found.lists["token_endpoint_auth_methods_supported"]))
    told = {"issuer": issuer, "file": str(out), "sha256": digest}
    answer(told, f"Written: {out}, of SHA-256 {digest}.", f"It authenticates us by: {methods}.", as_json=as_json)
