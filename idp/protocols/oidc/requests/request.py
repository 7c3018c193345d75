"""An authentication request (OpenID Connect Core §3.1.2.1, RFC 7636, RFC 9700), judged.

First where an answer may go (`addressed`): client and redirect address, byte for byte. What fails there is told to nobody
but the person in front of the screen. Then what is asked (`judged`): whatever fails is an error for the verified address.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from connectors.connector import Inbound
from connectors.signatures.jws import from_base64url
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.protocols.oidc.requests.claims import ClaimsRequest, lowest_level, read_claims
from idp.protocols.oidc.requests.verified_claims import VerifiedRequest
from policies.assurance import LevelOfAssurance, level_named
from policies.assurance.ladders import Vocabulary, asked_level
from policies.attributes import AttributeName
from policies.authentication import AskedAttribute, Origin, ServiceRequest, SharedSignIn
from policies.catalogue import Catalogue
from policies.errors import RequestRefused, about
from policies.parties import ClientId, PurposeId, RelyingParty, ServiceId
from policies.pseudonyms import subject_digest
from policies.purposes import Purpose
from policies.registrations.redirects import is_of_an_app

# This protocol's name in the table of frontends
NAME = "openid"
QUERY, FORM_POST = "query", "form_post"
# JARM §2.3: the answer as one JWT. `jwt` means the default of the response type, which is the query
JWT, QUERY_JWT, FORM_POST_JWT = "jwt", "query.jwt", "form_post.jwt"
RESPONSE_MODES = (QUERY, FORM_POST, JWT, QUERY_JWT, FORM_POST_JWT)
POSTED, SIGNED = frozenset({FORM_POST, FORM_POST_JWT}), frozenset({QUERY_JWT, FORM_POST_JWT})
FORCING = frozenset({"login", "select_account"})
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
# Core §5.4; `offline_access` asks for a refresh token (Core §11)
STANDARD_SCOPES = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
PURPOSE_SCOPE = "purpose:"
# A scope that wants to be a purpose: nobody may get another one than they meant because they misspelt it
LIKE_A_PURPOSE = re.compile(r"purpose(?![a-z])", re.IGNORECASE)
# The figure for one request; state beyond 512 bytes makes the login lie parked (decision 0000.6)
MAX_REQUEST = 100_000
MAX_STATE = 4096
MAX_NONCE = 512
MAX_SCOPE = 1024
MAX_ACR_VALUES = 1024
MAX_UI_LOCALES = 8
CHALLENGE_LENGTH, CHALLENGE_BYTES = 43, 32
# RFC 6749 appendix A.5: a control character would also come back changed from a form
VISIBLE = re.compile(r"[\x20-\x7e]*")
LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
# an acr value of ours: whose citizens the service expects, so that the picker need not ask
COUNTRY = re.compile(r"country:([A-Z]{2})")
SECONDS = re.compile(r"[0-9]{1,9}")
# Core §6 and §3.1.2.6: asked in a way that we do not offer
UNSUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """Where the answer goes, verified: `state` is "" where none was sent, or where it cannot be given back."""

    redirect_uri: str
    response_mode: str
    state: str


@dataclass(frozen=True, slots=True)
class OpenIDRequest(ReturnAddress):
    """The part of a request that only this protocol reads: `Origin.protocol`.

    `nonce` and `code_challenge` are "" where none was sent. `in_id_token` names the attributes that the request wants in
    the id_token (claims.id_token); all others go to userinfo. `dpop_jkt` is the thumbprint of the key that has to
    redeem the code, "" where any may. `offline` asks for a refresh token.
    """

    nonce: str = ""
    code_challenge: str = ""
    in_id_token: tuple[AttributeName, ...] = ()
    dpop_jkt: str = ""
    # elements of verified_claims, and the attributes that were asked for in them alone
    verified: tuple[VerifiedRequest, ...] = ()
    only_verified: tuple[AttributeName, ...] = ()
    offline: bool = False


OPENID_REQUEST = Codec(OpenIDRequest, plain=NEVER_DEFLATED)


def read_protocol(origin: Origin) -> OpenIDRequest:
    """Read what `origin_of` wrote."""
    return OPENID_REQUEST.load(origin.protocol.encode())


def origin_of(party: RelyingParty, request: OpenIDRequest) -> Origin:
    """Where a request came from, and its answer goes."""
    protocol = OPENID_REQUEST.dump(request).decode()
    return Origin(NAME, ServiceId(party.client_id), party.client_id, protocol=protocol)


def addressed(inbound: Inbound, parties: Mapping[ClientId, RelyingParty]) -> tuple[RelyingParty, ReturnAddress]:
    """The client, and where its answer may go. Raises `RequestRefused` for the local page."""
    parameters = inbound.parameters
    size = sum(map(len, parameters)) + sum(map(len, parameters.values()))
    if size > MAX_REQUEST:
        raise RequestRefused(f"The request has {size} characters.", status=413)
    party = parties.get(ClientId(parameters.get("client_id", "")))
    if party is None:
        raise RequestRefused("client_id is absent, or no client has it.")
    redirect_uri = parameters.get("redirect_uri", "")
    # One more slash is another address (CVE-2026-3872)
    if not redirect_uri or not party.takes(redirect_uri):
        with about(party.client_id):
            raise RequestRefused("redirect_uri is absent, or not registered exactly so.")
    mode, state = parameters.get("response_mode", QUERY), parameters.get("state", "")
    usable = len(state) <= MAX_STATE and VISIBLE.fullmatch(state)
    known = mode in RESPONSE_MODES and not _cannot_be_posted(mode, redirect_uri)
    found = QUERY if not known else QUERY_JWT if mode == JWT else mode
    return party, ReturnAddress(redirect_uri, found, state if usable else "")


def judged(
    inbound: Inbound,
    party: RelyingParty,
    address: ReturnAddress,
    purposes: Mapping[PurposeId, Purpose],
    catalogue: Catalogue,
    hinted: Callable[[str], str],
) -> ServiceRequest:
    """Judge the request; `hinted` reads an id_token_hint. Raises `RequestRefused`: the error for the verified address."""
    # RFC 6749 §3.1: a parameter without a value counts as omitted
    parameters = {name: value for name, value in inbound.parameters.items() if value}
    _check_form(parameters)
    _default(parameters, party)
    if _cannot_be_posted(parameters.get("response_mode", QUERY), address.redirect_uri):
        raise RequestRefused("response_mode form_post does not reach the scheme of an app. Leave it out.")
    scopes = _scopes(parameters)
    purpose = _purpose(scopes, party, purposes)
    claims = _claims(parameters, purpose, party, catalogue)
    prompts = _prompts(parameters, party)
    max_age = _max_age(parameters)
    request = OpenIDRequest(
        redirect_uri=address.redirect_uri,
        response_mode=address.response_mode,
        state=address.state,
        nonce=_nonce(parameters),
        code_challenge=_challenge(parameters, party),
        in_id_token=claims.in_id_token,
        dpop_jkt=_dpop_jkt(parameters),
        verified=claims.verified,
        only_verified=_only_verified(scopes, claims, catalogue),
        offline="offline_access" in scopes and party.openid.refreshes,
    )
    return ServiceRequest(
        origin=origin_of(party, request),
        purpose_id=purpose.purpose_id,
        asked=_asked(scopes, claims, catalogue),
        unknown=claims.unknown,
        minimum_assurance=_minimum(parameters, claims, purpose, party.vocabulary),
        contexts=_known(claims.acr, party.vocabulary) if claims.acr_essential else (),
        wished=_wished(parameters, claims, party.vocabulary),
        # To choose among accounts, somebody who is signed in at their country has to be asked there again
        force_authentication=not prompts.isdisjoint(FORCING) or max_age == 0,
        ask_anew="consent" in prompts,
        shared=SharedSignIn(group, passive="none" in prompts) if (group := party.openid.logout.session_group) else None,
        max_age=max_age,
        languages=_ui_locales(parameters),
        country=_country(parameters),
        expected=_expected(parameters.get("id_token_hint", ""), claims.sub, hinted),
    )


def _default(parameters: dict[str, str], party: RelyingParty) -> None:
    """The registration's words where the request says nothing (Dynamic Client Registration §2)."""
    answers = party.openid.answers
    if answers.default_max_age is not None:
        parameters.setdefault("max_age", str(answers.default_max_age))
    values = parameters.get("acr_values", "")
    if answers.default_acr_values and lowest_level(values.split(" "), party.vocabulary) is None:
        parameters["acr_values"] = " ".join((*values.split(), *answers.default_acr_values))


