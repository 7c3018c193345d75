"""pysaml2 as an identity provider: its `Server`, as the IdP of its own examples uses it, behind one address.

Its configuration has no setting for the cipher: `use_cipher` replaces the two defaults that it takes, as operators do.
"""

import base64
import html
import os
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any  # pysaml2 has no types
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

import saml2.entity
import saml2.sigver
from saml2 import BINDING_HTTP_ARTIFACT, BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_SOAP
from saml2.authn_context import PASSWORD, AuthnBroker, authn_context_class_ref
from saml2.config import IdPConfig
from saml2.metadata import create_metadata_string
from saml2.saml import NAMEID_FORMAT_TRANSIENT
from saml2.samlp import STATUS_NO_AUTHN_CONTEXT, NameIDPolicy, response_from_string
from saml2.server import Server
from saml2.sigver import get_xmlsec_binary
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

IDENTITY = {
    "sn": "Lindqvistsson",
    "givenName": "Astrid-Margareta",
    "schacDateOfBirth": "19820311",
    "schacPersonalUniqueID": "SE-19820311-2384",
    "mail": "astrid.lindqvistsson@post.example",
    "l": "Storkhaven",
    "c": "NL",
}
XMLENC = "http://www.w3.org/2001/04/xmlenc#"
POSTING = (
    "<!doctype html><title>pysaml2</title><form method=post action='{}'><input type=hidden name=SAMLResponse value='{}'>"
    "<input type=hidden name=RelayState value='{}'><button>Continue</button></form>"
)
SIGN_IN = (
    "<!doctype html><title>pysaml2</title><form method=post action=/sign-in><input type=hidden name=id value='{}'>"
    "<input type=password name=password><button>Sign in</button></form>"
)
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
BROKER, FLOW = os.environ["BROKER"], os.environ["FLOW"]


def use_cipher(flow: str) -> None:
    """Encrypt with the AES that a flow names, in place of 3DES."""
    _, found, name = flow.partition("encrypted with aes")
    if not found:
        return
    bits, _, mode = name.partition(":")[0].partition("-")
    uri = f"{XMLENC}aes{bits}-cbc" if mode == "cbc" else f"http://www.w3.org/2009/xmlenc11#aes{bits}-gcm"
    saml2.entity.pre_encryption_part = partial(saml2.sigver.pre_encryption_part, msg_enc=uri)
    encrypt = saml2.sigver.SecurityContext.encrypt_assertion

    def encrypted(self: Any, statement: Any, enc_key: Any, template: Any, **more: Any) -> Any:
        return encrypt(self, statement, enc_key, template, **{**more, "key_type": f"aes-{bits}"})

    saml2.sigver.SecurityContext.encrypt_assertion = encrypted


def settings(base: str) -> dict[str, Any]:
    """The settings of `idp_conf.py` in its examples, with the algorithms that its page on configuration names."""
    sso = [(f"{base}/sso", BINDING_HTTP_REDIRECT), (f"{base}/sso", BINDING_HTTP_POST)]
    flow = FLOW
    ends = [(f"{base}/gone", BINDING_HTTP_REDIRECT)]
    resolves = (
        {"artifact_resolution_service": [(f"{base}/artifact", BINDING_SOAP, 12336 if "12336" in flow else 0)]}
        if "artifact" in flow
        else {}
    )
    algorithms = {"signing_algorithm": SIG_RSA_SHA256, "digest_algorithm": DIGEST_SHA256}
    signed = {"sign_response": "assertion signed" not in flow, "sign_assertion": "response signed" not in flow}
    return {
        "entityid": f"{base}/metadata",
        "xmlsec_binary": get_xmlsec_binary(["/usr/bin"]),
        "key_file": os.environ["KEY"],
        "cert_file": os.environ["CERT"],
        "metadata": {"local": [os.environ["BROKER_METADATA"]]},
        "service": {
            "idp": {
                "endpoints": {"single_sign_on_service": sso, "single_logout_service": ends, **resolves},
                "want_authn_requests_signed": True,
                "encrypt_assertion": "encrypted" in flow,
                "policy": {"default": {"lifetime": {"minutes": 15}, "attribute_restrictions": None}},
                **signed,
                **({} if "no algorithm" in flow else algorithms),
            }
        },
    }


@dataclass
class Asked:
    """What lies here while somebody signs in: where the answer goes, and what it is to."""

    arguments: dict[str, Any]
    relay_state: str
    context: Any = None


