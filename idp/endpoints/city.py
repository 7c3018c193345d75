"""A city's broker as the web sees it: relying parties, the citizen's logins, and the country picker."""

from dataclasses import dataclass

from idp.broker import Broker
from idp.citizen_receipts import CitizenReceipts
from idp.endpoints.logins import Logins
from idp.endpoints.site import Site
from idp.login import Asked, Requested
from idp.pages.views import Text
from idp.pages.wording import text_in
from idp.responders.oidc import OpenIDProvider
from idp.responders.oidc_receipt import PartyReceipts
from policies.authentication import AuthenticationRequest
from policies.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class CitySite(Site):
    """The site of a tenant that serves relying parties."""

    broker: Broker
    openid: OpenIDProvider
    logins: Logins[Requested | Asked]
    catalogue: Catalogue
    citizen_receipts: CitizenReceipts
    party_receipts: PartyReceipts

    def service(self, asked: AuthenticationRequest, language: str) -> Text:
        """The title of the relying party."""
        return text_in(self.broker.registered(asked)[0].title, language)
