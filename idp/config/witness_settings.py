"""The settings about witnesses of other operators: `[[witnesses]]`, and `[witness_policy]`, which says how many must sign.

Only another operator's witness counts (decision 23). So one of our own name or host, and one for practice, is asked and
counts for nothing.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from connectors.addresses import FetchError, judged_url
from idp.ledger.cosignature import WitnessKey, WitnessPolicy, known_witnesses
from policies.errors import SignatureInvalid
from policies.load.table import unreadable
from policies.visible import is_visible

MAX_WITNESSES = 16
ADDRESS = "Write the https address that the witness's operator gave, as https://witness.neighbour.example."
VKEY = "Write the witness's public key as its operator gave it: NAME+ID+KEY, of type 04 (Ed25519) or 06 (ML-DSA-44)."
OPERATOR = "Write the name of the organisation that runs the witness."
NETWORKS = 'Write the networks of a witness without a public address, as ["10.8.0.0/24"].'


def _address(value: str) -> str:
    try:
        judged_url(value, demo=True)
    except FetchError as error:
        raise ValueError(error.detail.removesuffix(".")) from None
    if "?" in value or value.endswith("/"):
        raise ValueError("it has a ? or ends with /, and add-checkpoint is put behind it")
    return value


def _vkey(value: str) -> str:
    try:
        WitnessKey.read(value)
    except SignatureInvalid as error:
        raise ValueError(error.detail) from None
    return value


def _operator(value: str) -> str:
    if unreadable(value) or not is_visible(value):
        raise ValueError("it is no name that somebody can read")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError("it is no network") from None


class WitnessAddress(BaseModel):
    """A witness: where it answers, its public key, and the organisation that runs it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: Annotated[str, AfterValidator(_address)] = Field(description=ADDRESS)
    vkey: Annotated[str, AfterValidator(_vkey)] = Field(description=VKEY)
    operator: Annotated[str, AfterValidator(_operator)] = Field(min_length=1, max_length=256, description=OPERATOR)
    networks: list[Annotated[str, AfterValidator(_network)]] = Field(default=[], max_length=16, description=NETWORKS)

    @property
    def key(self) -> WitnessKey:
        """Its public key."""
        return WitnessKey.read(self.vkey)


class WitnessRule(BaseModel):
    """The number of other operators who must cosign, and what follows if they have not for `max_age_seconds`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    quorum: int = Field(ge=1, le=MAX_WITNESSES, description="Write a whole number from 1 on: how many operators must sign.")
    fail: Literal["open", "closed"] = Field(
        default="open", description='Write "open", or "closed": then releases stop while too few have signed.'
    )
    max_age_seconds: int = Field(default=600, ge=60, le=86400, description="Write a whole number of seconds from 60 on.")


def policy_of(
    witnesses: Sequence[WitnessAddress], rule: WitnessRule | None, *, origin: str, organization: str
) -> WitnessPolicy:
    """The policy of these settings."""
    named = [(each.key, each.operator) for each in witnesses]
    return WitnessPolicy(known_witnesses(named, origin=origin, own=organization), rule.quorum if rule else 0)


def faults_of_witnesses(
    witnesses: Sequence[WitnessAddress], rule: WitnessRule | None, policy: WitnessPolicy, *, demo: bool
) -> Iterator[tuple[str, str, str]]:
    """Settings about witnesses that do not fit together: key, what is wrong, and how to mend it."""
    keys = [each.key.public for each in witnesses]
    if len(set(keys)) != len(keys):
        yield "witnesses", "one key stands there twice.", "Name each witness once: a second name makes no second witness."
    if not demo and any(each.url.startswith("http:") for each in witnesses):
        yield "witnesses", "an address is http.", "Use https; http is for the demo's *.localhost alone."
    able = len(policy.operators)
    if rule is not None and rule.quorum > able:
        what = f"{rule.quorum} operators must sign, and {able} of those named under [[witnesses]] count."
        fix = "Name more witnesses of other operators: one of your own, or under .localhost, never counts."
        yield "witness_policy", what, fix
    if rule is None and able:
        what = "it is missing: nothing says how many of the witnesses must sign."
        yield "witness_policy", what, 'Write [witness_policy] with quorum = 1 and fail = "open", or more.'
