"""An upstream OpenID provider of the benchmarks, and the broker that asks it: the login of `logins`, over OpenID Connect.

It lives in the driver's process, in a thread, and speaks TLS; its time counts for nobody. The broker proves itself with
private_key_jwt, the id_token is signed by RS256 with RSA-2048 as the SAML assertion is, and userinfo has the attributes.
"""

import asyncio
import hashlib
import json
import secrets
import ssl
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.client_assertion import ExpectedClientAssertion, judge_client_assertion
from connectors.signatures.jwk import public_jwk
from connectors.signatures.jws import VerificationKey, base64url, verification_key
from idp.keys.file import load_signer
from tests.benchmarks.logins_peers import SUBSTANTIAL, Answer, Connection, LoginFailedError
from tests.benchmarks.logins_stage import RSA_BITS, Stage, make_stage

CLIENT = "bench-broker"
NAME = "bench"
CALLBACK = f"/oidc/callback/{NAME}"
PROVIDER = f"""id = "{NAME}"
protocol = "oidc"
country = "EE"
namespace = "bench"
issuer = "@ISSUER@"
client_id = "{CLIENT}"
metadata = "metadata/{NAME}.json"
networks = ["127.0.0.0/8"]
title.en = "Bench sign-in"

[attributes]
family_name = "family_name"
given_name = "given_name"
email = "email"
"""


class OpenIDProvider:
    """Signs a new citizen in for each question. `with` serves it on loopback; `trusted` is the file of its authority."""

    def __init__(self, folder: Path) -> None:
        self.trusted = folder / "upstream.pem"
        self._key = rsa.generate_private_key(65537, RSA_BITS)
        self._tls = _tls(self.trusted)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._listens, self._over = threading.Event(), threading.Event()
        self._asked: dict[str, dict[str, str]] = {}
        self._people: dict[str, dict[str, str]] = {}
        self._logins = 0
        self.issuer = ""
        # by which the broker proves itself
        self.broker: list[VerificationKey] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._listens.wait(30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(30)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        async with server:
            self.issuer = f"https://localhost:{server.sockets[0].getsockname()[1]}"
            self._listens.set()
            await asyncio.to_thread(self._over.wait)

    def document(self) -> dict[str, object]:
        """Its discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "claims_parameter_supported": True,
            "authorization_response_iss_parameter_supported": True,
        }

    async def back(self, browser: Connection, location: str) -> Answer:
        """Sign in where the broker sent the browser: the broker's page for who comes back."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        if "code_challenge" not in asked:
            raise LoginFailedError(f"no question to an OpenID provider: {location[:200]}")
        code = secrets.token_urlsafe(16)
        self._asked[code] = asked
        answer = urllib.parse.urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return await browser.request("GET", f"{CALLBACK}?{answer}", sec_fetch_dest="document", sec_fetch_site="cross-site")

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the broker, which keeps it."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head.strip().split("\r\n")
                fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                told = json.dumps(self._told(line.split(" ")[1], fields, body.decode())).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(f"content-length: {len(told)}\r\n\r\n".encode() + told)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _told(self, path: str, fields: Mapping[str, str], body: str) -> Mapping[str, object]:
        if path == "/jwks":
            jwk = public_jwk(self._key.public_key())
            return {"keys": [{**jwk, "use": "sig", "alg": "RS256", "kid": "bench"}]}
        if path == "/userinfo":
            return self._people.pop(fields["authorization"].removeprefix("Bearer "))
        form = dict(urllib.parse.parse_qsl(body))
        asked = self._asked.pop(form["code"])
        expected = ExpectedClientAssertion(client_id=CLIENT, issuer=self.issuer, alg="ES256")
        judge_client_assertion(form["client_assertion"], self.broker, expected, int(time.time()))
        challenge = base64url(hashlib.sha256(form["code_verifier"].encode()).digest())
        if (asked["code_challenge"], asked["redirect_uri"]) != (challenge, form["redirect_uri"]):
            raise ConnectionError("the code is not for this")
        access = secrets.token_urlsafe(16)
        return {"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": self._id_token(asked, access)}

    def _id_token(self, asked: Mapping[str, str], access: str) -> str:
        self._logins += 1
        now, subject = int(time.time()), f"user{self._logins}"
        mail = f"{subject}@example.test"
        self._people[access] = {"sub": subject, "given_name": "Anna", "family_name": "Müller", "email": mail}
        claims = {
            "iss": self.issuer,
            "sub": subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": asked["nonce"],
            "acr": SUBSTANTIAL,
            "at_hash": base64url(hashlib.sha256(access.encode()).digest()[:16]),
        }
        head, body = (base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "bench"}, claims))
        octets = f"{head}.{body}".encode()
        return f"{head}.{body}.{base64url(self._key.sign(octets, PKCS1v15(), SHA256()))}"


def make_openid_stage(folder: Path, provider: OpenIDProvider) -> Stage:
    """The stage of the logins, but for its provider, which is this one. Raises as `make_stage`."""
    made = make_stage(folder)
    (folder / "providers" / f"{NAME}.toml").write_text(PROVIDER.replace("@ISSUER@", provider.issuer), encoding="utf-8")
    (folder / "metadata" / f"{NAME}.json").write_text(json.dumps(provider.document()), encoding="utf-8")
    (folder / "metadata" / f"{NAME}.xml").unlink()
    signer = load_signer(folder / "keys" / "openid.pem")
    provider.broker = [verification_key(signer.public_key, "ES256", signer.key_id)]
    return replace(made, environment={"SSL_CERT_FILE": str(provider.trusted)})


def _tls(file: Path) -> ssl.SSLContext:
    """TLS for localhost, by a certificate that is its own authority and lies in `file` with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=30))
        .add_extension(names, critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
