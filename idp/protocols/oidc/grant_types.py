"""The shared part of the grant types of the token endpoint."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from connectors.wire.claims import Json
from idp.ports import Commits, Unit
from idp.protocols.oidc.client import Authenticated
from idp.protocols.oidc.direct import DirectRequest
from idp.protocols.oidc.parts import OpenIDParts
from policies.errors import Conflict, RequestRefused
from policies.parties import Tenant


class GrantType(Protocol):
    """One way to get tokens: a line in the table of `idp.protocols.oidc.token`."""

    def redeem(self, call: DirectRequest, caller: Authenticated, now: int) -> Mapping[str, Json]:
        """The body of the answer. Raises `RequestRefused` and `StoreUnavailable`.

        Takes the caller's marks, in its unit or by `spending`: an assertion that held is used once.
        """


@contextmanager
def spending(parts: OpenIDParts, caller: Authenticated) -> Iterator[None]:
    """A refusal within spends the caller's assertion, though nothing was issued for it.

    Not where all that it lacks is our nonce: RFC 9449 §8 lets a client repeat the same request with a new proof. Nor of a
    public client, in whose name anybody may ask: what proves nothing costs us no commit.
    """
    try:
        yield
    except RequestRefused as error:
        if error.oauth != "use_dpop_nonce" and not caller.party.public:
            spend(parts.commits, parts.tenant, caller)
        raise


def no_grant(sentence: str) -> RequestRefused:
    """The refusal of a code or token that cannot be redeemed (RFC 6749 §5.2)."""
    return RequestRefused(sentence, oauth="invalid_grant")


def spend(commits: Commits, tenant: Tenant, caller: Authenticated) -> None:
    """Take the mark of the caller's assertion, so that it is used once though nothing was issued for it.

    Raises `RequestRefused` (401 `invalid_client`, or 400 `invalid_dpop_proof`) where it was used before.
    """
    if not caller.marks:
        return
    try:
        commits.commit(Unit(tenant=tenant, marks=caller.marks))
    except Conflict as error:
        raise used_before(error) or error from error


def used_before(error: Conflict) -> RequestRefused | None:
    """The refusal of a caller whose own proof was used before, None where the mark that was lost is of something else.

    Whoever repeats an assertion or a proof may be a thief: nothing of its owner's ends for it.
    """
    match error.kind:
        case "jti":
            return assertion_used()
        case "dpop":
            return proof_used()
        case _:
            return None


def assertion_used() -> RequestRefused:
    """The refusal of an assertion whose mark was taken already."""
    return RequestRefused("The client assertion was used already.", oauth="invalid_client", status=401)


def proof_used(status: int = 400) -> RequestRefused:
    """The refusal of a DPoP proof whose mark was taken already (RFC 9449 §11.1)."""
    return RequestRefused("The DPoP proof was used already.", oauth="invalid_dpop_proof", status=status)
