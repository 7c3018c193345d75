"""A demo country's identity provider: SAML 2.0, signed with libxmlsec, so that other code signs what ours verifies.

It knows the broker's certificate, verifies each AuthnRequest (Redirect: the signed query; POST: the enveloped signature),
lets one pick a citizen in place of a sign-in, and posts a Response with signatures on assertion and response.
"""

import base64
import html
import secrets
import urllib.parse
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import xmlsec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from lxml import etree

from idp.demo.citizens import CITIZENS, Citizen
from idp.demo.words import filled, language_of, page
from idp.keys.file import create_saml_key, load_signer
from idp.web.requests import MAX_MESSAGE_BODY, form, query
from policies.errors import RequestRefused

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ANSWER_LIFE = 300
MAX_REQUEST = 64 * 1024


class Country:
    """One demo identity provider at `base` (scheme, host and port), trusting one service provider's certificate (DER)."""

    def __init__(
        self,
        *,
        base: str,
        title: str,
        key_pem: bytes,
        certificate_der: bytes,
        broker_certificate: bytes,
        citizens: Sequence[Citizen] = CITIZENS,
    ) -> None:
        self.base = base
        self._title = title
        self._citizens = {one.key: one for one in citizens}
        self.entity_id = f"{base}/metadata"
        self._key = xmlsec.Key.from_memory(key_pem, xmlsec.constants.KeyDataFormatPem)
        self._certificate = base64.b64encode(certificate_der).decode()
        key = load_der_x509_certificate(broker_certificate).public_key()
        if not isinstance(key, RSAPublicKey):
            raise TypeError("the demo country expects an RSA key of the broker")
        self._broker_key = key
        self._broker_certificate = broker_certificate

    def metadata(self) -> bytes:
        """The metadata that the broker pins: entity id, certificate and both bindings."""
        return filled("metadata.xml", base=self.base, certificate=self._certificate).encode()

    def app(self) -> FastAPI:
        """The identity provider as a web application."""
        app = FastAPI(openapi_url=None)

        async def refused(_request: Request, error: Exception) -> Response:
            return HTMLResponse(f"<h1>Refused</h1><p>{html.escape(str(error))}</p>", 400)

        app.add_exception_handler(RequestRefused, refused)

        @app.get("/metadata")
        def metadata() -> Response:
            return Response(self.metadata(), media_type="application/samlmetadata+xml")

        @app.get("/sso")
        def ask_by_redirect(request: Request) -> Response:
            fields = query(request)
            raw = request.scope["query_string"].decode()
            carried = {"query": raw, "message": "", "relay_state": fields.get("RelayState", "")}
            return self._page(self._by_redirect(raw, fields), carried, language_of(request))

        @app.post("/sso")
        async def ask_by_post(request: Request) -> Response:
            fields = await form(request, MAX_MESSAGE_BODY)
            message = fields.get("SAMLRequest", "")
            carried = {"query": "", "message": message, "relay_state": fields.get("RelayState", "")}
            return self._page(self._by_post(message), carried, language_of(request))

        @app.post("/answer")
        async def answer(request: Request) -> Response:
            fields = await form(request, MAX_MESSAGE_BODY)
            raw = fields.get("query", "")
            asked = self._by_redirect(raw, _once(raw)) if raw else self._by_post(fields.get("message", ""))
            who = self._citizens.get(fields.get("citizen", ""))
            return self._answer(asked, fields.get("relay_state", ""), who, language_of(request))

        return app

    def _by_redirect(self, raw: str, fields: Mapping[str, str]) -> etree._Element:
        """The request whose signature covers the raw query (SAML Bindings §3.4.4.1)."""
        parts = dict(part.partition("=")[::2] for part in raw.split("&"))
        signed = "&".join(f"{name}={parts[name]}" for name in ("SAMLRequest", "RelayState", "SigAlg") if name in parts)
        if fields.get("SigAlg") != RSA_SHA256:
            raise RequestRefused("the request is not signed with RSA-SHA256")
        try:
            signature = base64.b64decode(fields.get("Signature", ""), validate=True)
            self._broker_key.verify(signature, signed.encode(), PKCS1v15(), SHA256())
            packed = base64.b64decode(fields.get("SAMLRequest", ""), validate=True)
            return self._parse(zlib.decompressobj(-15).decompress(packed, MAX_REQUEST))
        except (InvalidSignature, ValueError, zlib.error) as error:
            raise RequestRefused("the request's signature does not hold") from error

    def _by_post(self, message: str) -> etree._Element:
        """The request whose enveloped signature libxmlsec verifies."""
        try:
            root = self._parse(base64.b64decode(message, validate=True))
            xmlsec.tree.add_ids(root, ["ID"])
            signature = root[1]  # behind the Issuer, where SAML Core §5.4.1 puts it
            context = xmlsec.SignatureContext()
            context.key = xmlsec.Key.from_memory(self._broker_certificate, xmlsec.constants.KeyDataFormatCertDer)
            context.verify(signature)
        except (ValueError, IndexError, TypeError, xmlsec.Error) as error:
            raise RequestRefused("the request's signature does not hold") from error
        return root

    def _parse(self, message: bytes) -> etree._Element:
        try:
            parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
            return etree.fromstring(message, parser)
        except etree.XMLSyntaxError as error:
            raise RequestRefused("the request is no XML") from error

    def _page(self, asked: etree._Element, carried: Mapping[str, str], language: str) -> Response:
        """The page that asks who you are today, where a real country asks for a card or a password."""
        asker = urllib.parse.urlsplit(asked.findtext(f"{{{SAML}}}Issuer") or "").hostname or ""
        return who_page(self._title, asker, carried, self._citizens.values(), language)

    def _answer(self, asked: etree._Element, relay_state: str, who: Citizen | None, language: str) -> Response:
        target = asked.get("AssertionConsumerServiceURL") or ""
        root = self._response(asked, who, target)
        message = base64.b64encode(etree.tostring(root)).decode()
        carried = {"SAMLResponse": message, "RelayState": relay_state}
        return HTMLResponse(page("answer.html", language, heading=self._title, target=target, carried=carried))

    def _response(self, asked: etree._Element, who: Citizen | None, target: str) -> etree._Element:
        now = datetime.now(UTC)
        context = _Context(
            request=asked.get("ID") or "",
            target=target,
            issuer=self.entity_id,
            audience=asked.findtext(f"{{{SAML}}}Issuer") or "",
            instant=_utc(now.timestamp()),
            end=_utc(now.timestamp() + ANSWER_LIFE),
        )
        root = etree.fromstring(context.response(who))
        xmlsec.tree.add_ids(root, ["ID"])
        for element in (*root.findall(f"{{{SAML}}}Assertion"), root):
            self._sign(element)
        return root

    def _sign(self, element: etree._Element) -> None:
        """An enveloped signature behind the Issuer, over exclusive canonical XML."""
        constants = xmlsec.constants
        template = xmlsec.template.create(element, constants.TransformExclC14N, constants.TransformRsaSha256, ns="ds")
        element[0].addnext(template)
        reference = xmlsec.template.add_reference(template, constants.TransformSha256, uri=f"#{element.get('ID')}")
        xmlsec.template.add_transform(reference, constants.TransformEnveloped)
        xmlsec.template.add_transform(reference, constants.TransformExclC14N)
        context = xmlsec.SignatureContext()
        context.key = self._key
        context.sign(template)


