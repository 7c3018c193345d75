"""Two services that speak SAML and two identity providers in a case's hands, with the generator's own keys and messages.

`SP`       a service of a group that shares sign-ins: answered by POST or artifact, signs out by the browser and over SOAP
`OTHER`    another service of that group, with another key
`portal`   a provider whose answers may come unasked, and `distant`, one whose answers we fetch, at its resolver here
"""

import base64
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_bytes
from typing import Any

from lxml import etree

from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.messages.drafts import MessageDraft, draft, fresh
from connectors.attacks.messages.over_soap import artifact
from connectors.attacks.messages.parties import SP, MessageDrafts, Parties
from connectors.attacks.metadata_text import IDP, provider
from connectors.attacks.queries.query_benches import escaped, packed, signer
from connectors.attacks.responses.parties import SECOND_IDP
from connectors.attacks.responses.response_draft import Confirmation, ResponseDraft, attribute, audience
from connectors.attacks.xml_signer import PARSER, Signing, cut, sign
from connectors.formats.artifact import in_envelope
from connectors.formats.grammar import written
from connectors.signatures.algorithms import RSA_SHA256
from connectors.wire.names import PERSISTENT, REDIRECT, SOAP, SUCCESS, TRANSIENT
from policies.assurance import LevelOfAssurance

OTHER = "https://other.selftest.example/metadata"
PORTAL, DISTANT = "portal", "distant"
GONE, RESOLVER = "https://sp.selftest.example/gone", "/artifact"
TARGET, RETURNS = "https://sp.selftest.example/loans", "https://sp.selftest.example/login"
LANDED = "https://parking.storkhaven.example/login"
Message = MutableMapping[str, Any]  # Any: ASGI's own type of a message
Sends = Callable[[Message], Awaitable[None]]
RSA = Signing(method=RSA_SHA256)
_LIFE = 300
_PURPOSE = """\
id = "desk"
basis = "consent"
cross_device = true
minimum_assurance = "low"
title.en = "Know again who comes"
law.en = "Made up for the self-test"

[controller]
name.en = "City of Storkhaven"
contact = "privacy@storkhaven.example"
"""
_SERVICE = """\
client_id = "{name}"
protocol = "saml"
title.en = "Hall {name}"
entity_id = "{entity}"
metadata = "metadata/{name}.xml"
purposes = ["desk"]
subject = "transient"
session_group = "halls"
"""
_LINKS = f'ecp = true\nunsolicited = true\ntargets = ["{TARGET}"]\ndiscovery_returns = ["{RETURNS}"]\n'
_PROVIDER = """\
id = "{name}"
country = "EE"
namespace = "selftest/{name}"
entity_id = "{entity}"
metadata = "metadata/{name}.xml"
{more}
[title]
en = "Provider {name}"

[attributes]
"urn:oid:2.5.4.4" = "family_name"
"""
_LANDINGS = f'[landings]\nparking = "{LANDED}"\n'


