"""A registration's choices beyond the code flow, named as in OpenID Connect Dynamic Client Registration 1.0."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenIDClient:
    """One client's choices. Every default is what a registration without the key means.

    `profile` is "core", or "fapi2": the FAPI 2.0 Security Profile, all of it enforced.
    """

    profile: str = "core"
    # Whether its tokens are bound to a key whose possession each use proves (RFC 9449), or to its certificate (RFC 8705)
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False
