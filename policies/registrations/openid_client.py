"""A registration's choices beyond the code flow, named as in OpenID Connect Dynamic Client Registration 1.0."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.registrations.client_answers import ClientAnswers
from policies.registrations.client_tokens import TokenChoices
from policies.registrations.logout import LogoutChoices

# RFC 8628 §3.4: the one grant type by which a kiosk gets what its citizen approved on a device of their own
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH_TOKEN = "refresh_token"

CORE, FAPI2 = "core", "fapi2"


@dataclass(frozen=True, slots=True)
class OpenIDClient:
    """One client's choices. Every default is what a registration without the key means.

    `profile` is "core", or "fapi2": the FAPI 2.0 Security Profile, all of it enforced.
    """

    profile: str = CORE
    # Whether each of its requests is pushed first (RFC 9126 §6), or comes signed (RFC 9101 §10.5)
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    # the one algorithm of its request objects; "" takes none of them
    request_object_signing_alg: str = ""
    # what signs the answers that it asks for as a JWT; "" is what signs its id_tokens
    authorization_signed_response_alg: str = ""
    # Whether its tokens are bound to a key whose possession each use proves (RFC 9449), or to its certificate (RFC 8705)
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False
    answers: ClientAnswers = field(default_factory=ClientAnswers)
    # With whom it shares a sign-in, and how it hears that one ended
    logout: LogoutChoices = field(default_factory=LogoutChoices)
    # Which tokens it has, and who may ask about them
    tokens: TokenChoices = field(default_factory=TokenChoices)
    # for tls_client_auth: which name its certificate has (`subject_dn`, `san_dns` and so on), and the name; else ""
    tls_client_auth: tuple[str, str] = ("", "")
    # What it may redeem at the token endpoint
    grant_types: tuple[str, ...] = ("authorization_code",)
    # The place of its kiosk by language, which the citizen reads; none for a client without the device code
    place: Mapping[str, str] = field(default_factory=dict)

    @property
    def refreshes(self) -> bool:
        """Whether a sign-in that asks for it leaves a refresh token."""
        return REFRESH_TOKEN in self.grant_types

    @property
    def is_fapi2(self) -> bool:
        """Whether the FAPI 2.0 Security Profile is enforced."""
        return self.profile == FAPI2

    @property
    def pushes(self) -> bool:
        """Whether a request counts that it pushed first, and no other (FAPI 2.0 Security Profile §5.3.2.2)."""
        return self.require_pushed_authorization_requests or self.is_fapi2

    @property
    def is_bound(self) -> bool:
        """Whether its access tokens are of use to nobody else."""
        return self.dpop_bound_access_tokens or self.tls_client_certificate_bound_access_tokens

    @property
    def is_kiosk(self) -> bool:
        """Whether its citizens sign in on a device of their own (RFC 8628)."""
        return DEVICE_CODE in self.grant_types
