"""The terms of a login: those of today, bounded by what was in force when it began (`policies.bounded`)."""

from collections.abc import Callable

from idp.login.role import Configurations
from policies.authentication import ServiceRequest
from policies.bounded import Bounded, Terms, bounded, judges_no_higher
from policies.errors import Replayed, RequestRefused
from policies.load import Configuration
from policies.parties import ClientId, IdentityProvider


class TermsOfLogins:
    """One role's. A request says under which number it came."""

    def __init__(self, configurations: Configurations) -> None:
        self._configurations = configurations

    @property
    def number(self) -> int:
        """The number under which a login begins today."""
        return self._configurations.number

    def now(self, request: ServiceRequest) -> Terms:
        """The terms of today. Raises `RequestRefused` if that registration has ended."""
        return _registered(self._configurations.now, request)

    def terms(self, request: ServiceRequest) -> Bounded:
        """The terms of this login. Raises `RequestRefused`, and `Replayed` if it cannot go on after a change."""
        now = self.now(request)
        if (former := self._former(request)) is None:
            return Bounded(now, (now,))
        found = bounded(_registered(former, request), now)
        if found is None:
            raise Replayed("policy_changed", "the purpose or the registration has changed since the login began")
        return found

    def alike(
        self,
        provider: IdentityProvider,
        request: ServiceRequest,
        judges: Callable[[IdentityProvider, IdentityProvider], bool] = judges_no_higher,
    ) -> bool:
        """Whether a provider judges as it did when the login began: by default, no higher."""
        if (former := self._former(request)) is None:
            return True
        before = former.providers.get(provider.provider_id)
        return before is not None and judges(before, provider)

    def _former(self, request: ServiceRequest) -> Configuration | None:
        """The configuration under which a login began; None for that of today. Raises `Replayed` where it is lost."""
        if request.applied in (0, self.number):
            return None
        if (former := self._configurations.former(request.applied)) is None:
            raise Replayed("policy_changed", "nobody knows the configuration under which the login began")
        return former


def _registered(configuration: Configuration, request: ServiceRequest) -> Terms:
    party = configuration.parties.get(ClientId(request.origin.service))
    purpose = configuration.purposes.get(request.purpose_id)
    if party is None or purpose is None or request.purpose_id not in party.purposes:
        raise RequestRefused("relying party or purpose is registered no more", oauth="unauthorized_client")
    return Terms(party, purpose, configuration.catalogue)
