"""npm `openid-client` opens what we encrypt to it: an id_token, and userinfo that is signed inside."""

import json
from collections.abc import Iterator, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.signatures.jwk import public_jwk
from idp.demo.scene import Scene
from idp.keys.file import FileSigner
from tests.interop.node import Node, require_node
from tests.interop.walking import login, opened

pytestmark = pytest.mark.peer

OURS, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
ANSWERS = "".join(
    f'{of}_encrypted_response_alg = "ECDH-ES+A256KW"\n{of}_encrypted_response_enc = "A256GCM"\n'
    for of in ("id_token", "userinfo")
)


class EncryptedScene(Scene):
    """A `Scene` whose parking service registered a key to encrypt to."""

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        folder = self.receiving / "parties"
        key = {**public_jwk(OURS.public_key()), "use": "enc", "kid": "opens"}
        (folder / "parking.jwks.json").write_text(json.dumps({"keys": [key]}), encoding="ascii")
        text = (folder / "parking.toml").read_text(encoding="utf-8")
        named = f'userinfo_signed_response_alg = "ES256"\n{ANSWERS}jwks = "parties/parking.jwks.json"\n'
        (folder / "parking.toml").write_text(named + text, encoding="utf-8")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require_node("openid-client")
    with opened(EncryptedScene(tmp_path_factory.mktemp("encrypted") / "stage", fixed=False)) as scene:
        yield scene


def _signed_in(scene: Scene, key: ec.EllipticCurvePrivateKey, **metadata: str) -> dict[str, object]:
    """The relying party's word on a login, which it tries to open with this key."""
    service = scene.city._parties["parking"].service
    asked = {
        "issuer": scene.issuer,
        "client_id": "parking",
        "redirect_uri": service.redirect_uri,
        "scope": f"openid purpose:{service.purpose}",
        "alg": "ES256",
        "secret": service.secret,
        "decryption": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "decryption_kid": "opens",
        "metadata": {"userinfo_signed_response_alg": "ES256", **metadata},
    }
    with Node("openid_client_rp.mjs", {}) as rp:
        url = rp.ask({"begin": asked})["url"]
        return rp.ask({"answer": login(scene, str(url))})


@pytest.mark.spec("OpenID Connect Core §10.2")
def test_it_opens_both_and_verifies_what_is_inside(scene: Scene) -> None:
    said = _signed_in(scene, OURS)
    claims, userinfo, header = said["claims"], said["userinfo"], said["header"]
    assert isinstance(claims, dict)
    assert isinstance(userinfo, dict)
    assert isinstance(header, dict)
    assert (header["alg"], header["enc"], header["kid"], header["cty"]) == ("ECDH-ES+A256KW", "A256GCM", "opens", "JWT")
    assert (userinfo["iss"], userinfo["aud"], userinfo["age_over_18"]) == (scene.issuer, "parking", True)
    assert claims["sub"] == userinfo["sub"]


def test_with_another_key_it_opens_nothing_and_another_algorithm_it_refuses(scene: Scene) -> None:
    assert "refused" in _signed_in(scene, OTHER)
    assert "refused" in _signed_in(scene, OURS, userinfo_signed_response_alg="PS256")
