"""The broker of the benchmark of tokens: that of the logins, a service that has keys, and a resource server."""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from connectors.signatures.jwk import public_jwk
from tests.benchmarks.logins_peers import CALLBACK, RelyingParty
from tests.benchmarks.logins_stage import ISSUER, PURPOSE, Running, Stage, make_stage
from tests.benchmarks.tokens_client import KeyedParty
from tests.ports import free_port

KEYED = "bench-keyed"
RESOURCE_SERVER, RESOURCE_SECRET = "bench-resources", "bench-resources-secret-0123456789"
PARTY = f"""client_id = "{KEYED}"
sector = "bench"
redirect_uris = ["{CALLBACK}"]
purposes = ["{PURPOSE}"]
token_endpoint_auth_method = "private_key_jwt"
jwks = "parties/{KEYED}.jwks.json"
dpop_bound_access_tokens = true
grant_types = ["authorization_code", "refresh_token"]
resource_servers = ["{RESOURCE_SERVER}"]
title.en = "Bench with keys"

[attributes]
family_name = "exact"
given_name = "exact"
email = "exact"
"""
RESOURCES = f"""client_id = "{RESOURCE_SERVER}"
sector = "bench"
resource_server = true
client_secret_sha256 = "{hashlib.sha256(RESOURCE_SECRET.encode()).hexdigest()}"
title.en = "Bench resources"
"""


@dataclass(frozen=True, slots=True)
class TokenStage:
    """The stage of the logins, and the service with keys."""

    base: Stage
    party: KeyedParty


def make_token_stage(folder: Path) -> TokenStage:
    """Make it. Raises as `make_stage`."""
    base = make_stage(folder)
    key, proving = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    jwk = {**public_jwk(key.public_key()), "kid": "bench", "alg": "ES256", "use": "sig"}
    parties = folder / "parties"
    (parties / f"{KEYED}.jwks.json").write_text(json.dumps({"keys": [jwk]}), encoding="utf-8")
    (parties / f"{KEYED}.toml").write_text(PARTY, encoding="utf-8")
    (parties / f"{RESOURCE_SERVER}.toml").write_text(RESOURCES, encoding="utf-8")
    asks = RelyingParty(
        scope=f"openid email profile offline_access purpose:{PURPOSE}", key=base.party.key, client=KEYED, prompt="consent"
    )
    return TokenStage(base, KeyedParty(KEYED, ISSUER, asks, key, proving))


def serve_empty(folder: Path) -> Running:
    """The empty endpoint in a process of its own, by uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.benchmarks.empty_endpoint:app", "--port", str(port)]
    return Running([*command, "--no-access-log", "--log-level", "warning"], port, cwd=Path(__file__).parents[2], log=folder)
