"""Checks from outside: what other nodes publish, their clocks, and whether this broker answers under its own address.

The broker's own address may lie in any network, since the operator wrote it; a peer's in those of its registration.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from connectors.addresses import PEER, FetchError
from connectors.fetch import HttpAnswer
from connectors.profiles import EIDAS
from connectors.signatures.parse import MAX_METADATA
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding
from idp.doctor.metadata import published_fault
from idp.ledger.checkpoint import TreeHead, open_note
from idp.protocols.eidas.receiving_node import known_peers
from idp.web.edge import OTHER_HOST, PLAIN_SCHEME
from policies.errors import SignatureInvalid
from policies.parties import Source

EVERYWHERE = ("0.0.0.0/0", "::/0")
TIMEOUT = 10.0
OK, NOT_FOUND = 200, 404
_REACH = "Services and citizens know this broker by this address alone."
_COPY = "Nothing newer of it is taken. A city does not offer a country after two such fetches."
_COMPARE = "Compare entity_id (or metadata_url) with the address that its operator has from `ciconia metadata own`."
_CLOCK_WHY = "Messages are taken for minutes: by a clock that is off they are too old, or not of today."
_TIME = "Set the clock of this machine by NTP; if it is right, tell the operator of the other one."


class PageFetcher(Protocol):
    """The one method of a `Fetcher` that the checks use."""

    def look(self, url: str, *, networks: Sequence[str] = (), limit: int, timeout: float) -> HttpAnswer:
        """See `Fetcher.look`."""


def peers(case: Examination, fetcher: PageFetcher, clock: Callable[[], int]) -> Iterator[DoctorFinding]:
    """Judges what each country's node publishes at that moment as the server would, and compares its clock with ours."""
    for peer in known_peers(case.configuration).values():
        if not peer.metadata_url:
            continue
        try:
            answer = fetcher.look(peer.metadata_url, networks=peer.networks, limit=MAX_METADATA, timeout=TIMEOUT)
        except FetchError as error:
            what = f"its metadata cannot be fetched: {error.detail}"
            yield WARNING(peer.source, "metadata_url", what, _COPY, error.mend)
            continue
        if answer.status != OK:
            what = f"its metadata cannot be fetched: {peer.metadata_url} answers {answer.status}."
            yield WARNING(peer.source, "metadata_url", what, _COPY, _COMPARE if answer.status == NOT_FOUND else PEER)
        elif (fault := published_fault(case, peer, answer.body, clock())) is not None:
            what = f"what it publishes now is refused ({fault.check}): {fault.detail}"
            yield WARNING(peer.source, "metadata_url", what, _COPY, fault.mend)
        yield from clock_of(peer.source, answer.time, clock())


def clock_of(source: Source, time: int | None, now: int) -> Iterator[DoctorFinding]:
    """Compares the clock behind an answer with ours."""
    if time is not None and abs(off := time - now) > EIDAS.skew:
        what = f"its clock is {_apart(off)} ours; {EIDAS.skew} seconds are allowed."
        yield ERROR(source, "clock", what, _CLOCK_WHY, _TIME)


def address(case: Examination, fetcher: PageFetcher, clock: Callable[[], int]) -> Iterator[DoctorFinding]:
    """Checks that we answer under our own address: through the proxy, with our name, our clock and our log."""
    if not case.knows("issuer"):
        return
    issuer, city = case.settings.issuer, case.settings.role == "city"
    url = f"{issuer}/.well-known/openid-configuration" if city else f"{issuer}/eidas/metadata"
    try:
        answer = fetcher.look(url, networks=EVERYWHERE, limit=MAX_METADATA, timeout=TIMEOUT)
    except FetchError as error:
        what = f"{url} cannot be reached from here: {error.detail}"
        fix = f"Is the server started, and the proxy? From another network: curl -i {url}"
        yield case.setting(WARNING, "issuer", what, why=_REACH, fix=fix)
        return
    yield from _through_the_proxy(case, answer, url)
    if answer.time is not None and abs(off := answer.time - clock()) > EIDAS.skew:
        what = f"the clock behind it is {_apart(off)} the one of this machine."
        yield case.setting(ERROR, "issuer", what, why=_CLOCK_WHY, fix=_TIME)
    if answer.status == OK:
        yield from _checkpoint(case, fetcher)


def _apart(seconds: int) -> str:
    return f"{abs(seconds)} seconds {'ahead of' if seconds > 0 else 'behind'}"


def _through_the_proxy(case: Examination, answer: HttpAnswer, url: str) -> Iterator[DoctorFinding]:
    if answer.body == PLAIN_SCHEME:
        what = "the proxy in front does not say that it was asked over https."
        fix = "Let it send X-Forwarded-Proto: https, and name its address in trusted_proxies."
        yield case.setting(ERROR, "trusted_proxies", what, why="Every request is refused.", fix=fix)
    elif answer.body == OTHER_HOST:
        what = "the proxy in front does not pass the host's name on."
        fix = "Let it send Host as it came (nginx: proxy_set_header Host $host;)."
        yield case.setting(ERROR, "issuer", what, why="Every request is refused.", fix=fix)
    elif answer.status != OK:
        what = f"{url} answers {answer.status}."
        yield case.setting(WARNING, "issuer", what, why=_REACH, fix="See the log of the proxy, and of this broker.")
    elif case.settings.role == "city" and _issuer(answer.body) != case.settings.issuer:
        what = "somebody else answers under this address: it names another issuer."
        yield case.setting(
            ERROR, "issuer", what, why=_REACH, fix="See what the name leads to, and where the proxy sends it."
        )


def _issuer(body: bytes) -> object:
    try:
        parsed: object = json.loads(body)
    except ValueError:
        return None
    return parsed.get("issuer") if isinstance(parsed, dict) else None


def _checkpoint(case: Examination, fetcher: PageFetcher) -> Iterator[DoctorFinding]:
    """Checks that our key signed `/log/checkpoint`; before the first record there is none."""
    if case.ledger is None:
        return
    url, why = f"{case.settings.issuer}/log/checkpoint", "Auditors and holders of receipts would see another log than ours."
    try:
        answer = fetcher.look(url, networks=EVERYWHERE, limit=MAX_METADATA, timeout=TIMEOUT)
        if answer.status == NOT_FOUND:
            return
        TreeHead.read(open_note(answer.body, *case.ledger.log.known))
    except FetchError as error:
        what, fix = f"{url} cannot be reached: {error.detail}", "Let the proxy pass /log/ on."
        yield case.setting(WARNING, "issuer", what, why=why, fix=fix)
    except SignatureInvalid as error:
        what = f"{url} is not signed by the key of this folder ({error.check})."
        fix = "Does the server run with another folder? Restore keys/log.key from its backup."
        yield case.setting(ERROR, "issuer", what, why=why, fix=fix)
