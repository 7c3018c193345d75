"""The options of `ciconia inspect`, each with what it says of itself."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from idp.inspect.options import Kind


class Profile(StrEnum):
    """The two profiles of SAML."""

    SAML2INT = "saml2int"
    EIDAS = "eidas"


class Level(StrEnum):
    """Levels of assurance, as the command line spells them."""

    LOW = "low"
    SUBSTANTIAL = "substantial"
    HIGH = "high"


class Algorithm(StrEnum):
    """The algorithms of tokens."""

    ES256 = "ES256"
    ES384 = "ES384"
    RS256 = "RS256"
    PS256 = "PS256"
    EDDSA = "EdDSA"
    ED25519 = "Ed25519"


Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, pipes, or `-` for standard input.")]
As = Annotated[Kind, typer.Option("--as", metavar="KIND", help=f"What the files are: {', '.join(Kind)}.")]
# whose messages
Config = Annotated[Path | None, typer.Option(metavar="DIR", help="The expectation of a configuration.")]
From = Annotated[str | None, typer.Option("--from", metavar="PARTY", help="Whose messages: an id in it.")]
IdpMetadata = Annotated[Path | None, typer.Option(metavar="FILE", help="The identity provider's, pinned.")]
SpMetadata = Annotated[Path | None, typer.Option(metavar="FILE", help="The service provider's, pinned.")]
Metadata = Annotated[Path | None, typer.Option(metavar="FILE", help="The sender's, pinned: of logout and of queries.")]
Trust = Annotated[Path | None, typer.Option(metavar="CERT.pem", help="Whose key signs the metadata.")]
Jwks = Annotated[Path | None, typer.Option(metavar="FILE", help="The issuer's keys, or the client's.")]
Issuer = Annotated[str | None, typer.Option(metavar="ISS", help="The issuer, sign by sign.")]
Client = Annotated[str | None, typer.Option(metavar="CLIENT_ID", help="The client whose assertion it is.")]
Alg = Annotated[
    Algorithm | None,
    typer.Option(metavar="ALG", help=f"The one algorithm that is registered: {', '.join(Algorithm)}."),
]
# for whom, and in answer to what
Audience = Annotated[
    str | None, typer.Option(metavar="URI", help="Whom it must be for: our entity id, client id or issuer.")
]
Acs = Annotated[str | None, typer.Option(metavar="URL", help="The address that received the response.")]
Destination = Annotated[str | None, typer.Option(metavar="URL", help="The address that received the message.")]
RequestId = Annotated[str | None, typer.Option(metavar="ID", help="The request that it must answer.")]
Nonce = Annotated[str | None, typer.Option(metavar="N", help="The nonce of the request.")]
MinimumLoa = Annotated[Level | None, typer.Option(metavar="LEVEL", help=f"What must be reached: {', '.join(Level)}.")]
MaxAge = Annotated[int | None, typer.Option(metavar="S", min=0, help="How old the authentication may be.")]
AccessToken = Annotated[Path | None, typer.Option(metavar="FILE", help="The access token beside it.")]
# how
How = Annotated[
    Profile | None,
    typer.Option("--profile", metavar="NAME", help=f"How strict: {', '.join(Profile)}.", show_default="saml2int"),
]
At = Annotated[str | None, typer.Option(metavar="TIME", help="Judge as of then: ISO 8601, or seconds.")]
SpKey = Annotated[Path | None, typer.Option(metavar="PEM", help="Your own key, for encrypted assertions.")]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why: it goes into the release ledger.")]
UnsafeDecrypt = Annotated[bool, typer.Option("--unsafe-decrypt", help="Use a production key, on record.")]
ShowValues = Annotated[bool, typer.Option("--show-values", help="Show what accepted files say of the person.")]
Opinion = Annotated[bool, typer.Option("--second-opinion", help="Ask a second implementation, too.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a file, each on its line, in order.")]
