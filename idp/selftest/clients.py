"""Relying parties whose registration asks for what their library needs, and those that ask for what nobody gets.

What refuses is the key of the registration that its operator mends.
"""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from importlib import resources

from cryptography.hazmat.primitives.asymmetric import ec

from connectors.attacks.attack_case import AttackCase, Entrance, accepted, refused
from connectors.attacks.key_holders import KeyHolder, ec_holder
from connectors.signatures.jwk import public_jwk
from idp.protocols.oidc.client import Clients
from policies.load import load

CANNOT_WORK = "registration: clients"
VALID = "valid registrations of clients"
FILE, KEYS = "parties/selftest.toml", "parties/selftest.jwks.json"
PURPOSE = "purposes/resident-parking.toml"
ENCRYPTED = 'id_token_encrypted_response_alg = "ECDH-ES"\nid_token_encrypted_response_enc = "A128GCM"\n'


def client_cases(now: int) -> Iterator[AttackCase]:
    """Every case, with new names and secrets."""
    at = _entrance(ec_holder("sp.selftest.example", now, ec.SECP256R1()))
    secret, key = _by_secret(), _by_key()
    valid: Mapping[str, str] = {
        "a secret in the header": secret,
        "a secret in the form": secret.replace("_basic", "_post"),
        "a nonce in place of pkce": f'{secret}pkce = "optional"\n',
        "claims in the id_token": f"{secret}claims_in_id_token = true\n",
        "id_tokens of rs256": f'{secret}id_token_signed_response_alg = "RS256"\n',
        "signed userinfo": f'{secret}userinfo_signed_response_alg = "ES256"\n',
        "assertions": key,
        "assertions for the token endpoint": f'{key}assertion_audience = "token_endpoint"\n',
        "assertions of ten minutes": f"{key}assertion_life = 600\n",
    }
    for what, text in (*valid.items(), *_public_ones()):
        yield accepted(VALID, what, at, text.encode())
    hostile: Mapping[str, tuple[str, str]] = {
        "pkce that proves nothing": (f'{secret}pkce = "plain"\n', "pkce"),
        "no pkce of a client without a secret": (f'{_named()}public = true\npkce = "optional"\n', "pkce"),
        "claims by a word": (f'{secret}claims_in_id_token = "yes"\n', "claims_in_id_token"),
        "id_tokens under its secret": (f'{secret}id_token_signed_response_alg = "HS256"\n', "id_token_signed_response_alg"),
        "answers by rsa 1.5": (f"{secret}{ENCRYPTED}".replace("ECDH-ES", "RSA1_5"), "id_token_encrypted_response_alg"),
        "answers to a key that signs": (f"{key}{ENCRYPTED}", "jwks"),
        "a secret and assertions": (f'{secret}jwks = "{KEYS}"\n', "jwks"),
        "a secret that signs": (secret.replace("_basic", "_jwt"), "token_endpoint_auth_method"),
        "no secret in the form": (
            secret.replace("_basic", "_post").replace("client_secret_sha256", "#"),
            "client_secret_sha256",
        ),
        "an audience of a secret": (f'{secret}assertion_audience = "token_endpoint"\n', "assertion_audience"),
        "an address of its own as audience": (f'{key}assertion_audience = "https://x.example"\n', "assertion_audience"),
        "any audience": (f'{key}assertion_audience = "*"\n', "assertion_audience"),
        "assertions of more than ten minutes": (f"{key}assertion_life = 601\n", "assertion_life"),
        "assertions that end at once": (f"{key}assertion_life = 0\n", "assertion_life"),
        "assertions and a secret": (f'{key}client_secret_sha256 = "{secrets.token_hex(32)}"\n', "client_secret_sha256"),
    }
    for what, (text, known_by) in (*hostile.items(), *_not_public().items()):
        yield refused(CANNOT_WORK, what, at, text.encode(), known_by)


