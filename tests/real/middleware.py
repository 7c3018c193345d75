"""A node that writes and reads messages as the German eIDAS middleware 4.0 (Governikus) does, and one by its library.

Written from what its published source does (`EidasResponse`, `EidasMetadataService`, `RequestHandler`, `EidasRequest`,
`EidasMetadataNode`), in words of our own. It imports nothing of the product. Germany has it answer alone; what asks is made
by the same library, as its demo does.

GET  /eidas-middleware/Metadata                   GET  /eidas-demo/Metadata
GET  /eidas-middleware/RequestReceiver            GET  /eidas-demo/ask: a page that posts a request
                                                  POST /eidas-demo/NewReceiverServlet: what came, as JSON
"""

import base64
import json
import secrets
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from lxml import etree

from tests.real import wire
from tests.real.site import Reply, Site, metadata, posting
from tests.real.their_view import Other, known, other, values_of
from tests.real.wire import SAML, SAMLP, SUCCESS, Element, Refused

EIDAS = "http://eidas.europa.eu/saml-extensions"
MORE = "http://www.w3.org/2007/05/xmldsig-more#"
HASHES = {f"{MORE}sha256-rsa-MGF1": SHA256(), f"{MORE}sha384-rsa-MGF1": SHA384(), f"{MORE}sha512-rsa-MGF1": SHA512()}
DAY = 86_400
# Name -> friendly name; the first four are what may be in Latin and in another script
ATTRIBUTES: Mapping[str, str] = {
    "CurrentFamilyName": "FamilyName",
    "CurrentGivenName": "FirstName",
    "BirthName": "BirthName",
    "PersonIdentifier": "PersonIdentifier",
    "CurrentAddress": "CurrentAddress",
    "PlaceOfBirth": "PlaceOfBirth",
    "DateOfBirth": "DateOfBirth",
    "Nationality": "Nationality",
}
LATIN = frozenset({"CurrentFamilyName", "CurrentGivenName", "BirthName"})
MINIMUM = ("PersonIdentifier", "CurrentFamilyName", "CurrentGivenName", "DateOfBirth")


