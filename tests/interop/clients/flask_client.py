"""flask-oidc: the example of its documentation, with the file `client_secrets.json` that it asks for."""

import json
import os
from pathlib import Path

from flask import Flask, Response, jsonify, session
from flask_oidc import OpenIDConnect

ISSUER = os.environ["ISSUER"]
told = {"client_id": os.environ["CLIENT_ID"], "client_secret": os.environ["CLIENT_SECRET"], "issuer": ISSUER}
Path("client_secrets.json").write_text(json.dumps({"web": told}), encoding="utf-8")

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ["SESSION_KEY"],
    OIDC_CLIENT_SECRETS="client_secrets.json",
    OIDC_SCOPES=os.environ["SCOPE"],
)
oidc = OpenIDConnect(app)


@app.route("/")
@oidc.require_login
def claims() -> Response:
    """The claims that it keeps in its session."""
    return jsonify(session["oidc_auth_profile"])


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]))
