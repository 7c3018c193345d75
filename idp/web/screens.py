"""The parts of pages that depend on our role: whom a login is for, and the question or the information."""

from typing import Protocol

from idp.login.role import Choices
from idp.login.states import Decided
from idp.pages.views import Text, Towards, WithheldItem
from policies.authentication import Origin, ServiceRequest
from policies.errors import BrokerError
from policies.parties import IdentityProvider, ProviderId


class Screens(Protocol):
    """One tenant's, for its role."""

    @property
    def towards(self) -> Towards:
        """The kind of party to which the way onward leads."""

    @property
    def has_countries(self) -> bool:
        """Whether the citizen chooses among countries: a list that can be searched, and a way back to it."""

    @property
    def of_the_source(self) -> tuple[type[BrokerError], ...]:
        """Errors of a login that are about the identity provider; all others are about the service."""

    def service(self, origin: Origin, language: str) -> Text:
        """The name of the service."""

    def purpose(self, request: ServiceRequest, language: str) -> Text:
        """The words of the list of providers about what the sign-in is for."""

    def narrowed(self, request: ServiceRequest) -> bool:
        """Whether the service or its purpose names countries."""

    def leaves_out(self, request: ServiceRequest) -> bool:
        """Whether the list leaves some out that are not sure enough, and says so."""

    def only(self, request: ServiceRequest, choices: Choices) -> ProviderId | None:
        """The provider that is asked without a list."""

    def counted(self, origin: Origin, provider: IdentityProvider | None) -> str:
        """The country under which the steps of a login are counted."""

    def question(self, decided: Decided, sealed: str, language: str) -> str | bytes:
        """The page that the citizen answers: `sealed` is what its form brings back."""

    def missing(self, decided: Decided, language: str) -> tuple[WithheldItem, ...]:
        """The titles of what the service requires and cannot get."""
