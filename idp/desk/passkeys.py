"""Sign-in with a passkey (Web Authentication Level 3), enrolled by a one-time link of the operator.

The passkey itself says whose it is, so no name is typed and none can be guessed. The authenticator must verify its holder:
a stolen one alone opens nothing. The challenge travels sealed in the browser's cookie.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import urandom
from urllib.parse import urlsplit

from connectors.signatures.jws import base64url, from_base64url
from idp.desk.sign_in import Ways
from idp.login.sealing import new_login_id
from idp.store.records.passkeys import PasskeyHolder, PasskeyRegister, link_digest
from idp.web.login_cookies import Cookie
from policies.errors import EXTRAS, Misconfigured, Problem, RequestRefused

try:
    import webauthn
    from webauthn.helpers import exceptions, structs
except ImportError:
    webauthn = None  # type: ignore[assignment]  # without the extra `desk`: `Passkeys` says so

SIGN_IN, ENROL = "passkey", "enrol"
CHALLENGE_BYTES = 32
# Far more than a passkey's answer with a large key
MAX_ANSWER = 16 * 1024


@dataclass(frozen=True, slots=True)
class ProvedPasskey:
    """Somebody whose passkey answered. `once` is the sign-in, which is used once."""

    holder: PasskeyHolder
    once: bytes = field(repr=False)


class Passkeys:
    """Those of one desk. `table` is its table of the settings; `record` puts an enrolment into the ledger.

    Raises `Misconfigured` where the extra `desk` is not installed.
    """

    def __init__(self, table: str, url: str, register: PasskeyRegister, ways: Ways, record: Callable[[str], None]) -> None:
        if webauthn is None:
            what = "passkeys need the extra `desk`, which is not installed."
            raise Misconfigured(
                (Problem("ciconia.toml", 0, f"{table}.passkeys", what, f"{EXTRAS}, or leave passkeys out."),)
            )
        self._table, self._url, self._register, self._ways = table, url, register, ways
        self._host = urlsplit(url).hostname or ""
        self._record = record

    def begin(self, now: int) -> tuple[str, Cookie]:
        """The question to the browser as JSON, and the cookie of this sign-in."""
        challenge = urandom(CHALLENGE_BYTES)
        asked = webauthn.generate_authentication_options(
            rp_id=self._host, challenge=challenge, user_verification=structs.UserVerificationRequirement.REQUIRED
        )
        return webauthn.options_to_json(asked), self._kept(SIGN_IN, challenge, now)

    def receive(self, answer: str, cookies: Mapping[str, str], now: int) -> ProvedPasskey:
        """The auditor whose passkey answered. Raises `Replayed` and `RequestRefused` (403)."""
        login, challenge = self._challenge(SIGN_IN, cookies, now)
        found = self._register.by_credential(_credential(answer))
        if found is None:
            raise RequestRefused("no passkey of the list", status=403, code="passkey")
        try:
            verified = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._url,
                credential_public_key=found.public_key,
                credential_current_sign_count=found.uses,
                require_user_verification=True,
            )
        except (exceptions.WebAuthnException, ValueError, TypeError, KeyError) as error:
            raise RequestRefused(f"a passkey's answer that does not hold ({type(error).__name__})", status=403) from None
        if not self._register.used(found, verified.new_sign_count):
            raise RequestRefused("a passkey that was used or taken out meanwhile", status=403)
        return ProvedPasskey(found, login)

    def begin_enrolment(self, now: int) -> tuple[str, Cookie]:
        """The question to the browser as JSON, and the cookie of this enrolment."""
        challenge = urandom(CHALLENGE_BYTES)
        asked = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name=self._host,
            user_name=f"{self._table} at {self._host}",
            challenge=challenge,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
        )
        return webauthn.options_to_json(asked), self._kept(ENROL, challenge, now)

    def enrol(self, token: str, answer: str, cookies: Mapping[str, str], now: int) -> PasskeyHolder:
        """Enrol a new passkey by the token of a link. Raises `Replayed` and `RequestRefused` (403)."""
        _, challenge = self._challenge(ENROL, cookies, now)
        if len(answer) > MAX_ANSWER:
            raise RequestRefused("a passkey's answer that is too long", status=403)
        try:
            verified = webauthn.verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._url,
                require_user_verification=True,
            )
        except (exceptions.WebAuthnException, ValueError, TypeError, KeyError) as error:
            raise RequestRefused(f"a new passkey that does not hold ({type(error).__name__})", status=403) from None
        key = verified.credential_id, verified.credential_public_key, verified.sign_count
        found = self._register.enrol(link_digest(token), *key, now, self._record)
        if found is None:
            raise RequestRefused("a link that was used, has ended, or was never given", status=403, code="enrolment")
        return found

    def _kept(self, way: str, challenge: bytes, now: int) -> Cookie:
        return self._ways.keep(way, new_login_id(), {"challenge": base64url(challenge)}, now, "Strict")

    def _challenge(self, way: str, cookies: Mapping[str, str], now: int) -> tuple[bytes, bytes]:
        login, said = self._ways.read(way, cookies, now)
        return login.encode(), from_base64url(str(said["challenge"]))


def _credential(answer: str) -> bytes:
    """The id of the passkey that an answer claims to be of; b"" where it names none."""
    try:
        said = json.loads(answer) if len(answer) <= MAX_ANSWER else {}
        return from_base64url(said["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return b""
