"""A country's node that writes and reads messages as the European Commission's eIDAS-Node 2.9 does, in both of its roles.

Written from what its published source does (`EidasProtocolProcessor`, `AssertionUtil`, `EidasMetadata` and the validators
of its SAML engine), in words of our own. It imports nothing of the product.

GET  /EidasNodeProxy/ServiceMetadata              GET  /EidasNodeConnector/ConnectorMetadata
POST /EidasNodeProxy/ColleagueRequest             GET  /EidasNodeConnector/ask: a page that posts a request
                                                  POST /EidasNodeConnector/ColleagueResponse: what came, as JSON
"""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from tests.real import wire
from tests.real.site import Reply, Site, metadata, posting
from tests.real.their_view import Other, other, values_of
from tests.real.wire import SAML, SAMLP, SUCCESS, Element, Refused

EIDAS = "http://eidas.europa.eu/saml-extensions"
NATURAL = "http://eidas.europa.eu/attributes/naturalperson"
LOA = "http://eidas.europa.eu/LoA/"
FORMATS = (
    "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
)
# Suffix -> friendly name, whether it is of the minimum data set
ATTRIBUTES: Mapping[str, tuple[str, bool]] = {
    "PersonIdentifier": ("PersonIdentifier", True),
    "CurrentFamilyName": ("FamilyName", True),
    "CurrentGivenName": ("FirstName", True),
    "DateOfBirth": ("DateOfBirth", True),
    "BirthName": ("BirthName", False),
    "PlaceOfBirth": ("PlaceOfBirth", False),
    "CurrentAddress": ("CurrentAddress", False),
    "Gender": ("Gender", False),
}
LIFE = 300
_STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
# What it answers when the country's own sign-in failed
RESPONDER_STATUS = (f"{_STATUS}Responder", f"{_STATUS}AuthnFailed", "003002 - Authentication Failed")


@dataclass(frozen=True)
class Said:
    """A Proxy-Service's answer in its parts; the defaults are what the node writes. `edit` has the assertion's text."""

    declaration: str = "<saml2:AuthnContextDecl/>"
    one_time_use: bool = False
    address: str = "127.0.0.1"
    failure: tuple[str, str, str] | None = None
    edit: Callable[[str], str] = str


@dataclass(frozen=True)
class Asked:
    """A Connector's request in its parts, as `Said`."""

    sp_type: str = "public"
    requester_id: str = ""
    # XML after the RequestedAttributes that the node knows: a country's own additional ones
    additional: str = ""
    level: str = f"{LOA}low"
    edit: Callable[[str], str] = str


