"""A session's memory of an identity provider's word, and the assertion that it still stands for.

It has the person's identifier, the level and when they signed in, and no attribute. So whoever goes on in a session gets
what follows from those three, and nothing else of the person.
"""

from dataclasses import dataclass, field

from policies.assurance import LevelOfAssurance
from policies.authentication import Assertion, Offered, Scoping, SourceSession
from policies.bounded import judging
from policies.parties import EntityId, IdentityProvider, ProviderId, SubjectNamespace


@dataclass(frozen=True, slots=True)
class RememberedSignIn:
    """A sign-in: provider, person, level and time (0: not known). `upstream` is the provider's name of its session, or "".

    `judging` is the digest of the registration by which the level and the namespace are what they are. `session_ends`: when
    the provider's own session is over (0: nothing said). `at_source` is that session as a logout there names it.
    """

    provider_id: ProviderId
    issuer: EntityId
    namespace: SubjectNamespace
    subject: str = field(repr=False)
    loa: LevelOfAssurance
    authenticated_at: int
    upstream: str = field(default="", repr=False)
    judging: bytes = b""
    session_ends: int = 0
    # the entity id of the public body in whose name it was asked for; "" in our own
    speaks_as: str = ""
    at_source: SourceSession | None = None
    # the level as the provider named it; "" in a session of before
    said: str = ""


def remembered(assertion: Assertion, provider: IdentityProvider, speaks_as: str = "") -> RememberedSignIn:
    """The part of an assertion that a session remembers, by the registration that judged it."""
    return RememberedSignIn(
        provider_id=assertion.provider_id,
        issuer=assertion.issuer,
        namespace=assertion.namespace,
        subject=assertion.subject,
        loa=assertion.offered.loa,
        authenticated_at=assertion.authenticated_at,
        upstream=assertion.session,
        judging=judging(provider),
        session_ends=assertion.session_ends,
        speaks_as=speaks_as,
        at_source=assertion.at_source,
        said=assertion.said,
    )


def tells_enough(scoping: Scoping, provider: IdentityProvider) -> bool:
    """Whether a session may answer within these bounds: it does not know who stood behind its provider, nor how many."""
    return scoping.proxy_count is None and (not scoping.providers or provider.entity_id in scoping.providers)


def resumed(signed_in: RememberedSignIn, login: str, now: int) -> Assertion:
    """The assertion that a session stands for in one login: the provider's word, without an attribute."""
    return Assertion(
        provider_id=signed_in.provider_id,
        issuer=signed_in.issuer,
        namespace=signed_in.namespace,
        subject=signed_in.subject,
        offered=Offered({}, signed_in.loa),
        response_id=f"session of {login}",
        assertion_id=f"session of {login}",
        authenticated_at=signed_in.authenticated_at,
        not_on_or_after=now,
        said=signed_in.said,
    )