@dataclass
class SamlParties:
    """Everybody. `base` is where the resolver of `distant` listens; `fetched` makes its answer of the ID that asks."""

    issuer: str
    base: str
    clock: Callable[[], int]
    keys: Parties = field(repr=False)
    idp: KeyHolder = field(repr=False)
    fetched: Callable[[str], bytes] = field(default=lambda _: b"", repr=False)

    def register(self, folder: Path) -> None:
        """Write all registrations."""
        gone = f'<md:SingleLogoutService Binding="{REDIRECT}" Location="{GONE}"/>'
        services = {"hall": (SP, self.keys), "other": (OTHER, replace(self.keys, sp=self.keys.node))}
        files = {"session_groups.toml": "[halls]\n", "purposes/desk.toml": _PURPOSE}
        for name, (entity, keys) in services.items():
            text = cut("<md:AttributeConsumingService", "</md:AttributeConsumingService>")(keys.sp_metadata.decode())
            text = text.replace(SP, entity).replace("<md:NameIDFormat>", f"{gone}<md:NameIDFormat>", 1)
            registered = _SERVICE.format(name=name, entity=entity) + (_LINKS if entity == SP else "")
            files |= {f"parties/{name}.toml": registered, f"metadata/{name}.xml": text}
        fetch = 'answers = "artifact"\nnetworks = ["127.0.0.0/8"]\n'
        place = f'<md:ArtifactResolutionService Binding="{SOAP}" index="1" Location="{self.base}{RESOLVER}"/>'
        providers = {PORTAL: (IDP, "logout_upstream = true", gone), DISTANT: (SECOND_IDP, fetch, place)}
        for name, (entity, more, service) in providers.items():
            text = provider([self.idp]).replace(IDP, entity)
            files[f"metadata/{name}.xml"] = text.replace("<md:NameIDFormat>", f"{service}<md:NameIDFormat>", 1)
            registered = _PROVIDER.format(name=name, entity=entity, more=more)
            files[f"providers/{name}.toml"] = registered + (_LANDINGS if name == PORTAL else "")
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")

    def asks(self, issuer: str = SP, /, **said: str | None) -> MessageDraft:
        """A good AuthnRequest, but for `said`."""
        made = MessageDrafts(replace(self.keys, now=self.clock())).authn_request()
        here = {"Destination": f"{self.issuer}/saml/sso", "ForceAuthn": None}
        return replace(made.said(**{**here, **said}), issuer=f"<saml:Issuer>{issuer}</saml:Issuer>", children="")

    def has_ended(self, request_id: str, here: str, issuer: str, **said: str | None) -> MessageDraft:
        """A good LogoutResponse to our request, at a path of ours, but for `said`."""
        made = MessageDrafts(replace(self.keys, now=self.clock())).logout_response()
        to_us = {"Destination": f"{self.issuer}{here}", "InResponseTo": request_id}
        return replace(made.said(**{**to_us, **said}), issuer=f"<saml:Issuer>{issuer}</saml:Issuer>")

    def ends(self, name: str, here: str, issuer: str = SP, session: str | None = None, **said: str | None) -> MessageDraft:
        """A good LogoutRequest to a path of ours for one session, but for `said`."""
        style = TRANSIENT if issuer in (SP, OTHER) else PERSISTENT
        whom = f'<saml:NameID Format="{style}">{name}</saml:NameID>'
        whom += f"<samlp:SessionIndex>{name if session is None else session}</samlp:SessionIndex>"
        until = {"Destination": f"{self.issuer}{here}", "NotOnOrAfter": written(self.clock() + _LIFE)}
        return draft("LogoutRequest", issuer, whom, self.clock(), **until).said(**said)

    def resolves(self, text: str, issuer: str = SP, **said: str | None) -> MessageDraft:
        """A good question for the answer of an artifact, but for `said`."""
        here = f"{self.issuer}/saml/artifact"
        asked = f"<samlp:Artifact>{text}</samlp:Artifact>"
        return draft("ArtifactResolve", issuer, asked, self.clock(), Destination=here).said(**said)

    def answers(
        self, at: str, request_id: str | None, entity: str = IDP, by: KeyHolder | None = None, **said: str
    ) -> bytes:
        """A provider's good Response to a path of ours, but for `said`; signed as a whole."""
        now, here, us = self.clock(), f"{self.issuer}{at}", f"{self.issuer}/saml/metadata"
        end = written(now + _LIFE)
        made = ResponseDraft(
            destination=here,
            in_response_to=request_id,
            issuer=entity,
            issued=written(now),
            assertion_issuer=entity,
            assertion_issued=written(now),
            name_id=fresh(),
            name_id_attributes=f' Format="{PERSISTENT}"',
            confirmation=Confirmation(here, request_id, end),
            not_before=written(now),
            not_on_or_after=end,
            audiences=audience(us),
            authenticated=written(now),
            context=LevelOfAssurance.HIGH.uri,
            attributes=(attribute("urn:oid:2.5.4.4", "Selftest"),),
        )
        made = replace(made, **said)  # type: ignore[arg-type] # fields of it that are texts
        return sign(made.response(made.assertion()).encode(), made.response_id, by or self.idp, RSA)

    def carries(self, message: bytes, request_id: str, by: KeyHolder | None = None) -> bytes:
        """The ArtifactResponse of `distant` with a message in it, signed, in its envelope."""
        inside = f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>{message.decode()}'
        made = draft("ArtifactResponse", SECOND_IDP, inside, self.clock(), InResponseTo=request_id)
        return in_envelope(sign(made.xml, made.message_id, by or self.idp, RSA))

    async def resolver(self, _scope: Message, receive: Callable[[], Awaitable[Message]], send: Sends) -> None:
        """The resolver of `distant` (ASGI): it believes whoever asks."""
        body, more = b"", True
        while more:
            came = await receive()
            body, more = body + came.get("body", b""), came.get("more_body", False)
        found = re.search(rb' ID="([^"]+)"', body)
        headers = [(b"content-type", b"text/xml")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.fetched(found[1].decode() if found else "")})


def posted(message: bytes, state: str = "") -> dict[str, str]:
    """A Response as a form brings it."""
    return {"SAMLResponse": base64.b64encode(message).decode(), "RelayState": state}


def named_by_distant(index: int = 1, entity: str = SECOND_IDP) -> str:
    """A fresh artifact."""
    return base64.b64encode(artifact(entity, index, handle=token_bytes(20))).decode()


def signed(message: MessageDraft, by: KeyHolder) -> bytes:
    """The message with its Signature in it."""
    return sign(message.xml, message.message_id, by, RSA)


def query_of(message: MessageDraft, by: KeyHolder | None, state: str = "shelf") -> str:
    """A signed query; one that nobody signed without `by`."""
    name = "SAMLResponse" if message.name.endswith("Response") else "SAMLRequest"
    text = f"{name}={escaped(packed(message.xml))}&RelayState={escaped(state)}"
    if by is None:
        return text
    text += f"&SigAlg={escaped(RSA_SHA256)}"
    return f"{text}&Signature={escaped(base64.b64encode(signer(by, RSA_SHA256)(text.encode())).decode())}"


def form_of(message: MessageDraft, by: KeyHolder, state: str = "shelf") -> dict[str, str]:
    """A form by POST."""
    return {"SAMLRequest": base64.b64encode(signed(message, by)).decode(), "RelayState": state}


def simple_form(message: MessageDraft, by: KeyHolder, state: str = "shelf") -> dict[str, str]:
    """A form by POST-SimpleSign."""
    covered = b"SAMLRequest=" + message.xml + f"&RelayState={state}&SigAlg={RSA_SHA256}".encode()
    value = base64.b64encode(signer(by, RSA_SHA256)(covered)).decode()
    sent = base64.b64encode(message.xml).decode()
    return {"SAMLRequest": sent, "RelayState": state, "SigAlg": RSA_SHA256, "Signature": value}


def asked_by(query: Mapping[str, str]) -> str:
    """The ID of our request in a query."""
    octets = zlib.decompress(base64.b64decode(query["SAMLRequest"]), -zlib.MAX_WBITS)
    return str(etree.fromstring(octets, PARSER).get("ID"))


def response_in(text: str) -> etree._Element:
    """The Response in base64, or in an envelope."""
    octets = text.encode() if text.startswith("<") else base64.b64decode(text)
    return etree.fromstring(octets, PARSER)