@dataclass
class EuNode(Site):
    """One country's node. `trusted` is the certificate (DER) that signs the other node's metadata."""

    country: str
    trusted: bytes = b""
    # Where `sp_type` stands: in the metadata of its Connector, or with each request
    sp_type_in_metadata: str = ""
    person: Mapping[str, str] = field(default_factory=dict)
    said: Said = Said()
    versions: tuple[str, ...] = ("1.4", "1.3", "1.2")
    life: int = 86_400

    def __post_init__(self) -> None:
        Site.__init__(self, f"eu-{self.country.lower()}")
        self.messages = wire.made(f"messages of {self.country}", curve=False)
        self.encryption = wire.made(f"encryption of {self.country}", curve=False)
        self.metadata_key = wire.made(f"metadata of {self.country}", curve=True)
        self.service = f"{self.base}/EidasNodeProxy/ServiceMetadata"
        self.connector = f"{self.base}/EidasNodeConnector/ConnectorMetadata"
        self.acs_url = f"{self.base}/EidasNodeConnector/ColleagueResponse"
        self.requests: list[Element] = []
        self._asking: Asked | None = None
        self._open: dict[str, str] = {}

    def answer(self, method: str, path: str, fields: Mapping[str, str], raw: str) -> Reply:  # noqa: ARG002 - no query is signed
        match method, path:
            case "GET", "/EidasNodeProxy/ServiceMetadata":
                return metadata(self._metadata(self.service))
            case "GET", "/EidasNodeConnector/ConnectorMetadata":
                return metadata(self._metadata(self.connector))
            case "POST", "/EidasNodeProxy/ColleagueRequest":
                return self._colleague_request(fields)
            case "GET", "/EidasNodeConnector/ask":
                return posting(fields["at"], "SAMLRequest", self._request(fields["at"]), "a-token-of-the-connector")
            case "POST", "/EidasNodeConnector/ColleagueResponse":
                return self._colleague_response(fields)
        return 404, "text/plain", b""

    def will_ask(self, **changes: object) -> None:
        """How its Connector's next requests are."""
        self._asking = replace(Asked(), **changes)  # type: ignore[arg-type] # a test changes fields by their names

    def _metadata(self, entity_id: str) -> bytes:
        until = wire.instant(int(time.time()) + self.life, 3)
        ours = {"node": self, "entity_id": entity_id, "until": until, "id": f"_{secrets.token_hex(20)}"}
        text = wire.filled("eu-metadata.xml", **ours, attributes=ATTRIBUTES, formats_taken=FORMATS)
        return wire.signed(text, self.metadata_key, wire.ECDSA, 0, "xs")

    # -- Proxy-Service -----------------------------------------------------------------------------------------------------

    def _colleague_request(self, fields: Mapping[str, str]) -> Reply:
        octets = base64.b64decode(fields["SAMLRequest"])
        asking = other(octets, "SPSSODescriptor", self.trusted)
        root = wire.verified(octets, asking.signing)
        self._check_request(root, asking)
        self.requests.append(root)
        return posting(asking.url, "SAMLResponse", self.response(root, asking), fields.get("RelayState", ""))

    def _check_request(self, root: Element, asking: Other) -> None:
        """Judge a request like its validators."""
        if root.get("ForceAuthn") != "true" or root.get("IsPassive") != "false" or not root.get("Destination"):
            raise Refused("ForceAuthn, IsPassive or Destination")
        if root.get("AssertionConsumerServiceURL") not in (None, asking.url):
            raise Refused("AssertionConsumerServiceURL is not the metadata's")
        if not root.get("ProviderName"):
            raise Refused("no ProviderName")
        if len(root.findall(f".//{{{EIDAS}}}SPType")) + bool(asking.sp_type) != 1:
            raise Refused("not exactly one SPType")
        policy = root.find(f"{{{SAMLP}}}NameIDPolicy")
        if policy is not None and policy.get("Format") not in FORMATS:
            raise Refused("NameIDPolicy")
        context = root.find(f"{{{SAMLP}}}RequestedAuthnContext")
        if context is None or context.get("Comparison") != "minimum" or len(context) != 1:
            raise Refused("RequestedAuthnContext")
        wanted = {one.get("Name", ""): one for one in root.iter(f"{{{EIDAS}}}RequestedAttribute")}
        for name, (_, mandatory) in ATTRIBUTES.items():
            one = wanted.get(f"{NATURAL}/{name}")
            if (one is None and mandatory) or (one is not None and one.get("isRequired") != str(mandatory).lower()):
                raise Refused(f"{name} is not asked for as the registry has it")

    def response(self, request: Element, asking: Other) -> bytes:
        """Write its signed answer to a request."""
        now, failure = time.time(), self.said.failure
        held = "" if failure else wire.encrypted(self._assertion(request, asking, now), asking.encryption)
        answer = {"asking": asking, "request": request.get("ID"), "now": wire.instant(now, 3), "id": _id()}
        text = wire.filled("eu-response.xml", **answer, service=self.service, failure=failure, held=held)
        return wire.signed(text, self.messages, wire.RSA_PSS_512, 1)

    def _assertion(self, request: Element, asking: Other, now: float) -> str:
        times = {"now": wire.instant(now, 3), "end": wire.instant(now + LIFE, 3)}
        answer = {"node": self, "asking": asking, "request": request.get("ID"), "id": _id()}
        return self.said.edit(wire.filled("eu-assertion.xml", **times, **answer, attributes=ATTRIBUTES))

    # -- Connector ---------------------------------------------------------------------------------------------------------

    def _request(self, destination: str) -> bytes:
        asked, request_id = self._asking or Asked(), _id()
        self._open[request_id] = asked.level
        ours = {"node": self, "asked": asked, "destination": destination, "id": request_id, "attributes": ATTRIBUTES}
        text = wire.filled("eu-request.xml", **ours, now=wire.instant(time.time(), 3))
        return wire.signed(asked.edit(text), self.messages, wire.RSA_PSS_512, 1)

    def _colleague_response(self, fields: Mapping[str, str]) -> Reply:
        octets = base64.b64decode(fields["SAMLResponse"])
        said = other(octets, "IDPSSODescriptor", self.trusted)
        root = wire.verified(octets, said.signing)
        level = self._open.pop(root.get("InResponseTo", ""), None)
        if level is None or root.get("Destination") != self.acs_url:
            raise Refused("an answer to no question, or to another address")
        codes = [code.get("Value", "") for code in root.iter(f"{{{SAMLP}}}StatusCode")]
        if codes[0] != SUCCESS:
            if root.find(f".//{{{SAML}}}EncryptedAssertion") is not None:
                raise Refused("a failure with an assertion")
            told = {"failed": codes, "message": root.findtext(f".//{{{SAMLP}}}StatusMessage") or ""}
            return 200, "application/json", json.dumps(told).encode()
        holders = root.findall(f"{{{SAML}}}EncryptedAssertion")
        if len(holders) != 1 or root.find(f"{{{SAML}}}Assertion") is not None:
            raise Refused("not exactly one encrypted assertion")
        assertion = wire.decrypted(holders[0], self.encryption)
        values = values_of(assertion, said, self.connector, self.acs_url, root.get("InResponseTo", ""))
        if not re.fullmatch(rf"[A-Z]{{2}}/{self.country}/\S+", values.get(f"{NATURAL}/PersonIdentifier", "")):
            raise Refused("PersonIdentifier")
        return 200, "application/json", json.dumps({"values": values}).encode()


def _id() -> str:
    """An identifier as its `SAMLEngineUtils.generateNCName` has them: with dots and lines in it."""
    return "_" + secrets.token_urlsafe(45).replace("_", ".")
