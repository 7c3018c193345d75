"""A passkey in software (Web Authentication Level 3 §6): it answers as an authenticator that verified its holder."""

import hashlib
import json
import os

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.signatures.jws import base64url
from idp.demo.browser import Browser, Page

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class SoftwarePasskey:
    """One passkey of one origin."""

    def __init__(self, origin: str, host: str) -> None:
        self._origin, self._rp = origin, hashlib.sha256(host.encode()).digest()
        self._key, self._id = generate_private_key(SECP256R1()), os.urandom(16)

    def _said(self, kind: str, options: str) -> bytes:
        said = {"type": f"webauthn.{kind}", "challenge": json.loads(options)["challenge"], "origin": self._origin}
        return json.dumps(said).encode()

    def _answer(self, **response: bytes) -> str:
        told = {name: base64url(value) for name, value in response.items()}
        return json.dumps({"id": base64url(self._id), "rawId": base64url(self._id), "type": "public-key", "response": told})

    def made(self, options: str) -> str:
        """The answer to a question that enrols it."""
        point = self._key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        head = self._rp + bytes([PRESENT | VERIFIED | ATTESTED]) + bytes(4)
        data = head + bytes(16) + len(self._id).to_bytes(2) + self._id + cbor2.dumps(cose)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(clientDataJSON=self._said("create", options), attestationObject=attestation)

    def used(self, options: str, flags: int = PRESENT | VERIFIED) -> str:
        """The answer to a question that signs in."""
        said, data = self._said("get", options), self._rp + bytes([flags]) + bytes(4)
        signature = self._key.sign(data + hashlib.sha256(said).digest(), ECDSA(SHA256()))
        return self._answer(clientDataJSON=said, authenticatorData=data, signature=signature)


def options_in(page: Page) -> str:
    """The question that a page asks a passkey."""
    return str(page.tree.xpath("//form[@id='passkey']")[0].get("data-options"))


def enrol(browser: Browser, link: str, key: SoftwarePasskey) -> Page:
    """Open a one-time link and enrol this passkey."""
    page = browser.get(link.partition("#")[0])
    return browser.submit(page, {"answer": key.made(options_in(page)), "token": link.partition("#")[2]})


def sign_in(browser: Browser, url: str, key: SoftwarePasskey) -> Page:
    """Sign in with it."""
    page = browser.get(f"{url}/sign-in/passkey")
    return browser.submit(page, {"answer": key.used(options_in(page))})
