"""A country's sending node as the web sees it: other countries' nodes ask, its own citizens pass through."""

from dataclasses import dataclass

from idp.endpoints.logins import Logins
from idp.endpoints.site import Site
from idp.node.broker import NodeBroker
from idp.node.login import NodeAsked, NodeRequested
from idp.pages.views import Text
from idp.responders.eidas import ProxyService
from policies.catalogue import Catalogue
from policies.parties import RequestingNode


@dataclass(frozen=True, slots=True)
class NodeSite(Site):
    """The site of a tenant that answers other countries' nodes."""

    broker: NodeBroker
    proxy: ProxyService
    logins: Logins[NodeRequested | NodeAsked]
    catalogue: Catalogue

    def country(self, node: RequestingNode, language: str) -> Text:
        """The name of the country that asks, in the reader's language, for a sentence."""
        said = self.wording(language).language
        return Text(said.country_in_a_sentence(node.peer.country), said.tag)
