"""The peers of a broker in the benchmark of logins: an identity provider, a relying party, and a browser's connection.

They live in one process, the driver's, whose time counts for nobody. Every message is really signed and verified. The
messages are those of the peers that SATOSA was measured with: a signed Response around a signed Assertion of five
attributes, the assertion encrypted (AES-256-GCM, RSA-OAEP) where that is asked for.
"""

import asyncio
import base64
import hashlib
import html
import json
import re
import secrets
import ssl
import time
import urllib.parse
import zlib
from dataclasses import dataclass, field

import xmlsec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from xmlsec import constants

from connectors.signatures.jws import base64url, from_base64url
from tests.connectors.forge import DS, SAML, SAMLP, clock

ME = "http://127.0.0.1:8001"
CALLBACK = f"{ME}/rp/cb"
CLIENT = "bench-rp"
SECRET = "bench-rp-secret-0123456789"
NAMESPACES = {"a": SAML, "p": SAMLP, "d": DS, "x": "http://www.w3.org/2001/04/xmlenc#"}
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"
ATTRIBUTES = (
    ("1.3.6.1.4.1.5923.1.1.1.6", "eduPersonPrincipalName", "user{n}@example.test"),
    ("2.5.4.42", "givenName", "Anna"),
    ("2.5.4.4", "sn", "Müller"),
    ("2.5.4.3", "cn", "Anna Müller"),
    ("0.9.2342.19200300.100.1.3", "mail", "user{n}@example.test"),
)
_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
SIGNATURE = (
    f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{_C14N}"/>'
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><ds:Reference URI="#{id}">'
    f'<ds:Transforms><ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform Algorithm="{_C14N}"/></ds:Transforms>'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>'
    "<ds:SignatureValue/><ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo></ds:Signature>"
)
_INPUT = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_REFRESH = re.compile(r'<meta http-equiv="refresh" content="0; ?url=([^"]+)"', re.IGNORECASE)


