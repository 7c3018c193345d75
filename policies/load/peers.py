"""Another country's node, as providers/*.toml and nodes/*.toml name it: where its metadata is, and whose key signs it.

A message's word about its sender counts for nothing. The certificate beside the file (`metadata/ee.pem`) counts.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from ipaddress import ip_network

from policies.deviations import by_registration, usual
from policies.load.redirects import fault_of_address
from policies.load.table import URI, Table, nearest
from policies.parties import EntityId, NodeId, Peer, RequestingNode, StorkPeer

KEYS = ("metadata_url", "metadata_certificate", "metadata_digest", "networks", "anchors", "revocation", "service_list")
STORK_KEYS = ("url", "certificates", "encryption_certificate", "middleware", "sp_id", "is_age_over")
# of a node that asks us: the protocols in which it may
_PROTOCOLS = {"eidas": "eidas", "stork": "stork"}
_LABELLED = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\s*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CERTIFICATE_FIX = (
    "put the certificate that signs its metadata into metadata/NAME.pem, and name it: "
    "`openssl x509 -in FILE -out metadata/NAME.pem`."
)
_DIGEST_FIX = "write the 64 hex digits that `ciconia metadata pending` shows, or leave it out and approve later."
_ANCHORS_FIX = (
    "put the certificates of the authorities that issue the node's certificates into metadata/NAME.pem, and name it: "
    'anchors = "metadata/NAME.pem".'
)
_REVOCATION_FIX = (
    "put the lists of what each authority revoked into metadata/, and name them: revocation = ['metadata/NAME.crl']."
)
# RFC 7468 §5, §6
CERTIFICATES, LISTS = b"CERTIFICATE", b"X509 CRL"
# Two in a rollover, each with its chain
_MAX_PINNED = 8
# A node's certificates come from one authority, two when it changes
_MAX_ANCHORS = 8
_NETWORKS_FIX = 'write networks = ["10.1.0.0/16"], or leave it out for public addresses alone.'
# A larger network would hold a cloud's metadata service: an operator's own are at most 10.0.0.0/8, and IPv6 is given out in
# networks of /16 at the most.
_LEAST_PREFIX = {4: 8, 6: 16}
_URL_FIX = 'write metadata_url = "https://...": where its metadata is served.'
# X.690 §8.1.3: a SEQUENCE, and the bit that says that the length has octets of its own
_SEQUENCE, _LONG_FORM = 0x30, 0x80
_STORK_URL_FIX = 'write url = "https://...": where the browser takes our messages to it (STORK has no metadata).'
_STORK_CERTIFICATE_FIX = (
    "put its certificate, from a source that you trust, into metadata/NAME.pem, and name it: STORK has no metadata."
)
# SPIDType of the schema, in the capitals in which engines send it
_SP_ID = re.compile(r"[A-Z0-9._-]{1,20}")
_SP_ID_FIX = 'write sp_id = "STORKHAVEN": the id of up to 20 capitals and digits by which it knows your services.'


def read_node(table: Table, files: Mapping[str, bytes]) -> RequestingNode:
    """A file of `nodes/`: a receiving node that may ask us about our citizens. Problems go to the table's list."""
    node = RequestingNode(
        node_id=NodeId(table.identifier("id")),
        title=table.translated("title", "Node of the Netherlands"),
        peer=(
            read_stork_peer(table, files)
            if table.choice("protocol", _PROTOCOLS, "eidas", required=False) == "stork"
            else read_peer(table, files)
        ),
        source=table.source("id"),
        tell_refusal=table.flag("tell_refusal"),
        persons=table.persons(),
    )
    table.close()
    return node


