"""Dates of certificates: our own, those that are pinned, and those in metadata."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.formats.metadata import read_identity_provider
from connectors.signatures.keys import certificate_of
from idp.doctor.case import Case
from idp.doctor.finding import Finding, Severity
from idp.keys.folder import NODE_FILES
from policies.load.peers import der_of_pem

SOON = 30 * 24 * 3600
_OWN = ("saml.pem", *NODE_FILES)


@dataclass(frozen=True, slots=True)
class Dated:
    """A certificate (DER) where it lies, what it is for, and how bad its end would be."""

    file: str
    key: str
    what: str
    der: bytes
    ended: Severity
    why: str
    fix: str


def certificates(case: Case) -> Iterator[Finding]:
    """Each certificate that has ended, has not begun, or ends within 30 days."""
    for dated in (*_own(case), *_pinned(case), *_of_providers(case)):
        yield from dates(dated, case.now)


def dates(dated: Dated, now: int) -> Iterator[Finding]:
    """What is wrong with the dates of one certificate; nothing for one that cannot be read: others name that."""
    try:
        certificate = certificate_of(dated.der)
    except ValueError:
        return
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end.timestamp():
        severity, what = dated.ended, f"{dated.what} ended on {end:%Y-%m-%d}."
    elif now < begin.timestamp():
        severity, what = dated.ended, f"{dated.what} begins on {begin:%Y-%m-%d} only."
    elif end.timestamp() - now < SOON:
        severity, what = Severity.WARNING, f"{dated.what} ends on {end:%Y-%m-%d}, in less than 30 days."
    else:
        return
    yield Finding(severity, dated.file, 0, dated.key, what, dated.why, dated.fix)


def _own(case: Case) -> Iterator[Dated]:
    # A node's certificate that has ended was named when the keys were loaded
    named = {case.name(problem.file) for problem in case.keys_problems if "its certificate holds from" in problem.what}
    for name in _OWN:
        path = case.settings.key_folder / name
        file = case.name(path)
        if file in named:
            continue
        for der in _in_pem(path):
            why = "Whoever looks at the dates of certificates in our metadata refuses us from then on."
            fix = "Put a new certificate of this key behind it, and give it to the peers in time."
            yield Dated(file, name, "its certificate", der, Severity.ERROR, why, fix)


def _in_pem(path: Path) -> Iterator[bytes]:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm):
        return
    for certificate in found:
        yield certificate.public_bytes(Encoding.DER)


def _pinned(case: Case) -> Iterator[Dated]:
    """Who signs the metadata of other countries' nodes."""
    why = "Metadata that it signed counts for nothing outside its dates: that country is cut off."
    fix = "Ask the node's operator for the next one, on another way than their metadata's, and pin it."
    for file, content in sorted(case.files.items()):
        if file.endswith(".pem") and (der := der_of_pem(content)[0]):
            yield Dated(file, "certificate", "the pinned certificate", der, Severity.ERROR, why, fix)


def _of_providers(case: Case) -> Iterator[Dated]:
    """In pinned metadata dates do not count (the key is pinned), but its operator is about to change the key."""
    why = "The key is pinned, so it still counts; but its operator will sign with a new one, and then every login fails."
    fix = "Ask the provider's operator for their new metadata, and pin that file beside their change."
    for provider in case.configuration.providers.values():
        try:
            read = read_identity_provider(provider.metadata, provider.entity_id)
        except ValueError:
            continue  # the check of metadata names it
        for der in read.certificates:
            yield Dated(
                pinned_file(case, provider.metadata), "X509Certificate", "a certificate", der, Severity.WARNING, why, fix
            )


def pinned_file(case: Case, content: bytes) -> str:
    """The file of metadata/ that holds this."""
    return next((name for name, octets in case.files.items() if octets == content and name.startswith("metadata/")), "")
