"""A registration's choices beyond the code flow, named as in OpenID Connect Dynamic Client Registration 1.0."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenIDClient:
    """One client's choices. Every default is what a registration without the key means.

    `profile` is "core", or "fapi2": the FAPI 2.0 Security Profile, all of it enforced.
    """

    profile: str = "core"