def read_peer(table: Table, files: Mapping[str, bytes]) -> Peer:
    """The keys of a peer in a provider's or a node's table. Problems go to the table's list."""
    entity_id = table.matching("entity_id", URI, "write the entityID of its metadata, sign by sign.")
    anchors = _anchors(table, files)
    listed = table.flag("service_list")
    pins = not listed or "metadata_certificate" in table
    certificates = read_certificates(table, files, "metadata_certificate", _CERTIFICATE_FIX) if pins else ()
    return Peer(
        entity_id=EntityId(entity_id),
        country=table.country("country"),
        metadata_url=_metadata_url(table, entity_id),
        certificate=certificates[0] if certificates else b"",
        digest=table.matching("metadata_digest", _DIGEST, _DIGEST_FIX, default=""),
        networks=read_networks(table),
        source=table.source("entity_id"),
        anchors=anchors,
        revocation=_revocation(table, files),
        deviations=read_deviations(table, "eidas"),
        further_certificates=certificates[1:],
        listed=listed,
    )


def read_stork_peer(table: Table, files: Mapping[str, bytes]) -> StorkPeer:
    """The keys of a peer that speaks STORK, in a provider's or a node's table. Problems go to the table's list."""
    url = table.text("url", _STORK_URL_FIX)
    if url and (fault := fault_of_address(url)):
        table.problem("url", fault, _STORK_URL_FIX)
    certificates = read_certificates(table, files, "certificates", _STORK_CERTIFICATE_FIX)
    encrypting: tuple[bytes, ...] = ()
    if "encryption_certificate" in table:
        encrypting = read_certificates(table, files, "encryption_certificate", _STORK_CERTIFICATE_FIX)
    middleware = table.flag("middleware")
    sp_id = table.matching("sp_id", _SP_ID, _SP_ID_FIX, default="")
    return StorkPeer(
        entity_id=EntityId(table.matching("entity_id", URI, "write the Issuer of its messages, sign by sign.")),
        country=table.country("country"),
        url=url,
        certificates=certificates,
        source=table.source("entity_id"),
        encryption_certificate=encrypting[0] if encrypting else b"",
        middleware=middleware,
        sp_id=sp_id,
        is_age_over=table.flag("is_age_over"),
        deviations=read_deviations(table, "stork"),
    )


def read_deviations(table: Table, profile: str) -> frozenset[str]:
    """The deviations that this peer's registration switches on, each a name that its profile has."""
    known = by_registration(profile)
    fix = 'write deviations = ["name"], with names of docs/deviations.md, or leave it out.'
    found = table.texts("deviations", fix, required="deviations" in table)
    for index, name in enumerate(found):
        if name in known:
            continue
        if name in usual(profile):
            table.problem("deviations", f"{name!r} is on for every {profile} peer.", "remove it.", str(index))
        else:
            what = f"{name!r} is no deviation of {profile} that a registration switches on."
            table.problem("deviations", what, nearest(name, known), str(index))
    return frozenset(found) & known


def _metadata_url(table: Table, entity_id: str) -> str:
    """An entity id is the address of its metadata, unless the file names another one."""
    url = table.text("metadata_url", _URL_FIX, default=entity_id)
    if url and (fault := fault_of_address(url)):
        what = fault if "metadata_url" in table else f"is missing, and the entity id {fault}"
        table.problem("metadata_url", what, _URL_FIX)
    return url


def read_certificates(table: Table, files: Mapping[str, bytes], key: str, fix: str) -> tuple[bytes, ...]:
    """DER of each certificate of the file that `key` names, or of each file of a list; a file may hold several."""
    one = [] if table.is_list(key) else filter(None, [table.text(key, fix)])
    names = table.texts(key, fix) if table.is_list(key) else tuple(one)
    found: list[bytes] = []
    for name in dict.fromkeys(names):
        certificates, fault = ders_of_pem(files[name], CERTIFICATES) if table.has_file(key, name, files, fix) else ((), "")
        if fault:
            table.problem(key, f"{name} {fault}", fix)
        else:
            found += certificates
    if len(found) > _MAX_PINNED or len(set(found)) != len(found):
        what = f"names a certificate twice, or more than {_MAX_PINNED}."
        table.problem(key, what, "pin those whose keys sign this metadata now, or next.")
    return tuple(found)


