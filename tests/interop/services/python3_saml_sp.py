"""python3-saml as a service provider: the settings of its README, strict, behind Flask as in its example."""

import os
from pathlib import Path
from typing import Any  # it has no types

from flask import Flask, Response, jsonify, redirect, request, session
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from werkzeug.wrappers import Response as Redirection

BASE, FLOW = os.environ["BASE"], os.environ["FLOW"]
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
OWN: dict[str, Any] = {
    "strict": True,
    "sp": {
        "entityId": f"{BASE}/metadata",
        "assertionConsumerService": {"url": f"{BASE}/acs", "binding": POST},
        "singleLogoutService": {"url": f"{BASE}/gone", "binding": POST.replace("POST", "Redirect")},
        "x509cert": Path(os.environ["CERT"]).read_text(encoding="ascii"),
        "privateKey": Path(os.environ["KEY"]).read_text(encoding="ascii"),
    },
    "security": {
        "authnRequestsSigned": True,
        "logoutRequestSigned": True,
        "logoutResponseSigned": True,
        "wantMessagesSigned": True,
        "wantAssertionsSigned": True,
        "wantAssertionsEncrypted": "wantAssertionsEncrypted" in FLOW,
        "requestedAuthnContext": "requestedAuthnContext" not in FLOW,
    },
}
BROKER = OneLogin_Saml2_IdPMetadataParser.parse(Path(os.environ["BROKER_METADATA"]).read_text(encoding="utf-8"))
SETTINGS = OneLogin_Saml2_IdPMetadataParser.merge_settings(OWN, BROKER)
app = Flask(__name__)
app.secret_key = os.urandom(32)


def auth() -> Any:
    """What its example makes of a request."""
    host, _, port = request.host.partition(":")
    told = {
        "https": "off",
        "http_host": host,
        "server_port": port,
        "script_name": request.path,
        "get_data": request.args.copy(),
        "post_data": request.form.copy(),
    }
    return OneLogin_Saml2_Auth(told, SETTINGS)


@app.route("/metadata")
def metadata() -> Response:
    """As its example has it."""
    return Response(OneLogin_Saml2_Settings(SETTINGS, sp_validation_only=True).get_sp_metadata(), mimetype="text/xml")


@app.route("/login")
def login() -> Redirection:
    """The request's id is kept for the answer."""
    one = auth()
    url = one.login(BASE)
    session["asked"] = one.get_last_request_id()
    return redirect(url)


@app.route("/acs", methods=["POST"])
def answered() -> Response | tuple[str, int]:
    """Its errors, or the attributes."""
    one = auth()
    one.process_response(request_id=session.get("asked"))
    if one.get_errors() or not one.is_authenticated():
        return f"<p>Refused: {one.get_errors()} {one.get_last_error_reason()}</p>", 403
    session["person"] = [one.get_nameid(), one.get_session_index(), one.get_nameid_format()]
    return jsonify(one.get_attributes())


@app.route("/logout")
def logout() -> Redirection:
    """As its example has it."""
    one = auth()
    name, index, form = session["person"]
    url = one.logout(name_id=name, session_index=index, name_id_format=form)
    session["asked"] = one.get_last_request_id()
    return redirect(url)


@app.route("/gone")
def gone() -> Redirection | str | tuple[str, int]:
    """Its errors, its answer to a request, or nobody."""
    one = auth()
    url = one.process_slo(request_id=session["asked"], delete_session_cb=session.clear)
    if url and not one.get_errors():
        return redirect(url)
    if one.get_errors() or session:
        return f"<p>Refused: {one.get_errors()} {one.get_last_error_reason()}</p>", 403
    return "<p>signed out</p>"


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]))