def _expected(hint: str, sub: str, hinted: Callable[[str], str]) -> str:
    """A digest of who has to come, by either way of saying it; "" where anybody may. `sub` is looked up nowhere."""
    found = {*((hinted(hint),) if hint else ()), *((subject_digest(sub),) if sub else ())}
    if len(found) > 1:
        raise RequestRefused("id_token_hint and claims name two persons.", oauth="login_required")
    return next(iter(found), "")


def _cannot_be_posted(mode: str, redirect_uri: str) -> bool:
    """A form that is posted to an app's own scheme loses what is in it."""
    return mode in POSTED and is_of_an_app(redirect_uri)


def _claims(parameters: Mapping[str, str], purpose: Purpose, party: RelyingParty, catalogue: Catalogue) -> ClaimsRequest:
    if "claims" not in parameters:
        return ClaimsRequest()
    needed = [AskedAttribute(name, need.form) for name, need in purpose.needs.items()]
    registered = [AskedAttribute(name, rule.form) for name, rule in party.attributes.items()]
    return read_claims(parameters["claims"], catalogue, {*needed, *registered}, any_age=not party.sphere)


def _check_form(parameters: Mapping[str, str]) -> None:
    for name, error in UNSUPPORTED.items():
        if name in parameters:
            raise RequestRefused(f"The parameter {name} is not supported.", oauth=error)
    if "response_type" not in parameters:
        raise RequestRefused("response_type is absent.")
    if parameters["response_type"] != "code":
        raise RequestRefused("response_type is not code.", oauth="unsupported_response_type")
    if parameters.get("response_mode", QUERY) not in RESPONSE_MODES:
        raise RequestRefused(f"response_mode is none of {', '.join(RESPONSE_MODES)}.")
    state = parameters.get("state", "")
    if len(state) > MAX_STATE or not VISIBLE.fullmatch(state):
        raise RequestRefused(f"state is longer than {MAX_STATE} characters, or not of visible ASCII.")


