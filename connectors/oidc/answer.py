"""An OpenID provider's answer, judged: the redirect, the token response, userinfo. Pure: nothing is asked here.

The id_token has a judge of its own (`connectors.id_token`). Each check has its name in
`connectors.checks.OPENID_ANSWER_CHECKS`.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.connector import Inbound
from connectors.fetch import HttpAnswer
from connectors.formats.saml_message import WireAttribute
from connectors.oidc.metadata import NAMES_ISSUER, DiscoveryDocument
from connectors.registered_claims import is_visible, judge_audience, judge_issuer, optional_seconds
from connectors.signatures.jwe import TokenEncryption, check_replicated, opened
from connectors.signatures.jws import VerificationKey, verify
from connectors.wire.claims import Json, read_object
from policies.errors import AssertionRejected, AssuranceTooLow, AuthenticationFailed, PeerUnavailable

MAX_CODE = 2048
# RFC 6750 §2.1, RFC 9110 §5.5: what goes into a header, and fits into one
MAX_ACCESS_TOKEN = 16 * 1024
TYPES_OF_USERINFO = frozenset({"", "JWT"})
SKEW = 60
_OK = 200
# RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core 1.0 §3.1.2.6: what the provider says of the citizen, or of itself ...
_NOT_SIGNED_IN = frozenset(
    ("access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required")
)
_AWAY = frozenset({"temporarily_unavailable", "server_error"})
# ... and of our request: its operator or ours can mend that
_OF_OUR_REQUEST = frozenset(
    ("invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "invalid_request_uri")
) | frozenset(
    ("invalid_request_object", "request_not_supported", "request_uri_not_supported", "registration_not_supported")
)
_OF_TOKENS = frozenset(
    ("invalid_client", "invalid_grant", "unsupported_grant_type", "invalid_dpop_proof", "use_dpop_nonce")
)


@dataclass(frozen=True, slots=True)
class UpstreamTokens:
    """A token response whose form holds (RFC 6749 §5.1). The tokens are nobody's word yet."""

    id_token: str = field(repr=False)
    access_token: str = field(repr=False)
    bound: bool  # whether the access token is bound to our key (DPoP)


# The plan. Each block below has its number.
#  1. It answers this question, in this browser: state, against the sealed one.
#  2. Whom we asked, where it says so (RFC 9207 §2.4): another provider's answer is none.
#  3. No error; a provider's error is told as what it is.
#  4. A code.
def judge_redirect(inbound: Inbound, request_id: str, metadata: DiscoveryDocument) -> str:
    """The code of an authorization response. `state` is a login, which chose the sealed state, a dot, and `request_id`.

    Raises `AssertionRejected` and its kinds, and `PeerUnavailable`.
    """
    said = inbound.parameters
    # 1.
    own = said.get("state", "").partition(".")[2]
    if not request_id or not hmac.compare_digest(own.encode(), request_id.encode()):
        raise AssertionRejected("answer_state", "an answer to another question, or to none")
    # 2.
    issuer = said.get("iss")
    if issuer != metadata.issuer and (issuer is not None or NAMES_ISSUER in metadata.flags):
        raise AssertionRejected(
            "answer_issuer", "an answer of another issuer, or without one where the metadata promises it"
        )
    # 3.
    if "error" in said:
        raise _told(said["error"])
    # 4.
    code = said.get("code", "")
    if "response" in said or not 0 < len(code) <= MAX_CODE or not (code.isascii() and code.isprintable()):
        raise AssertionRejected("answer_code", "neither a code nor an error")
    return code


def _told(error: str) -> AssertionRejected | PeerUnavailable:
    if error in _NOT_SIGNED_IN:
        return AuthenticationFailed("answer_error", f"the provider says {error}")
    if error == "unmet_authentication_requirements":
        return AssuranceTooLow("answer_error", f"the provider says {error}")
    if error in _AWAY:
        return PeerUnavailable(f"the provider says {error}")
    return AssertionRejected("answer_error", f"the provider says {named_error(error)}")


def named_error(error: object) -> str:
    """An error code that a standard names; what else stands there may be a value of somebody."""
    known = _NOT_SIGNED_IN | _AWAY | _OF_OUR_REQUEST | _OF_TOKENS
    return error if isinstance(error, str) and error in known else "an error that no standard names"


def read_json(answer: HttpAnswer, check: str) -> Mapping[str, Json]:
    """The one JSON object of an answer. Raises `AssertionRejected` with this check."""
    if _media_type(answer) != "application/json":
        raise AssertionRejected(check, "an answer that is no application/json")
    try:
        return read_object(answer.body)
    except AssertionRejected as error:
        raise AssertionRejected(check, error.detail) from None


