"""A registration's choices about sessions and their end, named as in the OpenID Connect logout specifications."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogoutChoices:
    """The part of a registration that says with whom a service shares a sign-in, and how it hears that one ended.

    `session_group` is "" for a service that shares none: then no session is kept for it. `backchannel_networks` are those
    in which the address of `backchannel_logout_uri` may lie; without any, public addresses alone. Each message that says
    that a session ended names it (`sid`), so what the two keys `..._session_required` ask for is always so. `events_uri`
    takes security event tokens (RFC 8935) about what a person took back; it may lie in the same networks.
    """

    session_group: str = ""
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    backchannel_networks: tuple[str, ...] = ()
    frontchannel_logout_uri: str = ""
    events_uri: str = ""