def _scopes(parameters: Mapping[str, str]) -> frozenset[str]:
    text = parameters.get("scope", "")
    scopes = frozenset(text.split(" ")) - {""}
    if len(text) > MAX_SCOPE or "openid" not in scopes:
        raise RequestRefused("scope lacks openid, or is too long.", oauth="invalid_scope")
    if any(LIKE_A_PURPOSE.match(scope) and not scope.startswith(PURPOSE_SCOPE) for scope in scopes):
        raise RequestRefused("scope has a purpose in another spelling than purpose:ID.", oauth="invalid_scope")
    return scopes


def unknown_scopes(parameters: Mapping[str, str]) -> int:
    """How many scopes of an accepted request mean nothing here, and are ignored (Core §3.1.2.1).

    The log has their number alone: a stranger writes them.
    """
    scopes = frozenset(parameters.get("scope", "").split(" ")) - STANDARD_SCOPES - {""}
    return sum(not scope.startswith(PURPOSE_SCOPE) for scope in scopes)


def _purpose(scopes: frozenset[str], party: RelyingParty, purposes: Mapping[PurposeId, Purpose]) -> Purpose:
    registered = {purpose_id: purposes[purpose_id] for purpose_id in party.purposes if purpose_id in purposes}
    named = [PurposeId(s.removeprefix(PURPOSE_SCOPE)) for s in scopes if s.startswith(PURPOSE_SCOPE)]
    if not named and len(registered) == 1:
        return next(iter(registered.values()))
    if len(named) != 1:
        raise RequestRefused("scope names not exactly one purpose, as purpose:ID.", oauth="invalid_scope")
    if named[0] not in registered:
        raise RequestRefused("scope names a purpose that is not registered for this client.", oauth="invalid_scope")
    return registered[named[0]]


def _challenge(parameters: Mapping[str, str], party: RelyingParty) -> str:
    """The challenge of PKCE; "" where the registration lets a request do without, and a nonce stands in for it.

    One of the two keeps a stolen code from being taken for the victim's sign-in (RFC 9700 §2.1.1).
    """
    if not party.pkce_required and {"code_challenge", "code_challenge_method"}.isdisjoint(parameters):
        if "nonce" not in parameters:
            raise RequestRefused("The request has neither code_challenge nor nonce: one of the two is required.")
        return ""
    # RFC 7636 §4.3: an absent method means plain, which proves nothing
    if parameters.get("code_challenge_method") != "S256":
        raise RequestRefused("PKCE is required: code_challenge_method is not S256.")
    challenge = parameters.get("code_challenge", "")
    if not _is_sha256(challenge):
        raise RequestRefused("PKCE is required: code_challenge is no SHA-256 in base64url.")
    return challenge


