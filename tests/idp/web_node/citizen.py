"""A citizen's browser in front of a sending node: it follows nothing by itself, and sends whatever it is told to send."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from connectors.formats.eidas.request import EidasRequest
from idp.demo.citizens import Citizen
from tests.idp.web.visitor import Answer, WebBrowser, query_of
from tests.idp.web_node.peer import Opened, PeerNode
from tests.idp.web_node.stage import NodeStage


class Browser(WebBrowser[NodeStage]):
    """One browser of a citizen whom another country's node sends here."""

    # -- the way through ---------------------------------------------------------------------------------------------------

    def posts(self, fields: Mapping[str, str]) -> Answer:
        """Another node's form, from its own origin."""
        return self.go("POST", "/eidas/sso", fields=fields, headers={"origin": "null", "sec-fetch-site": "cross-site"})

    def follows(self, query: str) -> Answer:
        """Another node's redirect."""
        return self.go("GET", f"/eidas/sso?{query}", headers={"sec-fetch-site": "cross-site"})

    def asks(self, relay_state: str = "", *, peer: PeerNode | None = None, **changes: object) -> Answer:
        """A request of `nl` (or `peer`) that is accepted, but for `changes`, by POST."""
        return self.posts((peer or self.stage.nl).posted(self.request(peer=peer, **changes), relay_state))

    def request(self, *, peer: PeerNode | None = None, **changes: object) -> EidasRequest:
        """The request itself."""
        return (peer or self.stage.nl).request(self.stage.sso_url, self.stage.clock(), **changes)

    def signs_in(self, leaving: Answer, who: str | Citizen | None = "mari", provider: str = "national") -> dict[str, str]:
        """At the identity provider that `leaving` leads to: what it posts back."""
        assert leaving.status == 303, leaving.text
        url = leaving.headers["location"]
        assert url.startswith(self.stage.providers[provider].base + "/sso"), url
        return self.stage.answer(query_of(url), urlsplit(url).query, who, provider)

    def returns(self, fields: Mapping[str, str], jar: Mapping[str, str] | None = None) -> Answer:
        """Back from the identity provider, by its cross-site form, to which Strict cookies do not go."""
        return self.comes_back("/saml/acs", "http://national.localhost:8498", fields, jar=jar)

    def chooses(self, leaving: Answer, provider: str = "national") -> Answer:
        """Choose a provider, if there is a list."""
        links = leaving.found("//a[contains(@href, '/at/')]/@href") if leaving.status == 200 else []
        return self.go("GET", next(link for link in links if link.endswith(f"/{provider}"))) if links else leaving

    def informed(
        self,
        who: str | Citizen | None = "mari",
        relay_state: str = "",
        *,
        peer: PeerNode | None = None,
        provider: str = "national",
        **changes: object,
    ) -> Answer:
        """All the way to the page that informs."""
        leaving = self.chooses(self.asks(relay_state, peer=peer, **changes), provider)
        page = self.returns(self.signs_in(leaving, who, provider))
        assert page.status == 200, page.text
        return page

    def acts(self, page: Answer, place: str) -> Answer:
        """Choose for whom, by the place on that page: the page that informs."""
        fields = {**page.fields, "acting": place, "page": "acting"}
        return self.go("POST", f"/login/{page.fields['login']}/language", fields=fields)

    def decides(self, page: Answer, choice: str = "continue", **changes: str) -> Answer:
        """Press a button of that page, and go on from the last one."""
        return self.goes_on(self.presses(page, choice, **changes))

    def presses(self, page: Answer, choice: str = "continue", **changes: str) -> Answer:
        """Press a button of that page: the last page, where there is one."""
        fields = {**page.fields, "choice": choice, **changes}
        return self.lands(self.go("POST", f"/login/{page.fields['login']}/decision", fields=fields))

    def opened(self, page: Answer, peer: PeerNode | None = None) -> Opened:
        """Open the answer that a page posts to the node that asked."""
        node = peer or self.stage.nl
        assert page.found("//main//form/@action") == [node.acs_url], page.text
        return node.opened(page.fields, self.stage.certificate)
