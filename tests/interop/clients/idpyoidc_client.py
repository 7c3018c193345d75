"""idpyoidc: its relying party handler with the configuration of its documentation, and private_key_jwt."""

import os

from cryptojwt.key_jar import init_key_jar
from flask import Flask, Response, jsonify, redirect, request
from idpyoidc.client.rp_handler import RPHandler
from werkzeug.wrappers import Response as Redirection

ISSUER = os.environ["ISSUER"]
OPENID = {
    "client_type": "oidc",
    "client_id": os.environ["CLIENT_ID"],
    "issuer": ISSUER,
    "redirect_uris": [os.environ["REDIRECT_URI"]],
    "response_types_supported": ["code"],
    "scopes_supported": os.environ["SCOPE"].split(),
    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    "client_authn_methods": ["private_key_jwt", "bearer_header"],
    "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
    "add_ons": {
        "pkce": {
            "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
            "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
        }
    },
}
KEYS = [{"type": "EC", "crv": "P-256", "use": ["sig"], "key": os.environ["CLIENT_KEY"]}]

app = Flask(__name__)
handler = RPHandler(
    base_url=os.environ["BASE"], client_configs={ISSUER: OPENID}, keyjar=init_key_jar(key_defs=KEYS, issuer_id="")
)


@app.route("/login")
def login() -> Redirection:
    """The first of the three methods that its documentation names."""
    return redirect(handler.begin(issuer_id=ISSUER))


@app.route("/callback")
def callback() -> Response:
    """The third of them."""
    ended = handler.finalize(ISSUER, request.args.to_dict())
    return jsonify(ended["userinfo"].to_dict() if "userinfo" in ended else {"error": str(ended)})


if __name__ == "__main__":
    app.run("127.0.0.1", int(os.environ["PORT"]))
