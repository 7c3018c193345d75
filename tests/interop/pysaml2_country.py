"""pysaml2 as a country's identity provider on a real socket, and the demo's stage with it beside the demo country.

It verifies our requests and signs its answers with xmlsec1; what it answers with can be told to be wrong.
"""

import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any  # pysaml2 has no types

from cryptography.utils import CryptographyDeprecationWarning
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.metadata import create_metadata_string
from saml2.saml import NAMEID_FORMAT_TRANSIENT, NameID
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

from idp.demo.loopback import client, send
from idp.demo.scene import HOST, Scene
from idp.endpoints.http import MAX_MESSAGE_BODY, form, query
from idp.keys.file import FileSigner, create_saml_key
from idp.server import Server, bind

with warnings.catch_warnings():
    # It names ciphers where cryptography had them before
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from saml2.server import Server as PySaml2

XMLSEC1 = Path("/usr/bin/xmlsec1")
HIGH = "http://eidas.europa.eu/LoA/high"
OTHER_AUDIENCE = "https://other.example/metadata"
PERSON = {
    "sn": "Kalnins",
    "givenName": "Andris",
    "schacDateOfBirth": "19750704",
    "schacPersonalUniqueID": "LV-040775-11111",
    "mail": "andris@post.example",
    "street": "Harbour Square 3",
    "postalCode": "4714",
    "l": "Storkhaven",
    "c": "NL",
}
PROVIDER = """\
id = "pysaml2"
country = "LV"
namespace = "demo/LV"
entity_id = "@BASE@/metadata"
metadata = "metadata/pysaml2.xml"
binding = "@BINDING@"
subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"

[title]
en = "pysaml2"
"""
Settings = dict[str, Any]  # Any: pysaml2's configuration is a nested dict of everything


class PySaml2Country:
    """One pysaml2 identity provider. `audience` and `loa` are what it says; `spoil` changes the message after signing."""

    def __init__(self, folder: Path) -> None:
        self.socket = bind(HOST, 0)
        self.base = f"http://latvia.localhost:{self.socket.getsockname()[1]}"
        self._folder = folder
        create_saml_key(folder / "whole.pem", "latvia.localhost")
        key, mark, certificate = (folder / "whole.pem").read_text(encoding="ascii").partition("-----BEGIN CERTIFICATE")
        (folder / "key.pem").write_text(key, encoding="ascii")
        (folder / "certificate.pem").write_text(mark + certificate, encoding="ascii")
        self.audience = ""
        self.loa = HIGH
        self.spoil: tuple[str, str] | None = None
        self.signed = {"sign_response": True, "sign_assertion": True}
        self.heard: list[str] = []
        self._server: Server | None = None

    def metadata(self) -> bytes:
        text: str = create_metadata_string(None, IdPConfig().load(self._settings(())), sign=False)
        return text.encode() if isinstance(text, str) else text

    def open(self, broker_metadata: str) -> None:
        """Begin to answer, knowing the broker by the metadata that it publishes."""
        logging.getLogger("saml2").setLevel(logging.CRITICAL)
        # The other service that it may answer for: the broker's metadata under another name
        other = re.sub(r' entityID="[^"]*"', f' entityID="{OTHER_AUDIENCE}"', broker_metadata, count=1)
        self._idp = PySaml2(config=IdPConfig().load(self._settings((broker_metadata, other))))
        self._server = Server(self._app(), self.socket)
        self._thread = Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._thread.join(10)

    def _settings(self, known: tuple[str, ...]) -> Settings:
        sso = [(f"{self.base}/sso", binding) for binding in (BINDING_HTTP_REDIRECT, BINDING_HTTP_POST)]
        return {
            "entityid": f"{self.base}/metadata",
            "xmlsec_binary": str(XMLSEC1),
            "key_file": str(self._folder / "key.pem"),
            "cert_file": str(self._folder / "certificate.pem"),
            "metadata": {"inline": list(known)},
            "service": {
                "idp": {
                    "endpoints": {"single_sign_on_service": sso},
                    "want_authn_requests_signed": True,
                    "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
                }
            },
        }

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/sso")
        def by_redirect(request: Request) -> Response:
            return self._answer(query(request), BINDING_HTTP_REDIRECT)

        @app.post("/sso")
        async def by_post(request: Request) -> Response:
            return self._answer(await form(request, MAX_MESSAGE_BODY), BINDING_HTTP_POST)

        return app

    def _answer(self, fields: Mapping[str, str], binding: str) -> Response:
        detached = {"sigalg": fields.get("SigAlg"), "signature": fields.get("Signature")}
        asked = self._idp.parse_authn_request(
            fields["SAMLRequest"],
            binding,
            relay_state=fields.get("RelayState"),
            **(detached if binding == BINDING_HTTP_REDIRECT else {}),
        ).message
        self.heard.append(asked.requested_authn_context.authn_context_class_ref[0].text)
        response = self._idp.create_authn_response(
            PERSON,
            in_response_to=asked.id,
            destination=asked.assertion_consumer_service_url,
            sp_entity_id=self.audience or asked.issuer.text,
            name_id=NameID(format=NAMEID_FORMAT_TRANSIENT, text="_once"),
            authn={"class_ref": self.loa, "authn_auth": self.base},
            sign_alg=SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
            **self.signed,
        )
        text = str(response)
        if self.spoil is not None:
            assert self.spoil[0] in text
            text = text.replace(*self.spoil)
        applied = self._idp.apply_binding(
            BINDING_HTTP_POST, text, asked.assertion_consumer_service_url, fields.get("RelayState", ""), response=True
        )
        return HTMLResponse("".join(applied["data"]) if isinstance(applied["data"], list) else applied["data"])


class StageWithPySaml2(Scene):
    """The demo's stage, and pysaml2 as the provider `pysaml2` that the broker asks by `binding`."""

    def __init__(self, folder: Path, binding: str) -> None:
        folder.mkdir()
        (folder / "pysaml2").mkdir()
        self.other = PySaml2Country(folder / "pysaml2")
        self._binding = binding
        super().__init__(folder, fixed=False)

    def open(self) -> None:
        super().open()
        with client() as http:
            self.other.open(send(http, "GET", f"{self.issuer}/saml/metadata").text)

    def close(self) -> None:
        self.other.close()
        super().close()

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        own = (self.receiving / "providers" / "demo-ee.toml").read_text(encoding="utf-8")
        attributes = own[own.index("[attributes]") :]
        text = PROVIDER.replace("@BASE@", self.other.base).replace("@BINDING@", self._binding)
        (self.receiving / "providers" / "pysaml2.toml").write_text(f"{text}\n{attributes}", encoding="utf-8")
        (self.receiving / "metadata" / "pysaml2.xml").write_bytes(self.other.metadata())
