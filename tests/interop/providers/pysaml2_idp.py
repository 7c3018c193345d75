"""pysaml2 as an identity provider: its `Server`, as the IdP of its own examples uses it, behind one address.

Its configuration has no setting for the cipher: `use_cipher` replaces the two defaults that it takes, as operators do.
"""

import base64
import html
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any  # pysaml2 has no types
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

import saml2.entity
import saml2.sigver
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.authn_context import PASSWORD
from saml2.config import IdPConfig
from saml2.metadata import create_metadata_string
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
FORM = (
    "<!doctype html><title>pysaml2</title><form method=post action='{}'><input type=hidden name=SAMLResponse value='{}'>"
    "<input type=hidden name=RelayState value='{}'><button>Continue</button></form>"
)


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
    flow = os.environ["FLOW"]
    algorithms = {"signing_algorithm": SIG_RSA_SHA256, "digest_algorithm": DIGEST_SHA256}
    signed = {"sign_response": not flow.startswith("assertion"), "sign_assertion": not flow.startswith("response")}
    return {
        "entityid": f"{base}/metadata",
        "xmlsec_binary": get_xmlsec_binary(["/usr/bin"]),
        "key_file": os.environ["KEY"],
        "cert_file": os.environ["CERT"],
        "metadata": {"local": [os.environ["BROKER_METADATA"]]},
        "service": {
            "idp": {
                "endpoints": {"single_sign_on_service": sso},
                "want_authn_requests_signed": True,
                "encrypt_assertion": "encrypted" in flow,
                "policy": {"default": {"lifetime": {"minutes": 15}, "attribute_restrictions": None}},
                **signed,
                **({} if "no algorithm" in flow else algorithms),
            }
        },
    }


def answer(idp: Server, fields: dict[str, str], binding: str) -> bytes:
    """Verify the request, and sign somebody in."""
    detached = {"sigalg": fields.get("SigAlg"), "signature": fields.get("Signature")}
    asked = idp.parse_authn_request(
        fields["SAMLRequest"],
        binding,
        relay_state=fields.get("RelayState"),
        **(detached if binding == BINDING_HTTP_REDIRECT else {}),
    )
    arguments = idp.response_args(asked.message, [BINDING_HTTP_POST])
    arguments.pop("binding")
    response = idp.create_authn_response(
        IDENTITY, userid="astrid", authn={"class_ref": PASSWORD, "authn_auth": os.environ["BASE"]}, **arguments
    )
    encoded = base64.b64encode(str(response).encode()).decode()
    values = (arguments["destination"], encoded, fields.get("RelayState", ""))
    return FORM.format(*(html.escape(each, quote=True) for each in values)).encode()


def app(idp: Server, metadata: bytes) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """Its one page, and its metadata."""

    def called(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metadata":
            start("200 OK", [("Content-Type", "application/samlmetadata+xml")])
            return [metadata]
        posted = environ["REQUEST_METHOD"] == "POST"
        text = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode() if posted else environ["QUERY_STRING"]
        fields = {name: values[0] for name, values in parse_qs(text).items()}
        page = answer(idp, fields, BINDING_HTTP_POST if posted else BINDING_HTTP_REDIRECT)
        start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [page]

    return called


if __name__ == "__main__":
    use_cipher(os.environ["FLOW"])
    configured = settings(os.environ["BASE"])
    described = create_metadata_string(None, IdPConfig().load(configured), sign=False)
    octets = described.encode() if isinstance(described, str) else described
    server = make_server("127.0.0.1", int(os.environ["PORT"]), app(Server(config=IdPConfig().load(configured)), octets))
    server.serve_forever()
