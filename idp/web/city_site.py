"""A city's broker as the web sees it: what a site has beside the logins."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from idp.audit.grants import Grants
from idp.citizen.page import CitizenPage
from idp.login.city_role import CityRole
from idp.protocols.oidc.device import DeviceFrontend
from idp.protocols.oidc.logout_received import ReceivedLogouts
from idp.protocols.oidc.logouts import Logouts
from idp.protocols.oidc.provider import OpenIDProvider
from idp.protocols.oidc.receipt import PartyReceipts
from idp.protocols.oidc.registration import Registrations
from idp.protocols.oidc.trial import Trials
from idp.protocols.saml.bodies import PublishedBodies
from idp.protocols.saml.identity_provider import SamlIdentityProvider
from idp.protocols.saml.landings import Landings
from idp.protocols.saml.logout_asked import ServiceLogouts
from idp.protocols.saml.logout_upstream import UpstreamLogouts
from idp.protocols.saml.logout_visits import Visits
from idp.protocols.saml.programs import Programs
from idp.protocols.saml.unsolicited import Unsolicited
from idp.receipts.citizen import CitizenReceipts
from idp.web.client_certificate import ProxyHeader
from idp.web.own_leg import OwnLeg
from idp.web.page_route import Endpoint
from idp.web.requests import check_navigation
from idp.web.site import Site
from idp.web.threads import threaded


@dataclass(frozen=True, slots=True)
class CitySite(Site):
    """The site of a tenant that serves relying parties."""

    role: CityRole
    openid: OpenIDProvider
    kiosks: DeviceFrontend
    saml: SamlIdentityProvider
    unsolicited: Unsolicited
    programs: Programs
    trials: Trials
    citizen_receipts: CitizenReceipts
    party_receipts: PartyReceipts
    own_leg: OwnLeg
    citizen: CitizenPage
    grants: Grants
    certificates: ProxyHeader
    logouts: Logouts
    service_logouts: ServiceLogouts
    upstream_logouts: UpstreamLogouts
    visits: Visits
    received_logouts: ReceivedLogouts
    landings: Landings
    bodies: PublishedBodies
    # None where no service may register itself
    registrations: Registrations | None = None


def opened(site: CitySite, step: Callable[[CitySite, Request], Response]) -> Endpoint:
    """The endpoint of a page that a person opens: no other site embeds or fetches it."""

    @threaded
    def shown(request: Request) -> Response:
        check_navigation(request)
        return step(site, request)

    return shown
