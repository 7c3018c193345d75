"""The options of `ciconia inspect`: an expectation from a configuration, or by hand, which has to fit together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from connectors.profiles import EIDAS, SAML2INT, STORK, Profile
from idp.ledger.operator_records import MAX_REASON, is_reason
from policies.assurance import LevelOfAssurance
from policies.errors import BrokerError

T = TypeVar("T")
_EPOCH = re.compile(r"[0-9]{1,11}")


class MessageKind(StrEnum):
    """The kinds of files that can be inspected."""

    RESPONSE = "response"
    METADATA = "metadata"
    ID_TOKEN = "id-token"
    AUTHN_REQUEST = "authn-request"
    LOGOUT_REQUEST = "logout-request"
    LOGOUT_RESPONSE = "logout-response"
    REDIRECT = "redirect"
    CLIENT_ASSERTION = "client-assertion"


@dataclass(frozen=True, slots=True)
class Options:
    """Each option of the command that is part of an expectation; an option that was not given is None, or False."""

    kind: MessageKind
    now: int  # seconds since the epoch
    profile: str | None = None
    config: Path | None = None
    party: str | None = None
    idp_metadata: Path | None = None
    sp_metadata: Path | None = None
    metadata: Path | None = None
    destination: str | None = None
    audience: str | None = None
    acs: str | None = None
    country: str | None = None
    request_id: str | None = None
    sp_key: Path | None = None
    minimum_loa: LevelOfAssurance | None = None
    trust: Path | None = None
    jwks: Path | None = None
    issuer: str | None = None
    client: str | None = None
    nonce: str | None = field(default=None, repr=False)
    alg: str | None = None
    max_age: int | None = None
    access_token: Path | None = None
    unsafe_decrypt: bool = False
    reason: str | None = None
    second_opinion: bool = False

    @property
    def given(self) -> frozenset[str]:
        """The names of the options that were given."""
        names = (each.name for each in fields(self) if each.name not in ("kind", "now"))
        return frozenset(name for name in names if getattr(self, name) is not None and getattr(self, name) is not False)

    def left_open(self, open_ends: Mapping[str, str]) -> tuple[str, ...]:
        """The words of those checks whose option, by its name, was not given."""
        return tuple(word for word, name in open_ends.items() if getattr(self, name) is None)


PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (SAML2INT, EIDAS, STORK)}
_SAML = frozenset({"profile"})
# Another implementation reads XML, and the signatures that stand in it
_XML = _SAML | {"second_opinion"}
_FROM = _SAML | {"config", "party"}
_DECRYPTING = frozenset({"unsafe_decrypt", "reason"})
_OF_RESPONSE = frozenset({"request_id", "minimum_loa"})
# By kind, the options that must and those that may be given by hand; a configuration says the rest
_BY_HAND: Mapping[MessageKind, tuple[frozenset[str], frozenset[str]]] = {
    MessageKind.RESPONSE: (
        frozenset({"idp_metadata", "audience", "acs"}),
        _XML | _OF_RESPONSE | _DECRYPTING | {"sp_key", "config"},
    ),
    MessageKind.METADATA: (frozenset({"trust"}), _XML),
    MessageKind.AUTHN_REQUEST: (frozenset({"sp_metadata", "destination"}), _XML),
    MessageKind.LOGOUT_REQUEST: (frozenset({"metadata", "destination"}), _XML),
    MessageKind.LOGOUT_RESPONSE: (frozenset({"metadata", "destination"}), _XML | {"request_id"}),
    MessageKind.REDIRECT: (frozenset({"metadata", "destination"}), _SAML | {"request_id"}),
    MessageKind.ID_TOKEN: (
        frozenset({"jwks", "issuer", "audience", "alg"}),
        _SAML | {"nonce", "minimum_loa", "max_age", "access_token"},
    ),
    MessageKind.CLIENT_ASSERTION: (frozenset({"jwks", "client", "audience", "alg"}), _SAML),
}
# STORK has no metadata: its keys and names are given one by one
_OF_STORK = frozenset({"profile", "trust", "issuer", "acs", "country"})
_STORK_BY_HAND: Mapping[MessageKind, tuple[frozenset[str], frozenset[str]]] = {
    MessageKind.RESPONSE: (
        _OF_STORK | {"audience"},
        _OF_RESPONSE | _DECRYPTING | {"second_opinion", "sp_key", "config"},
    ),
    MessageKind.AUTHN_REQUEST: (_OF_STORK | {"destination"}, frozenset({"second_opinion"})),
}
_CONFIGURED: Mapping[MessageKind, frozenset[str]] = {
    MessageKind.RESPONSE: _FROM | _XML | _OF_RESPONSE | _DECRYPTING,
    MessageKind.METADATA: _FROM | _XML,
    MessageKind.AUTHN_REQUEST: _FROM | _XML,
    MessageKind.REDIRECT: _FROM,
    MessageKind.CLIENT_ASSERTION: _FROM,
}

_NEVER_EMPTY = ("audience", "acs", "country", "issuer", "client", "destination", "request_id", "nonce")


def check(options: Options) -> None:
    """Raises `BrokerError`, in one sentence, for options that do not fit together."""
    kind, given = options.kind, options.given
    # Beside a key, a configuration alone says in whose ledger its use is recorded
    configured = options.party is not None or (options.config is not None and options.sp_key is None)
    if configured:
        if kind not in _CONFIGURED:
            raise could_not(f"a configuration says nothing of `--as {kind}` yet: give the expectation by hand.")
        required, taken = frozenset({"config", "party"}), _CONFIGURED[kind]
    elif options.profile == STORK.name:
        if kind not in _STORK_BY_HAND:
            raise could_not(f"STORK has no `{kind}`: it has {' and '.join(_STORK_BY_HAND)}.")
        required, taken = _STORK_BY_HAND[kind]
    else:
        required, taken = _BY_HAND[kind]
    if missing := required - given:
        other = " or `--config DIR --from PARTY`" if kind in _CONFIGURED and not configured else ""
        raise could_not(f"`--as {kind}` needs {_spelled(missing)}{other}: what is expected is never guessed.")
    if surplus := given - required - taken:
        raise could_not(f"{_spelled(surplus)} says nothing beside {'--config' if configured else f'--as {kind}'}.")
    if empty := [name for name in _NEVER_EMPTY if getattr(options, name) == ""]:
        raise could_not(f"{_spelled(empty)} is empty, and empty matches nothing.")
    if options.unsafe_decrypt and not is_reason(options.reason or ""):
        raise could_not(f"--unsafe-decrypt needs --reason TEXT: up to {MAX_REASON} characters on one line, for the record.")
    if options.reason is not None and not options.unsafe_decrypt:
        raise could_not("--reason is the reason of --unsafe-decrypt.")


def read_time(text: str) -> int:
    """The time of `--at` (seconds since the epoch, or ISO 8601, in UTC by default) in seconds. Raises `BrokerError`."""
    if _EPOCH.fullmatch(text):
        return int(text)
    try:
        found = datetime.fromisoformat(text)
        seconds = int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        seconds = -1
    if seconds < 0:
        raise could_not("--at is a time such as 2026-11-25T12:00:00Z, or seconds since 1970.")
    return seconds


def given(value: T | None) -> T:
    """The value, which `check` made sure of. Raises `BrokerError` for None."""
    if value is None:
        raise could_not("something of the expectation is missing.")
    return value


def could_not(detail: str) -> BrokerError:
    """The error of a command that cannot run so and says nothing about any file."""
    return BrokerError(detail, code="could_not_run", public="The inspection could not run.")


def _spelled(names: frozenset[str] | list[str]) -> str:
    return ", ".join(f"--{'from' if name == 'party' else name.replace('_', '-')}" for name in sorted(names))
