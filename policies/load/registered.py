"""A client that registered itself by protocol (RFC 7591), judged by the reader of `parties/*.toml`.

It has no purpose of the configuration, its own sector, a pseudonym for one sign-in, and a name that nobody verified
(decision 0041). Of its metadata only what stands in `_KEYS` counts; no address in it is ever fetched.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from policies.catalogue import Catalogue
from policies.errors import Problem
from policies.load import Configuration
from policies.load.lines import KeyLines
from policies.load.parties import read_party
from policies.load.table import Table
from policies.parties import ClientId, RelyingParty, Source
from policies.signed_in import SIGNED_IN, SIGNED_IN_ID

# What says the same in a file of the configuration
_KEYS = (
    "redirect_uris",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "id_token_signed_response_alg",
    "client_secret_sha256",
)
_UNVERIFIED = {"en": "(unverified) {}", "et": "(kontrollimata) {}", "zh-Hans": "（未经核实）{}"}  # noqa: RUF001 # Chinese


def read_registered(
    client_id: str, metadata: Mapping[str, object], catalogue: Catalogue
) -> tuple[RelyingParty, tuple[Problem, ...]]:
    """The client, and every problem of its metadata by their own names."""
    file, problems = f"parties/{client_id}.toml", list[Problem]()
    content: dict[str, object] = {name: metadata[name] for name in _KEYS if name in metadata}
    name = metadata.get("client_name", client_id)
    content |= {
        "client_id": client_id,
        "sector": client_id,
        "title": {tag: text.format(name) for tag, text in _UNVERIFIED.items()} if isinstance(name, str) else 0,
        "purposes": [SIGNED_IN_ID],
    }
    files: dict[str, bytes] = {}
    if content.get("token_endpoint_auth_method") == "none":
        content |= {"public": True}
    if "jwks" in metadata:
        content["jwks"] = keys = f"parties/{client_id}.jwks.json"
        files[keys] = json.dumps(metadata["jwks"]).encode()
    party = read_party(Table(file, content, KeyLines(""), problems), files, catalogue)
    return replace(party, registered=True, source=Source(client_id, 0)), tuple(problems)


def with_registered(configuration: Configuration, clients: Iterable[RelyingParty]) -> Configuration:
    """The configuration with clients that registered themselves. A file that has the name of one counts in its place."""
    parties = {ClientId(one.client_id): one for one in clients}
    return replace(
        configuration,
        parties={**parties, **configuration.parties},
        purposes={SIGNED_IN_ID: SIGNED_IN, **configuration.purposes},
    )