def der_of_pem(content: bytes) -> tuple[bytes, str]:
    """The DER of the one certificate of a PEM file (RFC 7468 §5), and what is wrong with it as a sentence ("": nothing)."""
    found, fault = ders_of_pem(content, CERTIFICATES)
    if len(found) > 1:
        return b"", f"holds {len(found)} certificates, and one key is to be pinned."
    return (found[0], "") if found else (b"", fault)


def _is_one_sequence(der: bytes) -> bool:
    """Whether it is one ASN.1 SEQUENCE and nothing after it; the keys' own reader judges the rest."""
    if len(der) <= 2 or der[0] != _SEQUENCE:  # noqa: PLR2004 - X.690 §8.1: tag and length
        return False
    octets = der[1] & ~_LONG_FORM if der[1] & _LONG_FORM else 0
    size = int.from_bytes(der[2 : 2 + octets], "big") if octets else der[1]
    return len(der) == 2 + octets + size


def _anchors(table: Table, files: Mapping[str, bytes]) -> tuple[bytes, ...]:
    """DER of each certificate of the one PEM file; none where no file is named."""
    name = table.text("anchors", _ANCHORS_FIX, default="")
    if not name or not table.has_file("anchors", name, files, _ANCHORS_FIX):
        return ()
    found, fault = ders_of_pem(files[name], CERTIFICATES)
    if not fault and len(found) > _MAX_ANCHORS:
        fault = f"holds {len(found)} certificates: name the authorities of this node alone."
    if fault:
        table.problem("anchors", f"{name} {fault}", _ANCHORS_FIX)
        return ()
    return found


def _revocation(table: Table, files: Mapping[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    """Each list with its file: one in DER, or one or more in PEM."""
    names = table.texts("revocation", _REVOCATION_FIX, required="revocation" in table)
    if names and "anchors" not in table:
        table.problem("revocation", "is nothing without anchors: no certificate is held against it.", _ANCHORS_FIX)
    found: list[tuple[str, bytes]] = []
    for index, name in enumerate(names):
        if not table.has_file("revocation", name, files, _REVOCATION_FIX, str(index)):
            continue
        lists, fault = ((files[name],), "") if _is_one_sequence(files[name]) else ders_of_pem(files[name], LISTS)
        if fault:
            table.problem("revocation", f"{name} {fault}", _REVOCATION_FIX, str(index))
        found += [(name, der) for der in lists]
    return tuple(found)


def ders_of_pem(content: bytes, label: bytes) -> tuple[tuple[bytes, ...], str]:
    """The DER of each block of a PEM file, all of one label, and what is wrong with it as a sentence ("": nothing)."""
    if b"PRIVATE KEY-----" in content:
        return (), "holds a private key: make a new pair, this one has been seen."
    blocks = list(_LABELLED.finditer(content))
    wanted = "certificates in PEM" if label == CERTIFICATES else "lists of revoked certificates in PEM, or one in DER"
    # Some program or other would read text between the blocks
    if not blocks or b"".join(block[0] for block in blocks) != content or any(block[1] != label for block in blocks):
        return (), f"holds something else than {wanted}."
    found = []
    for block in blocks:
        text = b"".join(block[2].split())
        try:
            der = b64decode(text)
        except ValueError:
            der = b""
        if b64encode(der) != text or not _is_one_sequence(der):
            return (), f"holds something else than {wanted}."
        found.append(der)
    return tuple(found), "names something twice." if len(set(found)) != len(found) else ""


def read_networks(table: Table) -> tuple[str, ...]:
    """Where its address may lie besides the public internet: a name that leads inside is a way to our own doors."""
    named = table.texts("networks", _NETWORKS_FIX, required="networks" in table)
    for index, text in enumerate(named):
        try:
            network = ip_network(text)
        except ValueError:
            table.problem("networks", f"{text!r} is no network.", _NETWORKS_FIX, str(index))
            continue
        least = _LEAST_PREFIX[network.version]
        if network.prefixlen < least:
            fix = f"name the network of the node itself, of /{least} or more: {_NETWORKS_FIX}"
            table.problem("networks", f"{text!r} is far more than the network of a node.", fix, str(index))
    return named
