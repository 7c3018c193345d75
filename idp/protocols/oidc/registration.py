"""Dynamic registration and its management (RFC 7591, RFC 7592), behind initial access tokens.

A client that comes this way learns that somebody signed in, at which level, and nothing else (`policies.signed_in`). Its
later changes count once an operator approved it (`ciconia party registered`). Everything that it says is judged by the
reader of `parties/*.toml`. Of what it says nothing is fetched: keys come by value.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from connectors.wire.claims import Json, read_object
from idp.protocols.oidc.access import bearer, challenge
from idp.protocols.oidc.direct import NO_STORE, DirectRequest, JsonAnswer, oauth_error, unavailable
from idp.protocols.oidc.metadata import REGISTRATION_PATH
from idp.store.registered_clients import UNKNOWN_TOKEN, ClientRegister, StoredClient
from policies.catalogue import Catalogue
from policies.errors import AssertionRejected, Misconfigured, Problem, RequestRefused, StoreUnavailable, about
from policies.load.registered import read_registered
from policies.parties import RelyingParty

# Metadata with a key set has some 4 kB
MAX_METADATA = 32 * 1024
SECRET_METHODS = ("client_secret_basic", "client_secret_post")
# What of a client's metadata counts, with what it means where it is left out (RFC 7591 §2, Core Registration §2)
DEFAULTS: Mapping[str, Json] = {
    "token_endpoint_auth_method": "client_secret_basic",
    "id_token_signed_response_alg": "ES256",
    "grant_types": ["authorization_code"],
    "response_types": ["code"],
    "subject_type": "pairwise",
}
KEPT = ("client_name", "redirect_uris", "token_endpoint_auth_signing_alg", "jwks", *DEFAULTS)
# Where another word than ours would change what the client gets
FIXED = ("grant_types", "response_types", "subject_type")
# What would have us fetch something, or believe somebody: never ignored, so that nobody relies on it
REFUSED = {
    "jwks_uri": "invalid_client_metadata",
    "sector_identifier_uri": "invalid_client_metadata",
    "request_uris": "invalid_client_metadata",
    "software_statement": "unapproved_software_statement",
}
SECRET_HASH = "client_secret_sha256"  # a name
# Raises `Misconfigured` where the provider could never answer this client
Judge = Callable[[RelyingParty], None]


class Registrations:
    """One tenant's. `most` clients may be registered at a time."""

    def __init__(self, *, issuer: str, register: ClientRegister, catalogue: Catalogue, judge: Judge, most: int) -> None:
        self._issuer, self._register, self._catalogue, self._judge, self._most = issuer, register, catalogue, judge, most

    def registered(self, call: DirectRequest, now: int) -> JsonAnswer:
        """A client registers itself (RFC 7591 §3)."""
        return self._answered(lambda: self._add(call, now))

    def managed(self, call: DirectRequest, client_id: str) -> JsonAnswer:
        """A client reads, changes or ends its registration (RFC 7592 §2)."""
        return self._answered(lambda: self._manage(call, client_id))

    def _answered(self, act: Callable[[], JsonAnswer]) -> JsonAnswer:
        try:
            return act()
        except RequestRefused as error:
            stranger = error.status == 401  # noqa: PLR2004 # HTTP
            asked = f'{challenge("Bearer", self._issuer)}, error="{error.oauth}"' if stranger else ""
            return oauth_error(error, challenge=asked)
        except StoreUnavailable as error:
            return unavailable(error.detail)

    def _add(self, call: DirectRequest, now: int) -> JsonAnswer:
        # Before anything of a stranger's is judged; it is used up in the transaction that adds the client
        self._register.check_token(_digest(token := _token(call)), now)
        given = _read(call.body)
        client_id, access = f"c-{secrets.token_hex(16)}", secrets.token_urlsafe(32)
        metadata, secret = self._judged(client_id, given, {})
        client = StoredClient(client_id, _text(metadata), _digest(access), now)
        self._register.add(client, _digest(token), self._most, now)
        return self._told(client, 201, access, secret)

    def _manage(self, call: DirectRequest, client_id: str) -> JsonAnswer:
        token, client = _token(call), self._register.client(client_id)
        # In the same words whatever is wrong: a client_id is no secret, but whether it is registered is nobody's business
        if not hmac.compare_digest(_digest(token), client.access if client else b"") or client is None:
            raise RequestRefused(UNKNOWN_TOKEN, oauth="invalid_token", status=401)
        with about(client_id):
            if call.method == "DELETE":
                self._register.remove(client_id)
                return JsonAnswer(204, NO_STORE, {})
            return self._told(client, 200) if call.method == "GET" else self._propose(call, client)

    def _propose(self, call: DirectRequest, client: StoredClient) -> JsonAnswer:
        given = _read(call.body)
        if given.get("client_id") != client.client_id:
            raise _unfit("client_id is not the one that is registered.")
        before = read_object(client.metadata.encode())
        metadata, secret = self._judged(client.client_id, given, before)
        access = secrets.token_urlsafe(32)
        proposed = _text(metadata) if metadata != before else ""
        changed = replace(client, proposed=proposed, access=_digest(access))
        if not self._register.replace(changed, client):
            raise RequestRefused("The registration was changed at the same moment. Try again.", status=409)
        return self._told(changed, 200, access, secret)

    def _judged(self, client_id: str, given: Mapping[str, Json], before: Mapping[str, Json]) -> tuple[dict[str, Json], str]:
        """The metadata that would count, and a new secret if the client has to get one. Raises `RequestRefused`."""
        for name, error in REFUSED.items():
            if name in given:
                raise RequestRefused(f"{name} is not taken: nothing is fetched, and keys come by value.", oauth=error)
        # RFC 7591 §2: null counts as left out, and what we do not know is not there
        metadata = {**DEFAULTS, **{name: given[name] for name in KEPT if given.get(name) is not None}}
        for name in FIXED:
            if metadata[name] != DEFAULTS[name]:
                raise _unfit(f"{name} is not {json.dumps(DEFAULTS[name])}.")
        secret = ""
        if metadata["token_endpoint_auth_method"] in SECRET_METHODS:
            secret = "" if SECRET_HASH in before else secrets.token_urlsafe(32)
            metadata[SECRET_HASH] = hashlib.sha256(secret.encode()).hexdigest() if secret else before[SECRET_HASH]
        party, problems = read_registered(client_id, metadata, self._catalogue)
        try:
            if not problems:
                self._judge(party)
        except Misconfigured as error:
            problems = error.problems
        if problems:
            raise _refused(problems[0])
        return metadata, secret

    def _told(self, client: StoredClient, status: int, access: str = "", secret: str = "") -> JsonAnswer:
        """All that is registered (RFC 7591 §3.2.1); tokens and secrets where they are new, and never again."""
        counts = {name: value for name, value in read_object(client.metadata.encode()).items() if name != SECRET_HASH}
        fresh: dict[str, Json] = {"client_secret": secret, "client_secret_expires_at": 0} if secret else {}
        if access:
            fresh["registration_access_token"] = access
        if client.proposed:
            fresh["pending_approval"] = True
        body: dict[str, Json] = {
            **counts,
            "client_id": client.client_id,
            "client_id_issued_at": client.since,
            "registration_client_uri": f"{self._issuer}{REGISTRATION_PATH}/{client.client_id}",
            **fresh,
        }
        return JsonAnswer(status, NO_STORE, body)


def _token(call: DirectRequest) -> str:
    if not (token := bearer(call.authorization, call.query, {})):
        raise RequestRefused("The request has no token under the scheme Bearer.", oauth="invalid_token", status=401)
    return token


def _read(body: bytes) -> Mapping[str, Json]:
    if len(body) > MAX_METADATA:
        raise RequestRefused("The metadata is too long.", status=413)
    try:
        return read_object(body)
    except AssertionRejected:
        raise _unfit("The body is not one JSON object without repeated members.") from None


def _unfit(sentence: str) -> RequestRefused:
    return RequestRefused(sentence, oauth="invalid_client_metadata")


def _refused(problem: Problem) -> RequestRefused:
    """The fault in the words of the reader of a configuration (RFC 7591 §3.2.2)."""
    oauth = "invalid_redirect_uri" if problem.key.startswith("redirect_uris") else "invalid_client_metadata"
    # RFC 6749 §5.2: the signs of a description
    told = f"{problem.key} {problem.what}".replace('"', "'").replace("\\", "")
    return RequestRefused("".join(sign for sign in told if " " <= sign <= "~"), oauth=oauth)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _text(metadata: Mapping[str, Json]) -> str:
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"))
