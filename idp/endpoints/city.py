"""A city's broker as the web sees it: what a site has beside the logins."""

from dataclasses import dataclass

from idp.citizen_receipts import CitizenReceipts
from idp.city import CityRole
from idp.endpoints.site import Site
from idp.responders.oidc import OpenIDProvider
from idp.responders.oidc_receipt import PartyReceipts


@dataclass(frozen=True, slots=True)
class CitySite(Site):
    """The site of a tenant that serves relying parties."""

    role: CityRole
    openid: OpenIDProvider
    citizen_receipts: CitizenReceipts
    party_receipts: PartyReceipts
