"""A registration's tokens: refresh tokens, and the resource servers that may ask about access tokens."""

from dataclasses import dataclass

# RFC 6749 §10.4 leaves the life of a refresh token to us: a day, and thirty where a registration says so. Its sealing keys
# are kept that long (`idp.keys.hourly_keys`)
REFRESH_LIFE, LONGEST_REFRESH_LIFE = 24 * 3600, 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class TokenChoices:
    """One client's choices. Every default is what a registration without the key means.

    A `resource_server` asks about tokens (RFC 7662) and has none: it signs nobody in. `introspection_alg` is the algorithm
    of its signed answers (RFC 9701).
    """

    # the seconds from a sign-in to the end of its refresh tokens
    refresh_life: int = REFRESH_LIFE
    # client_ids of the resource servers that may ask about this client's tokens
    resource_servers: tuple[str, ...] = ()
    resource_server: bool = False
    introspection_alg: str = "RS256"
