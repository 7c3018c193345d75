"""Sending nodes under one roof, asked by the same country's node and with the same identity providers."""

import time
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from idp.config.settings import load_settings
from idp.demo.country import Country
from idp.keys.file import create_saml_key, load_signer
from idp.keys.folder import create_keys
from idp.store.migrate import migrate
from policies.parties import EntityId
from tests.idp.web_node.peer import PeerNode
from tests.idp.web_node.stage import DAY, NODE, PROVIDER, SETTINGS, NodeStage, _pem
from tests.tenants.cities import WIDE, Call, Cities, Town, cookies_of, hidden, issuer, texts
from tests.tenants.matrix import Held

PROVIDERS = ("national", "bank")


class Nodes:
    """The common parts of all nodes: the country that asks, and the providers that vouch."""

    def __init__(self, outside: Path) -> None:
        outside.mkdir()
        self.nl = PeerNode(outside, "nl", "NL")
        create_saml_key(outside / "provider.pem", "provider.localhost")
        self._key = outside / "provider.pem"

    def write(self, folder: Path, name: str) -> None:
        """Write the tenant of a node."""
        tenant = folder / "tenants" / name
        for part in ("nodes", "providers", "metadata"):
            (tenant / part).mkdir(parents=True)
        text = SETTINGS.format(issuer=issuer(name), port=8400)
        text = f'database = "ciconia.db"\n{text}'
        (tenant / "ciconia.toml").write_text(text + WIDE, encoding="utf-8")
        settings = load_settings(tenant)
        create_keys(settings.key_folder, settings.origin, settings.tenant, demo=True)
        text = NODE.format(name="nl", country="NL", entity_id=self.nl.entity_id, more="")
        (tenant / "nodes" / "nl.toml").write_text(text, encoding="utf-8")
        (tenant / "metadata" / "nl.pem").write_text(_pem(self.nl.metadata_signer.certificate), encoding="utf-8")
        for provider in PROVIDERS:
            made = self.provider(provider, tenant)
            text = PROVIDER.format(name=provider, base=made.base, notified="true", more="")
            (tenant / "providers" / f"{provider}.toml").write_text(text, encoding="utf-8")
            (tenant / "metadata" / f"{provider}.xml").write_bytes(made.metadata())
        migrate(settings.database_url)

    def provider(self, name: str, tenant: Path) -> Country:
        """An identity provider as a tenant's citizens meet it."""
        return Country(
            base=f"http://{name}.localhost:8498",
            title=name,
            key_pem=self._key.read_bytes(),
            certificate_der=load_signer(self._key).certificate,
            broker_certificate=load_signer(tenant / "keys" / "saml.pem").certificate,
        )


class NodeTown(Town):
    """A node as a browser sees it that another country's node sent."""

    def __init__(self, name: str, nodes: Nodes, cities: Cities, *rest: object) -> None:
        cities.countries[name] = nodes.provider("national", cities.folder / "tenants" / name)
        super().__init__(name, cities, *rest)  # type: ignore[arg-type] # as `Town` has them
        self.nl = nodes.nl
        self.providers = {"national": cities.countries[name]}
        peers = self.application.peers
        peers._copies.held(EntityId(self.nl.entity_id))
        now = int(time.time())
        peers._copies.keep(self.nl.held(now + 10 * DAY, now))
        peers.reload(EntityId(self.nl.entity_id))

    def asking(self) -> Call:
        """The form of a country's AuthnRequest."""
        request = self.nl.request(f"{self.issuer}/eidas/sso", int(time.time()))
        return Call("POST", "/eidas/sso", form=self.nl.posted(request), cross_site=True)

    def asking_by_query(self) -> Call:
        """The same by redirect: the query is signed."""
        request = self.nl.request(f"{self.issuer}/eidas/sso", int(time.time()))
        return Call("GET", "/eidas/sso", query=dict(parse_qsl(self.nl.queried(request, "state-of-nl"))))

    def begun(self) -> tuple[str, dict[str, str]]:
        """A login at the choice among identity providers."""
        picker = self.send(self.asking())
        assert picker.status_code == 200, picker.text
        (action,) = texts(picker, "//form[@class='cancel']/@action")
        return action.split("/")[2], cookies_of(picker)

    def asked(self) -> tuple[str, dict[str, str], dict[str, str]]:
        """A login whose identity provider was asked, and what that answers."""
        login, cookies = self.begun()
        parts = {"login": login, "provider": "national"}
        off = self.send(Call("GET", "/login/{login}/at/{provider}", parts=parts, cookies=cookies))
        assert off.status_code == 303, off.text
        raw = urlsplit(off.headers["location"]).query
        answer = NodeStage.answer(self, dict(parse_qsl(raw)), raw, "mari", "national")  # type: ignore[arg-type] # has providers
        return login, cookies_of(off), answer

    def hold(self) -> Held:
        """One of each that a node gives out or takes."""
        requested, requested_cookies = self.begun()
        asked, asked_cookies, answer = self.asked()
        decided, decided_cookies, form = self.decided()
        posted, queried = self.asking(), self.asking_by_query()
        strict = decided_cookies[f"__Host-a-{decided}"]
        ended, ended_cookies, ended_form = self.decided()
        done = self.send(
            Call("POST", "/login/{login}/decision", {"login": ended}, ended_cookies, {**ended_form, "choice": "continue"})
        )
        assert done.status_code == 200, done.text
        assert posted.form is not None
        things = {
            "login": requested,
            "requested cookie": requested_cookies[f"__Host-l-{requested}"],
            "asked cookie": asked_cookies[f"__Host-l-{asked}"],
            "login that asked": asked,
            "SAML response": answer["SAMLResponse"],
            "login that is decided": decided,
            "Strict cookie": strict,
            "sealed decision": form["decided"],
            "sealed page": hidden(self.send(Call("GET", "/nowhere")))["page"],
            "AuthnRequest": posted.form["SAMLRequest"],
            "AuthnRequest by redirect": queried.query["SAMLRequest"],
            "its signature": queried.query["Signature"],
            "answer to the country": hidden(done)["SAMLResponse"],
        }
        waits, waiting_cookies, refused_form = self.decided()
        refused_form |= {"choice": "cancel"}
        done = self.send(Call("POST", "/login/{login}/decision", {"login": waits}, waiting_cookies, refused_form))
        only_its_own = {f"__Host-a-{waits}": cookies_of(done)[f"__Host-a-{waits}"]}
        things |= {"login that waits": waits, "its cookie": only_its_own[f"__Host-a-{waits}"]}
        of_login = {"login": requested}
        only_strict = {f"__Host-a-{decided}": strict}
        at_decision = {**form, "choice": "continue"}
        made = [
            ("", posted),
            ("", queried),
            ("", Call("GET", "/login/{login}/at/{provider}", {**of_login, "provider": "national"}, requested_cookies)),
            ("", Call("POST", "/saml/acs", cookies=asked_cookies, form=answer, cross_site=True)),
            ("", Call("POST", "/language", form={"language": "et", "page": things["sealed page"]})),
            ("", Call("POST", "/login/{login}/language", {"login": decided}, decided_cookies, {**form, "language": "et"})),
            ("", Call("POST", "/login/{login}/decision", {"login": decided}, only_strict, at_decision)),
            ("", Call("POST", "/login/{login}/cancel", of_login, requested_cookies, {})),
            ("", Call("GET", "/login/{login}/stay", {"login": waits}, only_its_own)),
            ("", Call("GET", "/login/{login}/onward", {"login": waits}, only_its_own)),
        ]
        return Held(things, {(call.method, call.path, note): call for note, call in made})