class _Context:
    """The fields of one answer, and its XML before it is signed."""

    def __init__(self, **fields: str) -> None:
        self._fields = fields

    def response(self, who: Citizen | None) -> str:
        return filled("response.xml", **self._fields, id=_fresh(), assertion=self._assertion(who) if who else "")

    def _assertion(self, who: Citizen) -> str:
        return filled("assertion.xml", **self._fields, id=_fresh(), name=_fresh(), who=who)


def who_page(title: str, asker: str, carried: Mapping[str, str], citizens: Iterable[Citizen], language: str) -> Response:
    """The page of a sign-in without a password, which carries these fields along."""
    return HTMLResponse(page("who.html", language, heading=title, asker=asker, carried=carried, citizens=citizens))


def _fresh() -> str:
    return f"_{secrets.token_hex(16)}"


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _once(raw: str) -> dict[str, str]:
    """The parameters of the query that the page carried along. Raises for a repeated one."""
    pairs = urllib.parse.parse_qsl(raw, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise RequestRefused("a repeated parameter")
    return dict(pairs)


def country_with_key(
    key: Path, *, base: str, title: str, broker_certificate: bytes, citizens: Sequence[Citizen] = CITIZENS
) -> Country:
    """A demo country at `base` with the key of a file, which is made where there is none. Raises OSError."""
    if not key.exists():
        create_saml_key(key, urllib.parse.urlsplit(base).hostname or "")
    return Country(
        base=base,
        title=title,
        key_pem=key.read_bytes(),
        certificate_der=load_signer(key).certificate,
        broker_certificate=broker_certificate,
        citizens=citizens,
    )
