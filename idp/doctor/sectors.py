"""Fetches each `sector_identifier_uri`, and compares it with the registration (OpenID Connect Core §8.1).

The operator assigns the sector, whatever stands at the address (decision 0000.27). So neither a start nor a login waits for
it, and a document that is away or wrong changes nobody's `sub`.
"""

import json
from collections.abc import Iterator

from connectors.addresses import FetchError
from connectors.fetch import HttpAnswer
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding
from idp.doctor.network import OK, PageFetcher
from policies.parties import RelyingParty

KEY = "sector_identifier_uri"
MAX_LIST = 64 * 1024
TIMEOUT = 5.0
_WHY = "It is a claim about whose these addresses are, and nobody can see now whether it holds."


def sectors(case: Examination, fetcher: PageFetcher) -> Iterator[DoctorFinding]:
    """Finds registrations whose document cannot be had, or lacks one of their redirect addresses."""
    asked: dict[str, HttpAnswer | FetchError] = {}
    for party in case.configuration.parties.values():
        uri = party.openid.answers.sector_identifier_uri
        if not uri:
            continue
        if uri not in asked:
            asked[uri] = _asked(fetcher, uri)
        yield from _judged(party, asked[uri])


def _asked(fetcher: PageFetcher, uri: str) -> HttpAnswer | FetchError:
    try:
        # No network of ours is named for it: a service could else have us look into our own
        return fetcher.look(uri, limit=MAX_LIST, timeout=TIMEOUT)
    except FetchError as error:
        return error


def _judged(party: RelyingParty, answer: HttpAnswer | FetchError) -> Iterator[DoctorFinding]:
    if isinstance(answer, FetchError):
        what = f"its document cannot be fetched: {answer.detail}"
        yield WARNING(party.source, KEY, what, _WHY, "Ask its operator, or leave the line out: it chooses nothing.")
        return
    if answer.status != OK:
        what = f"its address answers {answer.status}."
        yield WARNING(party.source, KEY, what, _WHY, "Ask its operator, or leave the line out: it chooses nothing.")
        return
    listed = _list(answer.body)
    missing = [uri for uri in party.redirect_uris if uri not in listed]
    if missing:
        what = f"its document is no JSON list with {missing[0]} in it."
        fix = "Let its operator list every redirect address, sign by sign, or take the address out of the registration."
        yield ERROR(party.source, KEY, what, "An address that the sector does not name may be somebody else's.", fix)


def _list(body: bytes) -> frozenset[str]:
    """The addresses of a document; none where it is no list."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()
