"""A citizen's browser in front of a sending node: it follows nothing by itself, and sends whatever it is told to send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import httpx2

from connectors.formats.eidas.request import EidasRequest
from idp.demo.citizens import Citizen
from idp.demo.loopback import client
from tests.idp.web.visitor import FORM_TYPE, Answer, query_of
from tests.idp.web_node.peer import Opened, PeerNode
from tests.idp.web_node.stage import NodeStage


@dataclass
class Browser:
    """One browser. `jar` holds its cookies."""

    stage: NodeStage
    jar: dict[str, str] = field(default_factory=dict)
    http: httpx2.Client = field(default_factory=client)

    def go(
        self,
        method: str,
        path: str,
        *,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str | None] | None = None,
        jar: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request to the node. Headers are a browser's on an honest navigation, but for `headers`."""
        sent: dict[str, str | None] = {"sec-fetch-dest": "document", "accept-language": "en"}
        if method == "POST":
            sent |= {"content-type": FORM_TYPE, "origin": self.stage.issuer, "sec-fetch-site": "same-origin"}
        cookies = self.jar if jar is None else jar
        sent["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items()) or None
        sent["host"] = urlsplit(self.stage.issuer).netloc
        kept = {name: value for name, value in {**sent, **(headers or {})}.items() if value is not None}
        body = urlencode(fields or {}).encode() if method == "POST" else None
        response = self.http.request(method, f"http://127.0.0.1:{self.stage.port}{path}", headers=kept, content=body)
        answer = Answer(response.status_code, response.headers, response.text)
        for cookie in answer.cookies.values():
            if cookie.attributes.get("max-age") == "0":
                self.jar.pop(cookie.name, None)
            else:
                self.jar[cookie.name] = cookie.value
        return answer

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
        cookies = self.jar if jar is None else jar
        lax = {name: value for name, value in cookies.items() if not name.startswith("__Host-a-")}
        headers = {"origin": "http://national.localhost:8498", "sec-fetch-site": "cross-site"}
        return self.go("POST", "/saml/acs", fields=fields, headers=headers, jar=lax)

    def informed(
        self, who: str | Citizen | None = "mari", relay_state: str = "", *, peer: PeerNode | None = None, **changes: object
    ) -> Answer:
        """All the way to the page that informs."""
        page = self.returns(self.signs_in(self.asks(relay_state, peer=peer, **changes), who))
        assert page.status == 200, page.text
        return page

    def decides(self, page: Answer, choice: str = "continue", **changes: str) -> Answer:
        """Press a button of that page."""
        fields = {**page.fields, "choice": choice, **changes}
        return self.go("POST", f"/login/{page.fields['login']}/decision", fields=fields)

    def opened(self, page: Answer, peer: PeerNode | None = None) -> Opened:
        """What a page posts to the node that asked."""
        node = peer or self.stage.nl
        assert page.found("//form/@action") == [node.acs_url], page.text
        return node.opened(page.fields, self.stage.certificate)
