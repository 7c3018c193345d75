"""A key of one provider's own: its file's name says whose it is, it changes as any other, and it is for nothing else."""

import shutil
from pathlib import Path

import pytest

from connectors.signatures.key_ring import moment
from idp.keys.change import make
from idp.keys.file import create_saml_key
from idp.keys.folder import SAML_ENCRYPTION, create_keys, load_keys
from idp.keys.kinds import KINDS, kind_named, kind_of, own_encryption, own_encryptions, owner
from policies.errors import Misconfigured
from policies.parties import ProviderId

ORIGIN = "broker.example/log"
LLNG = ProviderId("llng")
KIND = own_encryption(LLNG)
BEGINS = moment("20991231T2359Z") or 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("folder") / "keys"
    create_keys(path, ORIGIN, "broker.example", saml_encryption=True)
    create_saml_key(path / KIND.file, "broker.example")
    return path


@pytest.fixture
def keys(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "keys"))


def test_a_file_says_whose_key_it_holds_and_since_when() -> None:
    assert KIND.file == "saml-encryption.llng.pem"
    for file in (KIND.file, KIND.file_from(BEGINS)):
        assert kind_of(file) == KIND
        assert KINDS["saml-encryption"].begins(file) is None, "it is none of the common ones"
    assert (owner(KIND), owner(KINDS["saml-encryption"])) == (LLNG, None)
    assert kind_named("saml-encryption.llng") == KIND
    dotted = own_encryption(ProviderId("idp.login.city_role-2.example"))
    assert (kind_of(dotted.file), kind_of(dotted.file_from(BEGINS))) == (dotted, dotted)


def test_it_is_a_ring_of_its_own_that_can_be_rotated_and_revoked(keys: Path) -> None:
    make(keys, KIND, BEGINS, host="broker.example", now=BEGINS - 9, production=True)
    loaded = load_keys(keys, ORIGIN)
    ring = loaded.own_encryption[LLNG]
    assert list(own_encryptions(keys)) == [LLNG]
    assert [each.file for each in ring.scheduled] == [KIND.file_from(BEGINS), KIND.file]
    assert loaded.rings[KIND.name] is ring
    assert loaded.saml_encryption is not None
    assert len(loaded.saml_encryption.scheduled) == 1
    first, later = ring.at(BEGINS - 1), ring.at(BEGINS)
    assert ring.published(BEGINS) == (later, first)
    loaded.obey(lambda key_id: 1 if key_id == later.key_id else 0)
    assert ring.published(BEGINS) == (first,)
    assert loaded.only({"saml"}).own_encryption == {}
    assert loaded.only({KIND.name}).own_encryption == {LLNG: ring}


def test_a_server_takes_its_next_key_up_and_a_first_one_at_a_new_start(keys: Path) -> None:
    loaded = load_keys(keys, ORIGIN)
    make(keys, KIND, BEGINS, host="broker.example", now=BEGINS - 9, production=True)
    create_saml_key(keys / own_encryption(ProviderId("other")).file, "broker.example")
    loaded.take(load_keys(keys, ORIGIN))
    assert len(loaded.own_encryption[LLNG].scheduled) == 2
    assert list(loaded.own_encryption) == [LLNG]


def test_it_holds_no_other_key_and_one_that_does_not_serve_is_named(keys: Path) -> None:
    (keys / KIND.file).write_bytes((keys / SAML_ENCRYPTION).read_bytes())
    with pytest.raises(Misconfigured) as refusal:
        load_keys(keys, ORIGIN)
    (problem,) = refusal.value.problems
    assert "each purpose has a key of its own" in problem.what
    (keys / KIND.file).unlink()
    (keys / KIND.file).symlink_to(keys / "nowhere.pem")
    with pytest.raises(Misconfigured) as refusal:
        load_keys(keys, ORIGIN)
    assert "cannot be read" in refusal.value.problems[0].what
