"""Registers: whether each can be asked, what of it ends soon, and whether a database lets us do more than read.

No question about anybody is asked: a server is looked at with a GET of its address, which names nobody, and no row of a
database is read.
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from connectors.addresses import FetchError
from connectors.attribute_provider import AttributeProvider
from connectors.fetch import Fetcher
from connectors.formats.attribute_query import read_attribute_authority
from connectors.oidc.line import MAX_ANSWER
from connectors.registers.attribute_authority import AttributeAuthority
from connectors.registers.claims_provider import ClaimsProvider
from connectors.registers.database_view import RegisterView
from connectors.signatures.signer import NoSigner
from idp.doctor.certificates import Dated, dates, pinned_file
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding
from idp.doctor.handshake import handshake
from idp.doctor.metadata import overdue
from idp.doctor.network import TIMEOUT, PageFetcher, clock_of
from idp.doctor.own_node import tls_faults
from idp.keys import kinds
from idp.keys.kinds import KeyKind
from idp.keys.secret_files import load_password
from idp.system.addresses import entity_id
from policies.attribute_register import AttributeQueryService, AttributeRegister, DatabaseView, SignedClaimsService
from policies.errors import Misconfigured, PeerUnavailable

_NOT_ASKED = "The register is not asked: what it would say is missing in each sign-in."
_WIDER = "We only read, whatever the account may do; but whoever else had its password could change the register."
_FIX = "Make a view of what [attributes] has, and an account that may SELECT from it and nothing else."
_LEAKS = "Whoever has an account on this machine could read the register."
_CLOSE = "Let the broker's account alone read it (mode 600, or 400 where a container mounts it)."
_UNREAD = "Start the database, or correct [view], and let its account SELECT the columns of [found_by] and [attributes]."
_PINNED = "The key is pinned, so it still counts; but the next one is not pinned, and each answer that it signs is refused."
_NEXT = "Ask the register's operator for the next one, and pin it beside their change."
_NO_KEY = "Every question fails, and what the register would say is missing in each sign-in."
_CUT_OFF = "From then on nobody connects to it, and what it would say is missing in each sign-in."
_RENEW = "Ask the register's operator to renew it in time."
_WEAK = "Whoever listens on the way could read, later or now, what it says of citizens."
_RENEW_TLS = (
    "Ask the register's operator for TLS 1.3, or 1.2 with ECDHE and AES-GCM, and for a key on P-256 or of RSA 3072."
)
# Who answers so is a proxy whose register is away; any other status shows that somebody is there
_AWAY = (502, 503, 504)
# A page for people who come by with a browser
_REACHED = ("redirect", "size")


def pinned_registers(case: Examination) -> Iterator[DoctorFinding]:
    """Judges what is pinned of each register that is asked over a network, and whether we have the keys to ask it."""
    for register in case.configuration.registers.values():
        if isinstance(register.transport, DatabaseView):
            continue
        try:
            _asking(case, register)
        except Misconfigured as error:
            yield from (case.of_problem(problem, "`ciconia serve` does not start with it.") for problem in error.problems)
            continue
        if isinstance(register.transport, AttributeQueryService):
            yield from overdue(pinned_file(case, register.transport.metadata), register.transport.metadata, case.now)
        for der in _certificates(register):
            dated = Dated(register.source.file, "certificate", "a pinned certificate", der, WARNING, _PINNED, _NEXT)
            yield from dates(dated, case.now)
        for kind in _lacking(case, register):
            what, fix = f"it needs a key of ours, and there is no {kind.file}.", f"`ciconia keys new {kind.name}`"
            yield ERROR(register.source, "keys", what, _NO_KEY, fix)


def _asking(case: Examination, register: AttributeRegister) -> AttributeProvider:
    """The client that would ask it. Raises `Misconfigured`."""
    fetcher, catalogue = Fetcher(demo=case.settings.demo or not case.knows("demo")), case.configuration.catalogue
    if isinstance(register.transport, SignedClaimsService):
        return ClaimsProvider(register=register, catalogue=catalogue, fetcher=fetcher, signer=NoSigner())
    ours = entity_id(case.settings.issuer)
    return AttributeAuthority(
        register=register, catalogue=catalogue, entity_id=ours, fetcher=fetcher, signer=NoSigner(), unwrappers=()
    )


def _certificates(register: AttributeRegister) -> Iterator[bytes]:
    """The certificates (DER) of its pinned keys; a JWK may have some (RFC 7517 §4.7)."""
    if isinstance(register.transport, AttributeQueryService):
        yield from read_attribute_authority(register.transport.metadata, register.issuer).certificates
    elif isinstance(register.transport, SignedClaimsService):
        for jwk in json.loads(register.transport.jwks)["keys"]:
            with suppress(ValueError, TypeError, KeyError, IndexError):
                yield base64.b64decode(jwk["x5c"][0])


def _lacking(case: Examination, register: AttributeRegister) -> Iterator[KeyKind]:
    """The kinds of our keys that it takes, and that are not there."""
    if case.keys is None:
        return
    needed = [kinds.SAML_ENCRYPTION]
    if isinstance(register.transport, SignedClaimsService):
        needed = [kinds.OPENID, kinds.OPENID_ENCRYPTION] if register.transport.enc else [kinds.OPENID]
    yield from (kind for kind in needed if kind.name not in case.keys.rings)


def registers(case: Examination, fetcher: PageFetcher, clock: Callable[[], int]) -> Iterator[DoctorFinding]:
    """Looks at each register as it is at that moment."""
    for register in case.configuration.registers.values():
        match register.transport:
            case DatabaseView():
                yield from _view(case, register, register.transport)
            case SignedClaimsService(endpoint=url):
                yield from _server(register, "endpoint", url, fetcher, clock())
            case AttributeQueryService(metadata=metadata):
                with suppress(ValueError):  # the check of what is pinned names it
                    url = read_attribute_authority(metadata, register.issuer).url
                    yield from _server(register, "metadata", url, fetcher, clock())


def _server(register: AttributeRegister, key: str, url: str, fetcher: PageFetcher, now: int) -> Iterator[DoctorFinding]:
    """Whether it can be reached, by its rules and ours, and how long its certificate holds."""
    try:
        answer = fetcher.look(url, networks=register.networks, limit=MAX_ANSWER, timeout=TIMEOUT)
    except FetchError as error:
        if error.check not in _REACHED:
            yield ERROR(register.source, key, f"it cannot be reached: {error.detail}", _NOT_ASKED, error.mend)
            return
    else:
        if answer.status in _AWAY:
            fix = "Ask the register's operator; nothing is wrong on our side."
            yield WARNING(register.source, key, f"{url} answers {answer.status}.", _NOT_ASKED, fix)
        yield from clock_of(register.source, answer.time, now)
    parts = urlsplit(url)
    if parts.scheme == "https" and (found := handshake(parts.hostname or "", parts.port or 443)) is not None:
        dated = Dated(register.source.file, key, f"the certificate of {parts.netloc}", found[2], ERROR, _CUT_OFF, _RENEW)
        yield from dates(dated, now)
        for fault in tls_faults(*found):
            yield WARNING(register.source, key, f"TLS at {parts.netloc}: {fault.what}", _WEAK, _RENEW_TLS)


def _view(case: Examination, register: AttributeRegister, view: DatabaseView) -> Iterator[DoctorFinding]:
    """Asks a database for the columns that we use, and for what our account may do."""
    file = view.password_file
    if file and Path(file).exists() and Path(file).stat().st_mode & 0o077:
        yield WARNING(register.source, "view", "others than its owner may read the password's file.", _LEAKS, _CLOSE)
    secret = partial(load_password, file)
    try:
        asked = RegisterView(register=register, catalogue=case.configuration.catalogue, secret=secret)
        try:
            faults = asked.faults()
        finally:
            asked.close()
    except PeerUnavailable as error:
        yield ERROR(register.source, "view", f"it cannot be read: {error.detail}.", _NOT_ASKED, _UNREAD)
        return
    except Misconfigured as error:
        yield from (case.of_problem(problem, _NOT_ASKED) for problem in error.problems)
        return
    for fault in faults:
        yield WARNING(register.source, "view", fault, _WIDER, _FIX)
