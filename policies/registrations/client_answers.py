"""How a client wants its answers, and what its requests mean where they say nothing.

The keys are those of OpenID Connect Dynamic Client Registration 1.0 §2.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResponseEncryption:
    """How an answer is encrypted to a client: the key's algorithm, and the content's (RFC 7518 §4.1 and §5.1)."""

    alg: str
    enc: str


@dataclass(frozen=True, slots=True)
class ClientAnswers:
    """One client's answers. Every default is what a registration without the key means.

    `userinfo_alg` is "" for plain JSON. `default_max_age` is in seconds. `sector_identifier_uri` is checked by `ciconia
    doctor`, and chooses no sector (decision 0000.27).
    """

    userinfo_alg: str = ""
    userinfo_encryption: ResponseEncryption | None = None
    id_token_encryption: ResponseEncryption | None = None
    require_auth_time: bool = False
    default_max_age: int | None = None
    default_acr_values: tuple[str, ...] = ()
    sector_identifier_uri: str = ""

    @property
    def key_algorithms(self) -> tuple[str, ...]:
        """The algorithms for which the client's JWKS has to hold a key."""
        return tuple(one.alg for one in (self.userinfo_encryption, self.id_token_encryption) if one)
