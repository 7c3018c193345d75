"""pysaml2 as a service provider: the configuration of its documentation, and its client's methods, behind Flask."""

import base64
import os
from typing import Any  # pysaml2 has no types

from flask import Flask, Response, jsonify, redirect, request, session
from lxml import etree
from saml2 import BINDING_HTTP_ARTIFACT, BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, SAMLError
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.ident import code, decode
from saml2.metadata import create_metadata_string
from saml2.s_utils import sid
from saml2.samlp import NAMESPACE
from saml2.sigver import get_xmlsec_binary
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256
from werkzeug.wrappers import Response as Redirection

REASON = "urn:oasis:names:tc:SAML:2.0:logout:user"
BASE, FLOW = os.environ["BASE"], os.environ["FLOW"]
KEYS = {"key_file": os.environ["KEY"], "cert_file": os.environ["CERT"]}
ARTIFACT = [(f"{BASE}/artifact", BINDING_HTTP_ARTIFACT)] if "artifact" in FLOW else []


def configuration() -> Any:
    """Both parts of an answer have to be signed, and belong to a request of ours."""
    return SPConfig().load(
        {
            "entityid": f"{BASE}/metadata",
            "xmlsec_binary": get_xmlsec_binary(["/usr/bin"]),
            "metadata": {"local": [os.environ["BROKER_METADATA"]]},
            "allow_unknown_attributes": True,
            **KEYS,
            **({"encryption_keypairs": [KEYS]} if "encrypted" in FLOW else {}),
            "service": {
                "sp": {
                    "endpoints": {
                        "assertion_consumer_service": [(f"{BASE}/acs", BINDING_HTTP_POST), *ARTIFACT],
                        "single_logout_service": [(f"{BASE}/gone", BINDING_HTTP_REDIRECT)],
                    },
                    "logout_requests_signed": True,
                    "authn_requests_signed": True,
                    "want_response_signed": True,
                    "want_assertions_signed": True,
                    "allow_unsolicited": False,
                    "signing_algorithm": SIG_RSA_SHA256,
                    "digest_algorithm": DIGEST_SHA256,
                }
            },
        }
    )


app = Flask(__name__)
app.secret_key = os.urandom(32)
service = Saml2Client(config=configuration())
service.allow_unsolicited = "allow_unsolicited" in FLOW


@app.route("/metadata")
def metadata() -> Response:
    """As `make_metadata.py` writes it."""
    return Response(create_metadata_string(None, configuration(), sign=False), mimetype="application/samlmetadata+xml")


@app.route("/login")
def login() -> Redirection | str:
    """The request that the client prepares, by the binding that it is told."""
    binding = BINDING_HTTP_POST if "POST" in FLOW else BINDING_HTTP_REDIRECT
    answers = BINDING_HTTP_ARTIFACT if "artifact" in FLOW else BINDING_HTTP_POST
    name, sent = service.prepare_for_authenticate(relay_state="/", binding=binding, response_binding=answers)
    session["asked"] = {name: "/"}
    return redirect(dict(sent["headers"])["Location"]) if binding == BINDING_HTTP_REDIRECT else str(sent["data"])


@app.route("/artifact")
def brought() -> Response | tuple[str, int]:
    """A signed question resolves it; the Response is cut out of the envelope, in the prefixes that it has."""
    artifact = request.args["SAMLart"]
    to = service.artifact2destination(artifact, "idpsso")
    _, question = service.create_artifact_resolve(artifact, to, sid(), sign=False)
    told = service.send_using_soap(service.sign(question, sign_prepare=True), to, sign=True)
    found = etree.fromstring(told.content).find(f".//{{{NAMESPACE}}}Response") if told else None
    if found is None:
        return "<p>Refused: no message</p>", 403
    return judged(base64.b64encode(etree.tostring(found)).decode(), BINDING_HTTP_ARTIFACT)


@app.route("/acs", methods=["POST"])
def answered() -> Response | tuple[str, int]:
    """An answer by POST."""
    return judged(request.form["SAMLResponse"], BINDING_HTTP_POST)


def judged(answer: str, binding: str) -> Response | tuple[str, int]:
    """What the client believes of an answer."""
    try:
        asked = session.pop("asked", {})
        read = service.parse_authn_request_response(answer, binding, asked)
    except (SAMLError, AssertionError) as error:
        return f"<p>Refused: {type(error).__name__}: {error}</p>", 403
    if read:
        session["person"] = code(read.name_id)
    return jsonify(read.ava) if read else ("<p>Refused</p>", 403)


@app.route("/logout")
def logout() -> Redirection:
    """By the binding of the broker that its client is told."""
    entity, binding = os.environ["BROKER"], BINDING_HTTP_REDIRECT
    sent = service.do_logout(decode(session.pop("person")), [entity], REASON, None, sign=True, expected_binding=binding)
    return redirect(dict(sent[entity][1]["headers"])["Location"])


@app.route("/gone")
def gone() -> Redirection | str | tuple[str, int]:
    """What the client believes of the answer, and its own to a request. An answer's signature it leaves to its caller."""
    try:
        if "SAMLRequest" in request.args:
            person, given, binding = decode(session.pop("person")), request.args, BINDING_HTTP_REDIRECT
            said = {"sign": True, "sign_alg": SIG_RSA_SHA256, "sigalg": given["SigAlg"], "signature": given["Signature"]}
            sent = service.handle_logout_request(given["SAMLRequest"], person, binding, **said)
            return redirect(dict(sent["headers"])["Location"])
        read = service.parse_logout_request_response(request.args["SAMLResponse"], BINDING_HTTP_REDIRECT)
    except (SAMLError, AssertionError) as error:
        return f"<p>Refused: {type(error).__name__}: {error}</p>", 403
    return "<p>signed out</p>" if read else ("<p>Refused</p>", 403)


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]))
