"""Our own metadata as a node and the TLS in front of it, against the eIDAS technical specifications 1.4."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connectors.addresses import FetchError
from connectors.formats.eidas.metadata import Role
from connectors.metadata.specification import Fault, faults_of_own
from connectors.signatures.parse import MAX_METADATA
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding
from idp.doctor.handshake import Handshake, handshake
from idp.doctor.network import EVERYWHERE, OK, TIMEOUT, PageFetcher
from idp.protocols.eidas.own_metadata import own_metadata
from idp.protocols.eidas.receiving_node import known_peers
from idp.system.addresses import node_entity_id

_WHY = "A country's node that is as strict as the specification refuses us, and with it every citizen between us."
_TLS = "Correct the TLS of the proxy in front: TLS 1.2 and 1.3, ECDHE with AES-GCM, a certificate on P-256 or of RSA 3072."
# eIDAS Cryptographic Requirements 1.4 §2; public authorities still issue 2048 bits
_LEAST_RSA, _LEAST_CURVE = 2048, 256


def own_node(case: Examination) -> Iterator[DoctorFinding]:
    """Judges the metadata that we would publish now. Without a provider there is nobody to answer for yet."""
    if not _is_node(case) or case.keys is None or not case.configuration.providers:
        return
    made = own_metadata(case.settings, case.configuration, case.keys)
    if made is not None:
        yield from _of(case, made(case.now), "our own metadata as a node: ", case.now)


def published(case: Examination, fetcher: PageFetcher, clock: Callable[[], int]) -> Iterator[DoctorFinding]:
    """Judges what is served at our address at that moment: a proxy or a cache may stand in front."""
    if not _is_node(case):
        return
    url = node_entity_id(case.settings.issuer)
    try:
        answer = fetcher.look(url, networks=EVERYWHERE, limit=MAX_METADATA, timeout=TIMEOUT)
    except FetchError:
        return  # the check of the address says it
    if answer.status != OK:
        fix = "Let the proxy in front pass /eidas/ on, and see that the server runs."
        yield case.setting(WARNING, "issuer", f"{url} answers {answer.status}.", why=_WHY, fix=fix)
        return
    yield from _of(case, answer.body, f"what {url} answers: ", clock())
    yield from tls(case, handshake)


def _is_node(case: Examination) -> bool:
    known = case.knows("issuer", "role", "country", "organization", "demo") and not case.settings.demo
    return known and (case.settings.role == "node" or bool(known_peers(case.configuration)))


def _of(case: Examination, octets: bytes, whose: str, now: int) -> Iterator[DoctorFinding]:
    role: Role = "proxy" if case.settings.role == "node" else "connector"
    address, country = node_entity_id(case.settings.issuer), case.settings.country
    for fault in faults_of_own(octets, role, address=address, country=country, now=now):
        yield ERROR("", fault.key, whose + fault.what, _WHY, fault.fix)


def tls(case: Examination, shake: Callable[[str, int], Handshake | None]) -> Iterator[DoctorFinding]:
    """Judges the TLS at our address: its version, its cipher suite, and the key of its certificate."""
    parts = urlsplit(case.settings.issuer)
    found = shake(parts.hostname or "", parts.port or 443) if parts.scheme == "https" else None
    for fault in tls_faults(*found) if found is not None else ():
        yield case.setting(WARNING, "issuer", f"TLS at {parts.netloc}: {fault.what}", why=_WHY, fix=fault.fix)


def tls_faults(version: str, cipher: str, certificate: bytes) -> Iterator[Fault]:
    """The demands that a TLS server does not meet."""
    if version not in ("TLSv1.2", "TLSv1.3"):
        yield Fault("tls", f"it speaks {version}.", _TLS)
    if version != "TLSv1.3" and not cipher.startswith(("ECDHE-", "DHE-")):
        yield Fault("tls", f"its cipher suite {cipher} has no forward secrecy.", _TLS)
    if "GCM" not in cipher and "CHACHA20" not in cipher:
        yield Fault("tls", f"its cipher suite {cipher} has no authenticated encryption.", _TLS)
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        yield Fault("tls", "its certificate cannot be read.", _TLS)
        return
    short = isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA
    short = short or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < _LEAST_CURVE)
    if short or not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        yield Fault("tls", "the key of its certificate is too small, or of another kind.", _TLS)
