"""`federations/*.toml`: one file a federation, and the certificates whose keys sign its metadata.

id = "research"
url = "https://mds.federation.example/all.xml"     # or file = "/srv/all.xml", or mdq = "https://mdq.federation.example"
signers = "metadata/research.pem"                  # or a list; they came by another channel
max_days = 14                                      # how far ahead validUntil may lie
refresh = 3600                                     # seconds
roles = ["idp"]                                    # with `authorities` and `categories`: which entities count
approve = true                                     # differences wait for `ciconia metadata approve`
"""

import re
from collections.abc import Mapping

from policies.federations import FILE, MDQ, URL, Federation, FederationFilter, FederationId
from policies.load.peers import read_certificates, read_networks
from policies.load.redirects import fault_of_address
from policies.load.table import Table

PATTERN = "federations/*.toml"
_SIGNERS_FIX = (
    "put the certificate whose key signs the federation's metadata into metadata/NAME.pem, compare its SHA-256 with what "
    'the federation tells on another way, and name it: signers = "metadata/NAME.pem".'
)
_ROLES = frozenset({"idp", "sp"})
_FILE = re.compile(r"/[^\0]{1,1000}")
_SOURCE_FIX = 'write one of url = "https://...", file = "/..." and mdq = "https://...".'
# The longest that saml2int knows (SDP-MD03) is a month; the shortest refresh spares the federation's servers
MAX_DAYS, DAY, LEAST_REFRESH = 31, 24 * 3600, 60
_MEGABYTE = 1024 * 1024
_MOST_MEGABYTES, _USUAL_MEGABYTES = 1024, 256


def read_federation(table: Table, files: Mapping[str, bytes]) -> Federation:
    """One federation. Problems go to the table's list."""
    named = [kind for kind in (URL, FILE, MDQ) if kind in table]
    if len(named) != 1:
        table.problem("url", "is missing, or stands beside another source.", _SOURCE_FIX)
    kind = named[0] if named else URL
    for other in named[1:]:
        table.take(other)
    found = Federation(
        federation_id=FederationId(table.identifier("id")),
        kind=kind,
        location=_location(table, kind) if named else "",
        signers=read_certificates(table, files, "signers", _SIGNERS_FIX),
        source=table.source("id"),
        max_days=_number(table, "max_days", 14, MAX_DAYS),
        refresh_seconds=max(LEAST_REFRESH, table.seconds("refresh", 3600, most=DAY)),
        most=_number(table, "max_megabytes", _USUAL_MEGABYTES, _MOST_MEGABYTES) * _MEGABYTE,
        networks=read_networks(table),
        only=FederationFilter(
            authorities=_some(table, "authorities"), categories=_some(table, "categories"), roles=_some(table, "roles")
        ),
        approves=table.flag("approve"),
    )
    if wrong := found.only.roles - _ROLES:
        table.problem("roles", f"`{min(wrong)}` is no role.", 'write roles = ["idp"], ["sp"] or both.')
    if found.approves and kind == MDQ:
        table.problem("approve", "is for a document that has all entities.", "leave it out: MDQ has one at a time.")
    table.close()
    return found


def _location(table: Table, kind: str) -> str:
    if kind == FILE:
        return table.matching(FILE, _FILE, 'write the whole path, as file = "/srv/all.xml".')
    found = table.text(kind, _SOURCE_FIX)
    if found and (fault := fault_of_address(found)):
        table.problem(kind, fault, _SOURCE_FIX)
    return found


def _number(table: Table, key: str, usual: int, most: int) -> int:
    value = table.take(key)
    if value is None:
        return usual
    # True is 1 to Python, and not to us
    if type(value) is int and 0 < value <= most:
        return value
    table.problem(key, "must be a whole number.", f"write {key} = {usual}, and at most {most}.")
    return usual


def _some(table: Table, key: str) -> frozenset[str]:
    return frozenset(table.texts(key, f'write {key} = ["..."], or leave it out for all.', required=key in table))
