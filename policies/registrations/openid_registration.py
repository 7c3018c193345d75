"""Our own registration at an upstream OpenID provider: how we are known there, and what we agreed on."""

from dataclasses import dataclass

# RFC 7591 §2: the ways to authenticate at its token endpoint that we have
SECRET_METHODS = ("client_secret_basic", "client_secret_post")
METHODS = ("private_key_jwt", *SECRET_METHODS)


@dataclass(frozen=True, slots=True)
class OpenIDRegistration:
    """The provider's register about us: its members are named as in OpenID Connect Dynamic Client Registration 1.0.

    An `..._enc` is a content encryption, "" where nothing is encrypted; a `userinfo_alg` of "" is userinfo in plain JSON.
    """

    client_id: str
    authentication_method: str = "private_key_jwt"
    # asked for besides `openid` and those that a question needs
    scopes: tuple[str, ...] = ()
    id_token_alg: str = "RS256"
    id_token_enc: str = ""
    userinfo_alg: str = ""
    userinfo_enc: str = ""
    # Pushed authorization requests (RFC 9126), signed request objects (RFC 9101), tokens bound to a key (RFC 9449)
    pushed: bool = False
    signed: bool = False
    dpop: bool = False
    # the networks that its addresses may lie in; none: public addresses alone
    networks: tuple[str, ...] = ()

    @property
    def has_secret(self) -> bool:
        """Whether we prove who we are by a shared secret."""
        return self.authentication_method in SECRET_METHODS

    @property
    def signs(self) -> bool:
        """Whether we need a key of ours to ask."""
        return self.signed or not self.has_secret

    @property
    def encrypted(self) -> bool:
        """Whether it encrypts to a key of ours."""
        return bool(self.id_token_enc or self.userinfo_enc)
