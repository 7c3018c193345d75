"""The machine: its libraries and what they can judge, free disk, cookies behind this base address, and Valkey."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree

from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.signatures.pinned_keys import prepared
from connectors.signatures.second_opinion import WORTH, second_opinion
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import Shape, verify
from connectors.signatures.xmlsign import sign_enveloped
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.keys.file import FileSigner
from idp.server.rate_limits import check_valkey
from idp.store.engine import database_file
from idp.store.records.looking import is_postgres_url
from policies.errors import AssertionRejected, Misconfigured

_CURVES: Sequence[ec.EllipticCurve] = (
    ec.SECP256R1(),
    ec.SECP384R1(),
    ec.SECP521R1(),
    ec.BrainpoolP256R1(),
    ec.BrainpoolP384R1(),
    ec.BrainpoolP512R1(),
)
# Small: only the algorithm matters
_RSA_BITS = 2048
_SHAPE = Shape(root="{urn:ciconia:probe}a")


@cache
def silent_algorithms() -> tuple[str, ...]:
    """The algorithms in words that the installed libxmlsec cannot judge; mostly none."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    asked: list[tuple[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, Profile]] = [
        ("RSA (PKCS#1 v1.5)", key, SAML2INT),
        ("RSA-PSS", key, replace(EIDAS, minimum_rsa_bits=_RSA_BITS)),
    ]
    asked += [(f"ECDSA on {curve.name}", ec.generate_private_key(curve), EIDAS) for curve in _CURVES]
    return tuple(name for name, private, profile in asked if not _answered(private, profile))


def _answered(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, profile: Profile) -> bool:
    """Whether libxmlsec agrees that a document of ours is signed. False too where our own code does not."""
    public = prepared(key.public_key(), profile)
    signer = FileSigner(key, key.public_key(), b"", public.key_id)
    octets = sign_enveloped(etree.Element(_SHAPE.root, ID="_a"), signer, place=0, profile=profile)
    try:
        message = verify(octets, [public], _SHAPE, profile)
        if isinstance(message, SignedMessage):
            second_opinion(octets, message.signed, [public], _SHAPE, profile)
            return True
    except AssertionRejected:
        pass
    return False


GIB = 1024**3
LEAST_FREE, LEAST_SHARE = GIB, 20  # 1 GiB, and a twentieth
_NEEDED = "`ciconia serve` does not start without it: all workers count there how often somebody asks."


def libraries(case: Examination) -> Iterator[DoctorFinding]:
    """Compares libxml2 in lxml and xmlsec, which hand trees to each other by pointer: major.minor must agree.

    Only then asks xmlsec whether it can judge what our own code accepts.
    """
    lxml, xmlsec = case.machine.libxml2()
    if lxml[:2] != xmlsec[:2]:
        ours, theirs = (".".join(map(str, version)) for version in (lxml, xmlsec))
        what = f"lxml has libxml2 {ours}, and xmlsec has {theirs}."
        why = "They share trees in memory: a node that one reads as the other did not write it is a crash, or worse."
        fix = "Install both from the wheels of requirements.lock."
        yield ERROR("environment", "libxml2", what, why, fix)
    elif silent := silent_algorithms():
        what = f"the installed libxmlsec gives no opinion on {', '.join(silent)}."
        why = f"Metadata that is signed so is refused. Its opinion is {WORTH}: silence is no agreement."
        yield WARNING("environment", "xmlsec", what, why, "Install xmlsec from the wheel of requirements.lock.")


def disk(case: Examination) -> Iterator[DoctorFinding]:
    """Checks the room for the record. PostgreSQL's disk cannot be seen from here."""
    if is_postgres_url(case.settings.database_url):
        return
    try:
        path = database_file(case.settings.database_url)
    except Misconfigured:
        path = case.folder
    place = next((one for one in (path.parent, *path.parents) if one.is_dir()), Path("/"))
    total, free = case.machine.disk(place)
    if free < LEAST_FREE or free * LEAST_SHARE < total:
        what = f"{free / GIB:.1f} GiB of {total / GIB:.1f} are free where the database lies."
        why = "When it is full nothing can be recorded, and so nothing is released."
        yield case.setting(WARNING, "database", what, why=why, fix="Make room, or move the database to a larger disk.")


def cookies(case: Examination) -> Iterator[DoctorFinding]:
    """Warns of http on localhost, where Safari keeps no `__Host-` cookie. The settings refuse any other http."""
    if case.knows("issuer") and case.settings.issuer.startswith("http://"):
        what = "Safari keeps no Secure cookie from http, not even from localhost."
        why = "A login in Safari ends with the words that it began in another browser."
        yield case.setting(NOTICE, "issuer", what, why=why, fix="Show the demo in Chromium or Firefox.")


def valkey(case: Examination, *, ask: bool = False) -> Iterator[DoctorFinding]:
    """Checks for the library; with `ask` also that Valkey answers, and would keep every counter."""
    if not case.knows("valkey"):
        return
    try:
        check_valkey(case.settings, ask=ask)
    except Misconfigured as error:
        for problem in error.problems:
            yield case.setting(ERROR, problem.key, problem.what, why=_NEEDED, fix=problem.fix)