class Provider:
    """The pages of `idp.py` in its examples. Whoever signed in has a cookie, and is not asked again unless forced."""

    def __init__(self, idp: Server, metadata: bytes) -> None:
        self.idp, self.metadata = idp, metadata
        self.classes = AuthnBroker()
        self.classes.add(authn_context_class_ref(PASSWORD), "password", 10, os.environ["BASE"])
        self.waiting: dict[str, Asked] = {}
        self.signed_in: dict[str, float] = {}
        # NameID and SessionIndex of the last answer
        self.person: tuple[Any, str] | None = None

    def sso(self, fields: dict[str, str], binding: str, cookie: str) -> bytes:
        """Verify the request, and answer at once where somebody is here."""
        detached = {"sigalg": fields.get("SigAlg"), "signature": fields.get("Signature")}
        read = self.idp.parse_authn_request(
            fields["SAMLRequest"],
            binding,
            relay_state=fields.get("RelayState"),
            **(detached if binding == BINDING_HTTP_REDIRECT else {}),
        ).message
        arguments = self.idp.response_args(read, [BINDING_HTTP_ARTIFACT if "artifact" in FLOW else BINDING_HTTP_POST])
        arguments.pop("binding")
        asked = Asked(arguments, fields.get("RelayState", ""), read.requested_authn_context)
        return (
            self.sign_in(asked)
            if read.force_authn == "true" or cookie not in self.signed_in
            else self.answer(asked, cookie)
        )

    def unasked(self, to: str, cookie: str) -> bytes:
        """An answer to nobody's request."""
        policy = NameIDPolicy(format=NAMEID_FORMAT_TRANSIENT)
        arguments = {"in_response_to": None, "destination": to, "sp_entity_id": BROKER, "name_id_policy": policy}
        asked = Asked(arguments, "parking")
        return self.answer(asked, cookie) if cookie in self.signed_in else self.sign_in(asked)

    def sign_in(self, asked: Asked) -> bytes:
        """The page that asks for a password."""
        name = secrets.token_hex(8)
        self.waiting[name] = asked
        return SIGN_IN.format(name).encode()

    def answer(self, asked: Asked, cookie: str) -> bytes:
        """A Response of the first class that the request takes, or of no class."""
        found = self.classes.pick(asked.context)
        if asked.context is not None and not found:
            told = asked.arguments
            why = (STATUS_NO_AUTHN_CONTEXT, "No class of those")
            made = self.idp.create_error_response(told["in_response_to"], told["destination"], why, sign=True)
            return self.posted(str(made), asked)
        chosen = self.classes[found[0][1]] if found else self.classes.get_authn_by_accr(PASSWORD)
        authn = {**chosen, "authn_instant": self.signed_in[cookie]}
        made = self.idp.create_authn_response(IDENTITY, userid="astrid", authn=authn, **asked.arguments)
        said = response_from_string(str(made))
        if said.assertion:
            self.person = said.assertion[0].subject.name_id, said.assertion[0].authn_statement[0].session_index
        return self.posted(str(made), asked)

    def posted(self, message: str, asked: Asked) -> bytes:
        """The page that posts a message; the address that brings an artifact."""
        to = asked.arguments["destination"]
        if "artifact" in FLOW:
            artifact = self.idp.use_artifact(response_from_string(message), 0)
            sent = self.idp.use_http_artifact(artifact, to, asked.relay_state)
            return str(sent["url"]).encode()
        encoded = base64.b64encode(message.encode()).decode()
        return POSTING.format(*(html.escape(each, quote=True) for each in (to, encoded, asked.relay_state))).encode()

    def resolved(self, body: str) -> bytes:
        """What an ArtifactResolve asks for. It has no check of who asks."""
        found = self.idp.parse_artifact_resolve(body)
        name = found.artifact.text
        told = self.idp.create_artifact_response(found, name, [BINDING_SOAP], sign=False, issuer=self.idp._issuer())
        self.idp.artifact.pop(name)
        # Its own way to make an envelope puts Response before Issuer
        return ENVELOPE.format(str(told).partition("?>")[2] or told).encode()

    def logout(self, by: str) -> bytes:
        """The address to which the browser brings a LogoutRequest, or what a page says after one over SOAP."""
        assert self.person is not None
        binding = BINDING_SOAP if by == "soap" else BINDING_HTTP_REDIRECT
        to = next(iter(self.idp.metadata.single_logout_service(BROKER, binding, "spsso")))["location"]
        name, index = self.person
        _, request = self.idp.create_logout_request(to, BROKER, name_id=name, session_indexes=[index], sign=False)
        if binding == BINDING_HTTP_REDIRECT:
            sent = self.idp.apply_binding(binding, str(request), to, "back", sign=True)
            return str(dict(sent["headers"])["Location"]).encode()
        told = self.idp.send_using_soap(self.idp.sign(request, sign_prepare=True), to, sign=True)
        return self.ended(told.text, BINDING_SOAP)

    def ended(self, message: str, binding: str) -> bytes:
        """What it believes of a LogoutResponse. The signature of a query it leaves to its caller."""
        read = self.idp.parse_logout_request_response(message, binding)
        return b"<p>signed out</p>" if read and read.status_ok() else b"<p>Refused</p>"

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Its pages, and its metadata."""
        path, posted = environ["PATH_INFO"], environ["REQUEST_METHOD"] == "POST"
        text = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode() if posted else environ["QUERY_STRING"]
        cookie = environ.get("HTTP_COOKIE", "").partition("=")[2]
        headers = [("Content-Type", "text/html; charset=utf-8")]
        fields = {} if path == "/artifact" else {name: values[0] for name, values in parse_qs(text).items()}
        if path == "/metadata":
            page, headers = self.metadata, [("Content-Type", "application/samlmetadata+xml")]
        elif path == "/sign-in":
            cookie = secrets.token_hex(8)
            self.signed_in[cookie] = time.time()
            page = self.answer(self.waiting.pop(fields["id"]), cookie)
            headers.append(("Set-Cookie", f"here={cookie}"))
        elif path == "/unasked":
            page = self.unasked(fields["to"], cookie)
        elif path == "/artifact":
            page, headers = self.resolved(text), [("Content-Type", "text/xml")]
        elif path == "/logout":
            page = self.logout(fields["by"])
        elif path == "/gone":
            page = self.ended(fields["SAMLResponse"], BINDING_HTTP_REDIRECT)
        else:
            page = self.sso(fields, BINDING_HTTP_POST if posted else BINDING_HTTP_REDIRECT, cookie)
        if page.startswith(b"http"):
            headers.append(("Location", page.decode()))
        start("302 Found" if page.startswith(b"http") else "200 OK", headers)
        return [page]


if __name__ == "__main__":
    use_cipher(FLOW)
    configured = settings(os.environ["BASE"])
    described = create_metadata_string(None, IdPConfig().load(configured), sign=False)
    octets = described.encode() if isinstance(described, str) else described
    provider = Provider(Server(config=IdPConfig().load(configured)), octets)
    make_server("127.0.0.1", int(os.environ["PORT"]), provider).serve_forever()
