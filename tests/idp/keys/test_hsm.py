"""Keys in a token (SoftHSM2): each kind signs, another key under its name counts for nothing, a token may go and come."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.signatures.jws import sign
from idp.keys.file import create_saml_key, load_saml_unwrapper, load_signer
from idp.keys.hsm import module
from idp.keys.hsm.address import read_key_address
from idp.keys.hsm.private_keys import TokenMac, token_key
from idp.keys.secret_files import PAIRWISE_KEY, load_pairwise
from policies.errors import BrokerError, KeysUnavailable, Misconfigured, Problem
from policies.parties import Sector, SubjectNamespace, Tenant
from policies.pseudonyms import pairwise_subject
from tests.softhsm import MODULE, PIN, SoftHsm, name_instead, softhsm

pytestmark = pytest.mark.peer
DATA = b"what is signed"


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    with softhsm(tmp_path / "hsm") as made:
        yield made
        # The next test has another configuration, which the module reads when it is opened
        module._before_fork()
        module._after_fork()


def _file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def _curve(token: SoftHsm, label: str = "es256") -> ec.EllipticCurvePrivateKey:
    found = token_key(read_key_address(token.generate(label, "EC:prime256v1").encode()))
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return found


def test_every_kind_of_signature_verifies_and_no_key_leaves_the_token(token: SoftHsm) -> None:
    kinds = {"es256": "EC:prime256v1", "rs256": "rsa:3072", "log": "EC:edwards25519"}
    keys = [token_key(read_key_address(token.generate(label, kind).encode())) for label, kind in kinds.items()]
    for key in keys:
        if isinstance(key, rsa.RSAPrivateKey):
            key.public_key().verify(key.sign(DATA, PKCS1v15(), SHA512()), DATA, PKCS1v15(), SHA512())
            padding = PSS(MGF1(SHA512()), SHA512.digest_size)
            key.public_key().verify(key.sign(DATA, padding, SHA512()), DATA, padding, SHA512())
        elif isinstance(key, ec.EllipticCurvePrivateKey):
            key.public_key().verify(key.sign(DATA, ec.ECDSA(SHA256())), DATA, ec.ECDSA(SHA256()))
        else:
            key.public_key().verify(key.sign(DATA), DATA)
        with pytest.raises(BrokerError):
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        assert PIN not in repr(key) + str(vars(key))
    assert {type(key).__mro__[2] for key in keys} == {
        ec.EllipticCurvePrivateKey,
        rsa.RSAPrivateKey,
        ed25519.Ed25519PrivateKey,
    }


def test_a_secret_of_the_token_makes_the_same_identifiers_again(token: SoftHsm) -> None:
    address = read_key_address(token.generate("pairwise", "GENERIC:32").encode())
    made = [
        pairwise_subject(TokenMac(address), Tenant("city"), Sector(sector), SubjectNamespace("ee"), "EE/NL/1")
        for sector in ("parking", "parking", "library")
    ]
    assert made[0] == made[1] != made[2]


def test_a_token_that_goes_is_503_and_one_that_comes_back_signs_again(token: SoftHsm, tmp_path: Path) -> None:
    file = _file(tmp_path / "es256.pem", token.generate("es256", "EC:prime256v1"))
    signer = load_signer(file)
    token.take_out()
    with pytest.raises(KeysUnavailable, match=r"token=ciconia .*plug it in") as caught:
        sign({"sub": "x"}, signer, alg="ES256", typ="JWT")
    assert PIN not in str(caught.value)
    token.put_in()
    assert sign({"sub": "x"}, signer, alg="ES256", typ="JWT").count(".") == 2


def test_another_key_under_the_same_name_signs_nothing(token: SoftHsm, tmp_path: Path) -> None:
    key = _curve(token)
    token.take_out()
    with softhsm(tmp_path / "other") as other:
        other.generate("es256", "EC:prime256v1")
        module._before_fork()
        module._after_fork()
        with pytest.raises(KeysUnavailable, match="another key than the one that others know"):
            key.sign(DATA, ec.ECDSA(SHA256()))


def test_another_secret_under_the_same_name_makes_no_identifier(token: SoftHsm, tmp_path: Path) -> None:
    found: list[Problem] = []
    _file(tmp_path / PAIRWISE_KEY, token.generate("pairwise", "GENERIC:32"))
    key = load_pairwise(tmp_path, found)
    assert callable(key)
    assert not found
    before = key(DATA)
    token.take_out()
    with softhsm(tmp_path / "other") as other:
        other.generate("pairwise", "GENERIC:32")
        module._before_fork()
        module._after_fork()
        with pytest.raises(KeysUnavailable, match="another key than the one that others know"):
            key(DATA)
    module._before_fork()
    module._after_fork()
    token.put_in()
    assert key(DATA) == before


def test_a_refused_pin_is_not_tried_again_since_tokens_lock(token: SoftHsm) -> None:
    address = token.generate("es256", "EC:prime256v1").encode()
    token.pin.write_text("wrong-pin\n")
    asked = 0
    for _ in range(3):
        with pytest.raises(KeysUnavailable) as caught:
            token_key(read_key_address(address))
        asked += "PinIncorrect" in caught.value.detail
        assert "wrong-pin" not in caught.value.detail
    assert asked == 1
    token.pin.write_text(f"{PIN}\n")
    assert token_key(read_key_address(address))


def _tried_by(address: bytes, processes: int) -> list[str]:
    """The messages to so many processes that load the key at the same moment, as workers do after an outage."""
    reading, writing = os.pipe()
    begin, go = os.pipe()
    children = []
    for _ in range(processes):
        children.append(os.fork())
        if children[-1] == 0:
            try:
                os.close(go)
                os.read(begin, 1)
                token_key(read_key_address(address))
                said = "signs"
            except KeysUnavailable as error:
                said = error.detail
            os.write(writing, f"{said}\n".encode())
            os._exit(0)
    os.close(begin)
    os.close(go)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    os.close(writing)
    with os.fdopen(reading) as told:
        return told.read().splitlines()


def test_a_wrong_pin_is_tried_once_by_all_processes_together_and_by_none_that_starts_later(token: SoftHsm) -> None:
    address = token.generate("es256", "EC:prime256v1").encode()
    assert _tried_by(address, 6) == ["signs"] * 6
    token.pin.write_text("wrong-pin\n")
    told = _tried_by(address, 6)
    assert sum("PinIncorrect" in one for one in told) == 1, told
    assert sum("log in once with the token's own program" in one for one in told) == 5, told
    assert "PinIncorrect" not in str(_tried_by(address, 2))
    token.pin.write_text(f"{PIN}\n")
    assert "log in once" in _tried_by(address, 1)[0]
    token.tool(
        "pkcs11-tool", "--module", str(MODULE), "--token-label", "ciconia", "--login", "--pin", PIN, "--list-objects"
    )
    assert _tried_by(address, 2) == ["signs"] * 2


def test_a_pin_comes_from_the_environment_and_from_no_file_that_others_read(
    token: SoftHsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = token.generate("es256", "EC:prime256v1")
    token.pin.chmod(0o644)
    with pytest.raises(KeysUnavailable, match="others than its owner may read"):
        token_key(read_key_address(address.encode()))
    monkeypatch.setenv("TOKEN_PIN", PIN)
    assert token_key(read_key_address(address.replace(f"file:{token.pin}", "env:TOKEN_PIN").encode()))


def test_a_module_that_somebody_else_closed_is_opened_again(token: SoftHsm) -> None:
    import pkcs11  # noqa: PLC0415 - only where the peer is

    key = _curve(token)
    pkcs11.lib(str(MODULE)).finalize()
    key.public_key().verify(key.sign(DATA, ec.ECDSA(SHA256())), DATA, ec.ECDSA(SHA256()))


def test_both_sides_of_a_fork_sign(token: SoftHsm) -> None:
    key = _curve(token)
    child = os.fork()
    if child == 0:
        try:
            key.public_key().verify(key.sign(DATA, ec.ECDSA(SHA256())), DATA, ec.ECDSA(SHA256()))
        except BaseException:  # noqa: BLE001 - the parent judges
            os._exit(1)
        os._exit(0)
    key.public_key().verify(key.sign(DATA, ec.ECDSA(SHA256())), DATA, ec.ECDSA(SHA256()))
    assert os.waitpid(child, 0)[1] == 0


def test_threads_take_turns(token: SoftHsm) -> None:
    keys, failed = [_curve(token, f"key{number}") for number in range(3)], []

    def signs(key: ec.EllipticCurvePrivateKey) -> None:
        try:
            for _ in range(50):
                key.public_key().verify(key.sign(DATA, ec.ECDSA(SHA256())), DATA, ec.ECDSA(SHA256()))
        except Exception as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=signs, args=(key,)) for key in keys * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_certificate_of_another_key_is_refused_and_so_is_a_key_that_decrypts(token: SoftHsm, tmp_path: Path) -> None:
    file, other = tmp_path / "saml.pem", tmp_path / "other.pem"
    create_saml_key(file)
    create_saml_key(other)
    address = token.bring("saml", file)
    name_instead(file, address)
    assert load_signer(file).certificate
    name_instead(other, address)
    with pytest.raises(Misconfigured, match="of another key"):
        load_signer(other)
    with pytest.raises(Misconfigured, match="has to be in the file itself"):
        load_saml_unwrapper(file)