class LoginFailedError(Exception):
    """A login that did not end with an id_token that the relying party verified."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A broker's answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """The first header of a name in lower case, or ""."""
        return next((value for found, value in self.headers if found == name), "")

    def hidden(self) -> dict[str, str]:
        """The hidden fields of its page."""
        return {name: html.unescape(value) for name, value in _INPUT.findall(self.body.decode())}

    def onward(self) -> str:
        """Where it leads: by redirect, or by a page that goes on by itself."""
        if location := self.header("location") or self.header("refresh").partition("url=")[2]:
            return location
        found = _REFRESH.search(self.body.decode())
        if found is None:
            raise LoginFailedError(f"{self.status} {self.body[:300]!r}")
        return html.unescape(found[1])


class Connection:
    """One keep-alive connection to a broker, with the cookies of one browser; `spent` sums the time of its requests.

    `tls` where something in front of the broker speaks that.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.cookies: dict[str, str] = {}
        self.spent = 0.0

    def fresh(self) -> None:
        """Another browser comes."""
        self.cookies, self.spent = {}, 0.0

    def close(self) -> None:
        """Close it."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def request(self, method: str, target: str, fields: dict[str, str] | None = None, **headers: str) -> Answer:
        """One request and its answer, cookies kept."""
        body = b"" if fields is None else urllib.parse.urlencode(fields).encode()
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}", "X-Forwarded-Proto: https", "Accept-Language: en"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if fields is not None:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        begin = time.perf_counter()
        if self._streams is None:
            name = self._host if self._tls else None
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls, server_hostname=name)
        reader, writer = self._streams
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        answer = await _read(reader)
        if answer.header("connection").lower() == "close":
            self.close()
        self.spent += time.perf_counter() - begin
        self._keep(answer)
        return answer

    def _keep(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name == "set-cookie":
                cookie, _, rest = value.partition(";")
                key, _, content = cookie.partition("=")
                if "max-age=0" in rest.lower().replace(" ", "") or not content.strip('"'):
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = content


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line))
    sized = dict(headers)
    if sized.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        body = await reader.readexactly(int(sized.get("content-length", "0")))
    return Answer(int(head[0].split(" ")[1]), headers, body)


def signed(element: etree._Element, key: xmlsec.Key) -> None:  # lxml's name of the type of an element
    """Fill in the template of a signature that stands in an element."""
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = key
    found = element.find("d:Signature", NAMESPACES)
    if found is None:
        raise LoginFailedError("a template without a Signature")
    context.sign(found)


class IdentityProvider:
    """Answers each question about a new citizen. `key` is in PEM; `broker` the certificate (DER) that it encrypts to."""

    def __init__(self, *, key: bytes, certificate: bytes, audience: str, acs_url: str, broker: bytes) -> None:
        self._key = xmlsec.Key.from_memory(key, constants.KeyDataFormatPem, None)
        self._key.load_cert_from_memory(certificate, constants.KeyDataFormatPem)
        self._recipient = xmlsec.KeysManager()
        self._recipient.add_key(xmlsec.Key.from_memory(broker, constants.KeyDataFormatCertDer, None))
        self._audience, self._acs_url = audience, acs_url
        self._logins = 0

    def answer(self, location: str, *, encrypted: bool) -> dict[str, str]:
        """The form that the browser posts to the broker, for the address that the broker sent it to."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        request = etree.fromstring(zlib.decompress(base64.b64decode(asked["SAMLRequest"]), -15))
        root = etree.fromstring(self._response(str(request.get("ID"))).encode())
        assertion = root[-1]
        signed(assertion, self._key)
        if encrypted:
            self._encrypt(root, assertion)
        signed(root, self._key)
        posted = base64.b64encode(etree.tostring(root)).decode()
        return {"SAMLResponse": posted, "RelayState": asked.get("RelayState", "")}

    def _encrypt(self, root: etree._Element, assertion: etree._Element) -> None:  # lxml's name of the type
        """Encrypt for Debian's xmlsec1 to read, like many providers: AES-256-GCM, and RSA-OAEP by its first address."""
        octets = etree.tostring(assertion, method="c14n", exclusive=True)
        root.remove(assertion)
        holder = etree.SubElement(root, f"{{{SAML}}}EncryptedAssertion")
        data = xmlsec.template.encrypted_data_create(
            holder, constants.TransformAes256Gcm, type=constants.TypeEncElement, ns="xenc"
        )
        xmlsec.template.encrypted_data_ensure_cipher_value(data)
        info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
        wrapped = xmlsec.template.add_encrypted_key(info, constants.TransformRsaOaep)
        xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
        context = xmlsec.EncryptionContext(self._recipient)
        context.key = xmlsec.Key.generate(constants.KeyDataAes, 256, constants.KeyDataTypeSession)
        holder.append(context.encrypt_binary(data, octets))

    def _response(self, request: str) -> str:
        self._logins += 1
        now = int(time.time())
        response_id, assertion_id = ("_" + secrets.token_hex(16) for _ in range(2))
        values = "".join(
            f'<saml:Attribute Name="urn:oid:{oid}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" '
            f'FriendlyName="{friendly}"><saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'xmlns:xs="http://www.w3.org/2001/XMLSchema" xsi:type="xs:string">{value.format(n=self._logins)}'
            "</saml:AttributeValue></saml:Attribute>"
            for oid, friendly, value in ATTRIBUTES
        )
        return (
            f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{response_id}" Version="2.0" '
            f'IssueInstant="{clock(now)}" Destination="{self._acs_url}" InResponseTo="{request}">'
            f"<saml:Issuer>{ME}/idp</saml:Issuer>{SIGNATURE.format(id=response_id)}<samlp:Status>"
            '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
            f'<saml:Assertion xmlns:saml="{SAML}" ID="{assertion_id}" Version="2.0" IssueInstant="{clock(now)}">'
            f"<saml:Issuer>{ME}/idp</saml:Issuer>{SIGNATURE.format(id=assertion_id)}"
            f'<saml:Subject><saml:NameID Format="{TRANSIENT}">_{secrets.token_hex(16)}</saml:NameID>'
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData '
            f'InResponseTo="{request}" Recipient="{self._acs_url}" NotOnOrAfter="{clock(now + 300)}"/>'
            "</saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{clock(now - 5)}" NotOnOrAfter="{clock(now + 300)}"><saml:AudienceRestriction>'
            f"<saml:Audience>{self._audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{clock(now)}" SessionIndex="{assertion_id}"><saml:AuthnContext>'
            f"<saml:AuthnContextClassRef>{SUBSTANTIAL}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            f"<saml:AttributeStatement>{values}</saml:AttributeStatement></saml:Assertion></samlp:Response>"
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A relying party's request, and what it remembers of it."""

    query: str
    state: str
    nonce: str
    verifier: str


class RelyingParty:
    """Asks with `scope`, and verifies what comes with the broker's `key`, by RS256."""

    def __init__(
        self, *, scope: str, key: rsa.RSAPublicKey, pkce: bool = True, client: str = CLIENT, prompt: str = ""
    ) -> None:
        self._scope, self.key, self._pkce, self._client, self._prompt = scope, key, pkce, client, prompt
        self.authorization = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()

    def ask(self) -> Asked:
        """A new request."""
        state, nonce, verifier = secrets.token_hex(8), secrets.token_hex(8), secrets.token_urlsafe(32)
        asked = {
            "client_id": self._client,
            "response_type": "code",
            "scope": self._scope,
            "redirect_uri": CALLBACK,
            "state": state,
            "nonce": nonce,
        }
        if self._prompt:
            asked["prompt"] = self._prompt
        if self._pkce:
            asked["code_challenge"] = base64url(hashlib.sha256(verifier.encode()).digest())
            asked["code_challenge_method"] = "S256"
        return Asked(urllib.parse.urlencode(asked), state, nonce, verifier)

    def redeem(self, location: str, asked: Asked) -> dict[str, str]:
        """The form for the token endpoint, from the address to which the browser came back."""
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        if not location.startswith(CALLBACK) or answer.get("state") != asked.state or "code" not in answer:
            raise LoginFailedError(f"an answer without a code: {location[:200]}")
        proof = {"code_verifier": asked.verifier} if self._pkce else {}
        return {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": CALLBACK, **proof}

    def verified(self, answer: Answer, asked: Asked) -> None:
        """Verify the id_token: signature, nonce. Raises `LoginFailedError`."""
        if answer.status != 200:
            raise LoginFailedError(f"token: {answer.status} {answer.body[:300]!r}")
        head, body, made = str(json.loads(answer.body)["id_token"]).split(".")
        signed, signature = f"{head}.{body}".encode(), from_base64url(made)
        try:
            self.key.verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise LoginFailedError("signature") from None
        if json.loads(from_base64url(body))["nonce"] != asked.nonce:
            raise LoginFailedError("nonce")
