"""mod_auth_openidc in a private Apache, authenticating by a key of its own."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.signatures.jwk import thumbprint
from idp.demo.browser import Page
from idp.keys.file import load_signer
from tests.interop.client_stage import PUSHED, Service
from tests.interop.snippet_stage import App, apache

# As its configuration file has these directives, from its head to its foot
LINES = """\
OIDCProviderMetadataURL {ISSUER}/.well-known/openid-configuration
OIDCClientID {CLIENT_ID}
OIDCRedirectURI {REDIRECT_URI}
OIDCCryptoPassphrase {SESSION_KEY}
OIDCScope "{SCOPE}"
OIDCPKCEMethod S256
OIDCPrivateKeyFiles {KID}#{CLIENT_KEY}
OIDCProviderTokenEndpointAuth private_key_jwt
{MORE}
<Location "/">
  AuthType openid-connect
  Require valid-user
</Location>
<Location "/bye">
  AuthType None
  Require all granted
</Location>
"""
BYE = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\nGoodbye\\n'\n"


def command(service: Service, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """Apache with these lines in its one virtual host."""
    told = service.environment
    public_key = load_signer(Path(told["CLIENT_KEY"])).public_key
    kid = thumbprint(public_key)
    more = "OIDCProviderAuthRequestMethod PAR" if PUSHED in service.flow.name else ""
    if "FAPI20" in service.flow.name:
        # Its proofs carry the public half
        public = folder / "public.pem"
        public.write_bytes(public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        more = f"OIDCProfile FAPI20\nOIDCPublicKeyFiles {kid}#{public}"
    text = LINES.format(**told, MORE=more, KID=kid)
    words = apache(App(service.name, service.port, text), folder)
    bye = folder / "html" / "bye"
    bye.write_text(BYE, encoding="utf-8")
    bye.chmod(0o755)
    return words, {}


def claims(page: Page) -> Mapping[str, object]:
    """The claims that a script behind it finds in its environment: a flag is 1, an object is JSON."""
    told = dict(re.findall(r"^OIDC_CLAIM_(\w+)=(.*)$", page.text, re.MULTILINE))
    objects = {name: json.loads(value) for name, value in told.items() if value.startswith("{")}
    return {**told, **objects, "age_over_18": told.get("age_over_18") == "1"}
