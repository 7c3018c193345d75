"""docs/rotate-a-key.md: every key stands in its table, its commands change the key that they say and no other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from idp.settings import load_settings
from tests.docs.newcomer import Newcomer
from tests.docs.operators import Block, blocks_of
from tests.docs.pages import DOCS

PAGE = DOCS / "rotate-a-key.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = blocks_of(PAGE)
TOKENS, SEALING, SAML = "Change the key of id_tokens", "Change the sealing key", "Change the key for identity providers"
ENCRYPTION = "Change the key to which identity providers encrypt"


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Newcomer]:
    """An operator with a broker that runs."""
    somebody = Newcomer(tmp_path)
    somebody.follow(Block("before", "console", "$ ciconia init city\n$ ciconia serve --config city\n"))
    yield somebody
    somebody.close()


def _served(operator: Newcomer, path: str) -> str:
    """What the proxy in front gets."""
    settings = load_settings(operator.desk / "city")
    headers = {"host": settings.issuer.partition("://")[2], "x-forwarded-proto": "https"}
    answer = httpx2.get(f"http://127.0.0.1:{settings.port}{path}", headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text


def _keys(operator: Newcomer) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (operator.desk / "city" / "keys").iterdir()}


def _kids(operator: Newcomer) -> dict[str, str]:
    return {str(key["alg"]): str(key["kid"]) for key in json.loads(_served(operator, "/jwks"))["keys"]}


def _certificate(operator: Newcomer, use: str = "signing") -> str:
    described = rf'KeyDescriptor use="{use}">.*?<ds:X509Certificate>([^<]+)<'
    (found,) = re.findall(described, _served(operator, "/saml/metadata"), re.DOTALL)
    return str(found)


@pytest.mark.slow
def test_whoever_follows_the_page_changes_each_key_alone(operator: Newcomer) -> None:
    kids, certificate, encryption = _kids(operator), _certificate(operator), _certificate(operator, "encryption")
    files = {TOKENS: "es256.pem", SEALING: "sealing.key", SAML: "saml.pem", ENCRYPTION: "saml-encryption.pem"}
    for section, file in files.items():
        before = _keys(operator)
        first = next(block for block in BLOCKS if block.section == section)
        operator.follow(first)
        after = _keys(operator)
        assert {name for name in before if before[name] != after[name]} == {file}
    assert _kids(operator)["ES256"] != kids["ES256"]
    assert _kids(operator)["RS256"] == kids["RS256"]
    assert _certificate(operator) != certificate
    assert _certificate(operator, "encryption") != encryption
    operator.follow(BLOCKS[-1])
    assert not (operator.desk / "fresh").exists()


@pytest.mark.slow
def test_every_key_that_init_makes_stands_in_the_table(operator: Newcomer) -> None:
    table = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`([\w-]+\.(?:key|vkey|pem))`", table)) == set(_keys(operator))


def test_every_block_belongs_to_a_section_that_is_followed() -> None:
    assert {block.section for block in BLOCKS} == {TOKENS, SEALING, SAML, ENCRYPTION}
    assert BLOCKS[-1].text.startswith("$ rm -r fresh")