def _public_ones() -> Iterator[tuple[str, str]]:
    yield "a page", f"{_named()}public = true\n"
    yield "a page elsewhere", f'{_named()}public = true\norigins = ["https://app.example:8443"]\n'
    yield "a page that says it", f'{_named()}public = true\ntoken_endpoint_auth_method = "none"\n'
    for what, uri in (
        ("a loopback address", "http://127.0.0.1/done"),
        ("a loopback address of ipv6", "http://[::1]/done"),
        ("a scheme of an app", "org.example.app:/done"),
    ):
        yield what, _at(uri)


def _not_public() -> Mapping[str, tuple[str, str]]:
    """Clients that are half public, and texts that only look like an address of an app or an origin."""
    public = f"{_named()}public = true\n"
    addresses = {
        "localhost": "http://localhost/done",
        "a loopback address with a port": "http://127.0.0.1:8080/done",
        "a scheme without a dot": "app:/done",
        "a script": "javascript:alert(1)",
        "a scheme in capitals": "Org.example.app:/done",
        "a scheme without a path": "org.example.app:done",
        "a scheme with a query": "org.example.app:/done?code=1",
        "a scheme with a fragment": "org.example.app:/done#x",
        "a scheme with dots": "org.example.app:/a/../done",
    }
    origins = {
        "null": "null",
        "every origin": "*",
        "the usual port": "https://app.example:443",
        "an address without https": "http://app.example",
    }
    return {
        **{f"answered at {what}": (_at(uri), "redirect_uris") for what, uri in addresses.items()},
        **{f"pages at {what}": (f'{public}origins = ["{one}"]\n', "origins") for what, one in origins.items()},
        "public, and no page": (f"{public}origins = []\n", "origins"),
        "pages of a client with a secret": (f'{_by_secret()}origins = ["https://app.example"]\n', "origins"),
        "a scheme of a client with a secret": (_answered("org.example.app:/done", _by_secret()), "redirect_uris"),
        "public by its method alone": (_by_secret().replace("client_secret_basic", "none"), "token_endpoint_auth_method"),
        "public, with a secret": (f"{_by_secret()}public = true\n", "token_endpoint_auth_method"),
        "public, and a secret is left": (f'{public}client_secret_sha256 = "{"0" * 64}"\n', "client_secret_sha256"),
        "public, with keys": (f'{public}jwks = "{KEYS}"\n', "jwks"),
    }


def _at(uri: str) -> str:
    return _answered(uri, f"{_named()}public = true\n")


def _answered(uri: str, text: str) -> str:
    return re.sub(r"redirect_uris = .*", lambda _: f'redirect_uris = ["{uri}"]', text)


def _entrance(holder: KeyHolder) -> Entrance:
    """A whole configuration around the one registration, loaded as the server loads it."""
    purpose = resources.files("idp.demo").joinpath("receiving", PURPOSE).read_bytes()
    keys = json.dumps({"keys": [{**public_jwk(holder.key.public_key()), "kid": "selftest"}]}).encode()

    def judge(octets: bytes) -> None:
        configuration = load({FILE: octets, KEYS: keys, PURPOSE: purpose})
        Clients(issuer="https://id.storkhaven.example", parties=configuration.clients)

    return Entrance("client registration", judge, None)


def _named() -> str:
    name = f"selftest-{secrets.token_hex(8)}"
    return (
        f'client_id = "{name}"\ntitle.en = "Self-test"\nsector = "{name}"\n'
        f'redirect_uris = ["https://{name}.example/callback"]\npurposes = ["resident-parking"]\n'
    )


def _by_secret() -> str:
    digest = secrets.token_hex(32)
    return f'{_named()}token_endpoint_auth_method = "client_secret_basic"\nclient_secret_sha256 = "{digest}"\n'


def _by_key() -> str:
    return f'{_named()}token_endpoint_auth_method = "private_key_jwt"\njwks = "{KEYS}"\n'
