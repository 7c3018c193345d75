"""Every key that signs is in a token (SoftHSM2), and logins go through: what it signs holds at each reader."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.config.settings import load_settings
from idp.demo.border import Border
from idp.demo.walk import walk, walk_card
from idp.keys.folder import load_keys
from idp.keys.hsm.private_keys import TokenEdwardsKey, TokenMac
from idp.keys.ledger_files import LOG_VKEY, list_log_keys
from tests.softhsm import SoftHsm, name_instead, softhsm

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Border]:
    folder = tmp_path_factory.mktemp("hsm")
    with softhsm(folder / "hsm") as token:
        made = Border(folder / "border", fixed=False, processes=True, card=True)
        _into(token, made.receiving)
        try:
            made.open()
            yield made
        finally:
            made.close()


def _into(token: SoftHsm, city: Path) -> None:
    """Move the city's keys: what peers have pinned is brought, the rest is made in the token."""
    settings = load_settings(city)
    keys = settings.key_folder
    for name in ("saml.pem", "node.pem", "node-metadata.pem", "openid.pem"):
        name_instead(keys / name, token.bring(name.removesuffix(".pem"), keys / name))
    made = {
        "es256.pem": "EC:prime256v1",
        "rs256.pem": "rsa:3072",
        "log.key": "EC:edwards25519",
        "pairwise.key": "GENERIC:32",
    }
    for name, kind in made.items():
        name_instead(keys / name, token.generate(Path(name).stem, kind))
    (keys / LOG_VKEY).unlink()
    list_log_keys(keys, settings.origin)


def test_logins_go_through_with_keys_that_stay_in_the_token(border: Border) -> None:
    by_card = walk_card(border)
    assert by_card.released["sub"]
    assert "receiving" in by_card.ledgers, "its leaf was proved under a checkpoint that the token signed"
    crossing = walk(border, service="library")
    assert crossing.arrived


def test_no_private_key_is_in_the_folder(border: Border) -> None:
    settings = load_settings(border.receiving)
    keys = load_keys(settings.key_folder, settings.origin)
    assert isinstance(keys.pairwise, TokenMac)
    assert isinstance(keys.ledger.log.ring.scheduled[0].key.signer, TokenEdwardsKey)
    files = {path.name for path in settings.key_folder.iterdir() if b"PRIVATE KEY" in path.read_bytes()}
    decrypting = {"node-encryption.pem", "openid-encryption.pem", "saml-encryption.pem"}
    assert files == decrypting, "only keys that decrypt are files"