def _dpop_jkt(parameters: Mapping[str, str]) -> str:
    """The thumbprint of the key that has to redeem the code (RFC 9449 §10)."""
    thumbprint = parameters.get("dpop_jkt", "")
    if thumbprint and not _is_sha256(thumbprint):
        raise RequestRefused("dpop_jkt is no SHA-256 in base64url.")
    return thumbprint


def _is_sha256(text: str) -> bool:
    try:
        return len(text) == CHALLENGE_LENGTH and len(from_base64url(text)) == CHALLENGE_BYTES
    except ValueError:
        return False


def _nonce(parameters: Mapping[str, str]) -> str:
    nonce = parameters.get("nonce", "")
    if len(nonce) > MAX_NONCE or not VISIBLE.fullmatch(nonce):
        raise RequestRefused(f"nonce is longer than {MAX_NONCE} characters, or not of visible ASCII.")
    return nonce


def _prompts(parameters: Mapping[str, str], party: RelyingParty) -> frozenset[str]:
    prompts = frozenset(parameters.get("prompt", "").split(" ")) - {""}
    if not prompts <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise RequestRefused("prompt has an unknown value, or none together with another.")
    if "none" in prompts and not party.openid.logout.session_group:
        # No session is kept for it: whoever comes has to be asked
        raise RequestRefused("A sign-in without the person is not possible here.", oauth="interaction_required")
    return prompts


def _max_age(parameters: Mapping[str, str]) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not SECONDS.fullmatch(text):
        raise RequestRefused("max_age is no number of seconds.")
    return int(text)


def _ui_locales(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The preferred languages; a wish that cannot be read is no reason to refuse (Core §3.1.2.1)."""
    tags = parameters.get("ui_locales", "").split(" ")
    return tuple(tag for tag in tags if LANGUAGE_TAG.fullmatch(tag))[:MAX_UI_LOCALES]


def _known(names: Iterable[str], known: Vocabulary) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if asked_level(name, known) is not None))


def _wished(parameters: Mapping[str, str], claims: ClaimsRequest, known: Vocabulary) -> tuple[str, ...]:
    """The names that an answer may have, if any is of the client's own ladders: eIDAS names alone mean any level above."""
    names = _known((*claims.acr, *parameters.get("acr_values", "").split(" ")), known)
    return names if any(level_named(name) is None for name in names) else ()


def _minimum(parameters: Mapping[str, str], claims: ClaimsRequest, purpose: Purpose, known: Vocabulary) -> LevelOfAssurance:
    """The level that the country is asked for: what the purpose needs, or the lowest that the request names if higher.

    Values of an essential `acr` must be satisfiable (Core §5.5.1.1); of `acr_values` the known ones count.
    """
    values = parameters.get("acr_values", "")
    if len(values) > MAX_ACR_VALUES:
        raise RequestRefused(f"acr_values is longer than {MAX_ACR_VALUES} characters.")
    essential = lowest_level(claims.acr, known)
    if claims.acr_essential and essential is None:
        raise RequestRefused("No level of the essential acr is known here.", oauth="unmet_authentication_requirements")
    wished = essential or lowest_level(values.split(" "), known) or purpose.minimum_assurance
    return max(purpose.minimum_assurance, wished)


def _country(parameters: Mapping[str, str]) -> str:
    """The country that acr_values names as `country:EE`; other spellings are values that we do not know, and pass."""
    values = parameters.get("acr_values", "").split(" ")
    countries = [found[1] for value in values if (found := COUNTRY.fullmatch(value))]
    if len(countries) > 1:
        raise RequestRefused("acr_values names more than one country.")
    return countries[0] if countries else ""


def _asked(scopes: frozenset[str], claims: ClaimsRequest, catalogue: Catalogue) -> tuple[AskedAttribute, ...]:
    """The attributes that scopes and claims ask for, each once. The role adds what the purpose requires."""
    return catalogue.each_once((*_plain(scopes, claims, catalogue), *claims.asked_verified))


def _plain(scopes: frozenset[str], claims: ClaimsRequest, catalogue: Catalogue) -> tuple[AskedAttribute, ...]:
    """The attributes that are asked for without a condition."""
    by_scope = [catalogue.asked_by_scope(scope) for scope in sorted(scopes)]
    return (*claims.asked, *chain.from_iterable(by_scope))


def _only_verified(scopes: frozenset[str], claims: ClaimsRequest, catalogue: Catalogue) -> tuple[AttributeName, ...]:
    plain = {asked.name for asked in _plain(scopes, claims, catalogue)}
    return tuple(sorted({asked.name for asked in claims.asked_verified} - plain))