@dataclass
class Middleware(Site):
    """Germany's middleware for one receiving country. `trusted` signs the other node's metadata (DER)."""

    trusted: bytes = b""
    person: Mapping[str, str] = field(default_factory=dict)
    validity_days: int = 30
    version: str = "1.4.1"
    # Seconds from now to the NotBefore of its confirmation
    not_before: int = 0
    cancelled: bool = False
    edit: Callable[[str], str] = str

    def __post_init__(self) -> None:
        Site.__init__(self, "middleware")
        self.messages, self.encryption = wire.made("SAML of DE", curve=True), wire.made("encryption of DE", curve=False)
        self.service = f"{self.base}/eidas-middleware/Metadata"
        self.receiver = f"{self.base}/eidas-middleware/RequestReceiver"
        self.demo = f"{self.base}/eidas-demo/Metadata"
        self.acs_url = f"{self.base}/eidas-demo/NewReceiverServlet"
        self.requests: list[Element] = []
        self._open: set[str] = set()

    @property
    def metadata_key(self) -> wire.Key:
        """It signs its metadata by the key of its messages."""
        return self.messages

    def answer(self, method: str, path: str, fields: Mapping[str, str], raw: str) -> Reply:
        match method, path:
            case "GET", "/eidas-middleware/Metadata":
                return metadata(self._metadata(self.service, "_eumiddleware"))
            case "GET", "/eidas-demo/Metadata":
                return metadata(self._metadata(self.demo, f"_{secrets.token_hex(16)}"))
            case "GET", "/eidas-middleware/RequestReceiver":
                return self._received(self._by_redirect(fields, raw), fields.get("RelayState", ""))
            case "GET", "/eidas-demo/ask":
                return posting(fields["at"], "SAMLRequest", self._request(fields["at"]), "State#1")
            case "POST", "/eidas-demo/NewReceiverServlet":
                return self._came(fields)
        return 404, "text/plain", b""

    # -- metadata ----------------------------------------------------------------------------------------------------------

    def _metadata(self, entity_id: str, metadata_id: str) -> bytes:
        # java.time has nine digits
        until = wire.instant(time.time() + self.validity_days * DAY, 9)
        ours = {"node": self, "entity_id": entity_id, "id": metadata_id, "attributes": ATTRIBUTES}
        return wire.signed(wire.filled("de-metadata.xml", **ours, until=until), self.messages, wire.ECDSA, 0)

    # -- it answers --------------------------------------------------------------------------------------------------------

    def _by_redirect(self, fields: Mapping[str, str], raw: str) -> Element:
        """The request of a signed query. Raises `Refused`."""
        octets = zlib.decompress(base64.b64decode(fields["SAMLRequest"]), -zlib.MAX_WBITS)
        asking = other(octets, "SPSSODescriptor", self.trusted)
        public, hashed = x509.load_der_x509_certificate(asking.signing).public_key(), HASHES.get(fields["SigAlg"])
        if hashed is None or not isinstance(public, RSAPublicKey):
            raise Refused("a signature of another kind than RSA-PSS")
        covered = raw.partition("&Signature=")[0].encode()
        try:
            signature = base64.b64decode(unquote(fields["Signature"]))
            public.verify(signature, covered, PSS(MGF1(hashed), hashed.digest_size), hashed)
        except InvalidSignature:
            raise Refused("the signature of the query does not hold") from None
        return etree.fromstring(octets)

    def _received(self, root: Element, relay_state: str) -> Reply:
        """Judge a request like its `RequestHandler`, and answer."""
        asking = known(root.findtext(f"{{{SAML}}}Issuer") or "", "SPSSODescriptor", self.trusted)
        if root.get("ForceAuthn") != "true" or root.get("IsPassive") != "false":
            raise Refused("ForceAuthn or IsPassive")
        if bool(root.findtext(f".//{{{EIDAS}}}SPType")) == bool(asking.sp_type):
            raise Refused("the sector type stands nowhere, or twice")
        if root.get("AssertionConsumerServiceURL") not in (None, asking.url):
            raise Refused("AssertionConsumerServiceURL")
        self.requests.append(root)
        now = time.time()
        held = "" if self.cancelled else wire.encrypted(self._assertion(root, asking, now), asking.encryption)
        answer = {"asking": asking, "request": root.get("ID"), "now": wire.instant(now, 9), "id": _id(), "held": held}
        text = wire.filled("de-response.xml", **answer, service=self.service)
        return posting(asking.url, "SAMLResponse", wire.signed(text, self.messages, wire.ECDSA, 1), relay_state)

    def _assertion(self, request: Element, asking: Other, now: float) -> str:
        moments = {"now": now, "end": now + 600, "begin": now + self.not_before}
        times = {name: wire.instant(moment, 9) for name, moment in moments.items()}
        answer = {"node": self, "asking": asking, "request": request.get("ID"), "id": _id(), "session": _id()}
        return self.edit(wire.filled("de-assertion.xml", **times, **answer, attributes=ATTRIBUTES, latin=LATIN))

    # -- its library asks --------------------------------------------------------------------------------------------------

    def _request(self, destination: str) -> bytes:
        request_id = _id()
        self._open.add(request_id)
        ours = {"destination": destination, "id": request_id, "attributes": ATTRIBUTES, "minimum": MINIMUM}
        text = wire.filled("de-request.xml", **ours, now=wire.instant(time.time(), 9), demo=self.demo)
        return wire.signed(text, self.messages, wire.ECDSA, 1)

    def _came(self, fields: Mapping[str, str]) -> Reply:
        octets = base64.b64decode(fields["SAMLResponse"])
        said = other(octets, "IDPSSODescriptor", self.trusted)
        root = wire.verified(octets, said.signing)
        request_id = root.get("InResponseTo", "")
        if request_id not in self._open:
            raise Refused("an answer to no question")
        self._open.discard(request_id)
        codes = [code.get("Value", "") for code in root.iter(f"{{{SAMLP}}}StatusCode")]
        if codes[0] != SUCCESS:
            return 200, "application/json", json.dumps({"failed": codes}).encode()
        (holder,) = root.findall(f"{{{SAML}}}EncryptedAssertion")
        assertion = wire.decrypted(holder, self.encryption)
        values = values_of(assertion, said, self.demo, self.acs_url, request_id)
        return 200, "application/json", json.dumps({"values": values}).encode()


def _id() -> str:
    return f"_{secrets.token_hex(20)}"
