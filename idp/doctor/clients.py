"""Registrations that take a protection away for a service's library, and algorithms that do not fit."""

import json
from collections.abc import Iterator, Mapping

from connectors.addresses import FetchError
from connectors.fetch import HttpAnswer
from connectors.signatures.jws import verification_key
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.doctor.network import OK, PageFetcher
from policies.errors import SignatureInvalid
from policies.load.lines import KeyLines
from policies.parties import ASSERTION_LIFE, RelyingParty
from policies.registrations.redirects import is_of_an_app

_RSA = ("RS256", "PS256")
_METHOD, _ID_TOKEN_ALG = "token_endpoint_auth_method", "id_token_signed_response_alg"


def clients(case: Examination) -> Iterator[DoctorFinding]:
    """Finds each protection that a registration goes without, and each algorithm that nobody can meet."""
    for party in case.configuration.clients.values():
        for key, what, why, fix in (*_weaker(party), *_expecting(party)):
            yield DoctorFinding(NOTICE, party.source.file, _line(case, party, key), key, what, why, fix)
    yield from _signers(case)


def _weaker(party: RelyingParty) -> Iterator[tuple[str, str, str, str]]:
    """Yields key, what, why and fix for each protection that a registration goes without."""
    if party.public:
        what = "it is a public client: it has no secret."
        why = "Anybody can use its name: PKCE and its registered addresses alone bind an answer to it (RFC 8252 §8.4)."
        yield "public", what, why, "Nothing, for an app in a browser or on a device. A server's app should have a secret."
    if any(map(is_of_an_app, party.redirect_uris)):
        what = "it is answered at a scheme of an app."
        why = "Another app on the same device can claim the scheme, and get the code, though not redeem it (RFC 8252 §8.1)."
        yield "redirect_uris", what, why, "Where the system has https app links, register one of these in its place."
    if not party.pkce_required:
        what = "its requests may come without PKCE, with a nonce in its place."
        why = (
            "Whether a stolen code is noticed then depends on whether the service compares the nonce, which we cannot see."
        )
        yield "pkce", what, why, "Remove the line when its library has PKCE."
    if party.authentication_method == "client_secret_post":
        what = "its secret comes in the form."
        why = "Programs log forms more often than headers (RFC 6749 §2.3.1)."
        yield _METHOD, what, why, 'Write "client_secret_basic" when its library can send that.'
    if party.assertion_audience == "token_endpoint":
        what = "its client assertions may name the token endpoint."
        why = "A hostile provider that calls our token endpoint its own gets an assertion that we take (CVE-2025-27370)."
        fix = "Remove the line when its library names the issuer alone. Until then it should know no other provider."
        yield "assertion_audience", what, why, fix
    if party.assertion_life > ASSERTION_LIFE:
        what = f"its client assertions may live for {party.assertion_life} seconds."
        why = "Whoever steals one that was not used yet has so much longer to use it."
        yield "assertion_life", what, why, "Remove the line when its library makes shorter ones."
    if party.claims_in_id_token:
        what = "its id_tokens hold what the citizen released."
        why = "Libraries keep id_tokens longer than claims, some in a cookie or an address (id_token_hint)."
        yield "claims_in_id_token", what, why, "Remove the line when its library asks userinfo."


def _expecting(party: RelyingParty) -> Iterator[tuple[str, str, str, str]]:
    """Finds a library that signs with RSA: it mostly expects RS256, the default of OpenID Connect."""
    if (
        party.authentication_method == "private_key_jwt"
        and party.authentication_alg in _RSA
        and party.id_token_alg == "ES256"
    ):
        what = f"it signs with {party.authentication_alg}, and gets id_tokens of ES256: its library seems to expect RS256."
        why = "A library that expects another algorithm refuses every id_token, and tells us nothing."
        fix = 'Tell its library ES256, or write id_token_signed_response_alg = "RS256".'
        yield _ID_TOKEN_ALG, what, why, fix


def _signers(case: Examination) -> Iterator[DoctorFinding]:
    """Finds keys that cannot sign as their name says: a file that holds a key of another type loads all the same."""
    if case.keys is None:
        return
    asking: Mapping[str, list[str]] = {"ES256": [], "RS256": []}
    for party in case.configuration.clients.values():
        asking.get(party.id_token_alg, []).append(party.client_id)
    for alg, ring in (("ES256", case.keys.es256), ("RS256", case.keys.rs256)):
        for each in ring.scheduled:
            try:
                verification_key(each.key.public_key, alg, each.key.key_id)
            except SignatureInvalid as error:
                named = ", ".join(asking[alg])
                severity = ERROR if named else WARNING
                what = f"no machine can sign {alg} with it: {error.detail}."
                why = (
                    f"Each sign-in at {named} fails after the citizen approved."
                    if named
                    else "/jwks names it all the same."
                )
                again = f"`ciconia keys rotate {alg.lower()} --now`"
                fix = f"Restore it from its backup, or make another with {again}, and delete it."
                file = case.name(case.settings.key_folder / each.file)
                yield severity(file, each.file, what, why, fix)


def _line(case: Examination, party: RelyingParty, key: str) -> int:
    """The line of a registration's key; the first line where it is left out."""
    text = case.files[party.source.file].decode("utf-8").replace("\r\n", "\n")
    return KeyLines(text).line((key,))


# Fetches each `sector_identifier_uri`, and compares it with the registration (OpenID Connect Core §8.1).
#
# The operator assigns the sector, whatever stands at the address (decision 0000.27). So neither a start nor a login waits
# for it, and a document that is away or wrong changes nobody's `sub`.

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