def asks_for_nonce(answer: HttpAnswer) -> str:
    """The nonce that a provider wants in our proof (RFC 9449 §8); "" where it is content, or says none."""
    if answer.status not in (400, 401) or "dpop-nonce" not in answer.headers:
        return ""
    told = answer.headers.get("www-authenticate", "") + answer.body.decode("latin-1")
    return answer.headers["dpop-nonce"] if "use_dpop_nonce" in told else ""


def read_tokens(answer: HttpAnswer, *, dpop: bool) -> UpstreamTokens:
    """Read a token response. Raises `AssertionRejected`: where we agreed on bound tokens, no other is taken."""
    said = read_json(answer, "token_response")
    if answer.status != _OK:
        raise AssertionRejected("token_refused", f"the provider took no code: {named_error(said.get('error'))}")
    kind, access_token, id_token = (said.get(name) for name in ("token_type", "access_token", "id_token"))
    if not isinstance(kind, str) or kind.lower() != ("dpop" if dpop else "bearer"):
        raise AssertionRejected("token_type", "an access token of another type than was agreed on")
    if not isinstance(access_token, str) or not 0 < len(access_token) <= MAX_ACCESS_TOKEN or not _is_token(access_token):
        raise AssertionRejected("token_response", "no access token that a header can hold")
    if not isinstance(id_token, str) or not id_token:
        raise AssertionRejected("token_response", "no id_token")
    return UpstreamTokens(id_token, access_token, dpop)


def _is_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


@dataclass(frozen=True, slots=True)
class ExpectedUserinfo:
    """The facts that userinfo must match. Without `alg` it is plain JSON, and TLS alone says whose."""

    issuer: str
    client_id: str
    subject: str = field(repr=False)
    alg: str = ""
    encrypted: TokenEncryption | None = None


# The plan (OpenID Connect Core 1.0 §5.3.2 and §5.3.4). Each block below has its number.
#  1. It is there, in the form that was agreed on; decrypted and its signature held where that is the form.
#  2. Signed, it says by whom and for whom, and has not ended.
#  3. It is about the person of the id_token.
def judge_userinfo(
    answer: HttpAnswer, keys: Sequence[VerificationKey], expected: ExpectedUserinfo, now: int
) -> Mapping[str, Json]:
    """The claims of a userinfo response. Raises `AssertionRejected` and its kinds."""
    # 1.
    if answer.status != _OK:
        raise AssertionRejected("userinfo_refused", f"userinfo answers {answer.status}")
    if not expected.alg:
        members = read_json(answer, "userinfo_form")
    else:
        if _media_type(answer) != "application/jwt":
            raise AssertionRejected("userinfo_form", "userinfo that is no application/jwt, where it is to be signed")
        token = answer.body.decode("ascii", "replace").strip()
        inside = token if expected.encrypted is None else opened(token, expected.encrypted)
        signed = verify(inside, keys, alg=expected.alg, types=TYPES_OF_USERINFO)
        if expected.encrypted is not None:
            check_replicated(token, signed.members)
        # 2.
        judge_issuer(signed, expected.issuer)
        judge_audience(signed, expected.client_id)
        ends = optional_seconds(signed, "exp")
        if ends is not None and now >= ends + SKEW:
            raise AssertionRejected("token_expired", "userinfo after its end")
        members = signed.members
    # 3.
    subject = members.get("sub")
    if not isinstance(subject, str) or not is_visible(subject) or subject != expected.subject:
        raise AssertionRejected("userinfo_subject", "userinfo of another person than the id_token's, or of nobody")
    return members


def wire_attributes(claims: Mapping[str, Json]) -> tuple[WireAttribute, ...]:
    """Claims as attributes: each by its name, and a member of an object as `address.locality`. Nothing deeper is read."""
    found = [WireAttribute(name, "", _values(value)) for name, value in claims.items()]
    for name, value in claims.items():
        if isinstance(value, dict):
            found += [WireAttribute(f"{name}.{part}", "", _values(inner)) for part, inner in value.items()]
    return tuple(found)


def _values(value: Json) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        # As an attribute of SAML has it: a mandate, whose reader takes no other object
        return tuple(json.dumps(one, sort_keys=True, separators=(",", ":"), ensure_ascii=False) for one in value)
    if isinstance(value, list):
        return tuple(one for one in value if isinstance(one, str)) if all(isinstance(one, str) for one in value) else ()
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, int):
        return (str(value),)
    return (value,) if isinstance(value, str) else ()


def _media_type(answer: HttpAnswer) -> str:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower()
