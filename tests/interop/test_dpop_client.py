"""npm `openid-client` with PAR and DPoP under the FAPI 2.0 profile: it sends again what we ask a nonce for."""

from collections.abc import Iterator, Mapping

import pytest

from connectors.signatures.jwk import thumbprint
from idp.demo.scene import Scene
from idp.keys.file import FileSigner
from tests.interop.node import Node, require_node
from tests.interop.walking import login, opened

pytestmark = pytest.mark.peer
REDIRECT = "http://127.0.0.1:9/fares/callback"
STRICT = 'profile = "fapi2"\ndpop_bound_access_tokens = true\npurposes ='


class StrictScene(Scene):
    """The demo's city, its service of fares registered for the profile."""

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        path = self.receiving / "parties" / "fares.toml"
        text = path.read_text(encoding="utf-8").replace(f"{self.city_base}/fares/callback", REDIRECT)
        path.write_text(text.replace("purposes =", STRICT, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StrictScene]:
    require_node("openid-client")
    with opened(StrictScene(tmp_path_factory.mktemp("dpop") / "stage", fixed=False)) as scene:
        yield scene


@pytest.fixture
def rp(scene: StrictScene) -> Iterator[Node]:  # noqa: ARG001 - the scene is there before its relying party
    with Node("openid_client_rp.mjs", {}) as node:
        yield node


def _begin(scene: StrictScene, rp: Node) -> str:
    service = scene.city._parties["fares"].service
    assert service.signer is not None
    asked = {
        "issuer": scene.issuer,
        "client_id": "fares",
        "redirect_uri": REDIRECT,
        "scope": "openid",
        "alg": "ES256",
        "key": (scene.folder / "parties" / "fares.pem").read_text(encoding="ascii"),
        "kid": thumbprint(service.signer.public_key),
        "dpop": True,
    }
    said = rp.ask({"begin": asked})
    assert "request_uri=" in str(said.get("url")), said
    return str(said["url"])


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-happy-flow")
@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-dpopproof-at-par-endpoint-binding-success")
@pytest.mark.spec("RFC 9449 §8")
def test_a_certified_client_signs_in_with_par_dpop_and_the_nonce_that_it_is_asked_for(scene: StrictScene, rp: Node) -> None:
    said = rp.ask({"answer": login(scene, _begin(scene, rp), "juhan")})
    assert said.get("type") == "dpop", said
    userinfo, claims = said["userinfo"], said["claims"]
    assert isinstance(userinfo, dict)
    assert isinstance(claims, dict)
    assert (userinfo["sub"], userinfo["age_over_60"]) == (claims["sub"], True)


@pytest.mark.spec("FAPI2 OP fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt")
def test_another_key_redeems_nothing(scene: StrictScene, rp: Node) -> None:
    said = rp.ask({"answer": login(scene, _begin(scene, rp), "juhan"), "forget": "key"})
    assert said["said"] == "invalid_grant", said
