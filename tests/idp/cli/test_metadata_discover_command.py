"""`ciconia metadata discover` fetches a discovery document once, and writes what a registration can pin."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.oidc.metadata import read_provider_metadata
from connectors.wire.claims import Json
from idp.cli import app
from tests.connectors.oidc.upstream import Upstream, upstream

WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture
def op() -> Iterator[Upstream]:
    with upstream(0) as made:
        made.odd[WELL_KNOWN] = lambda handler: handler.tell(made.document())
        yield made


def discover(issuer: str, out: Path) -> tuple[int, dict[str, Json]]:
    arguments = ["metadata", "discover", issuer, str(out), "--network", "127.0.0.0/8", "--demo", "--json"]
    found = CliRunner().invoke(app, arguments)
    told = json.loads(found.stdout)
    return found.exit_code, told.get("error", told)


def test_the_document_is_written_with_its_digest_and_never_over_another(op: Upstream, tmp_path: Path) -> None:
    out = tmp_path / "op.json"
    code, told = discover(op.base, out)
    assert (code, told["sha256"]) == (0, sha256(out.read_bytes()).hexdigest())
    assert read_provider_metadata(out.read_bytes(), op.base, demo=True).token_endpoint == f"{op.base}/token"
    assert discover(op.base, out)[1]["code"] == "unwritable"


@pytest.mark.spec("OpenID Connect Discovery §4.3")
def test_a_document_of_another_issuer_is_not_written(op: Upstream, tmp_path: Path) -> None:
    out = tmp_path / "op.json"
    op.odd[WELL_KNOWN] = lambda handler: handler.tell(op.document(issuer="https://other.example"))
    code, told = discover(op.base, out)
    assert (code, told["code"], out.exists()) == (2, "metadata_refused", False)
    op.odd[WELL_KNOWN] = lambda handler: handler.tell("", 302, Location="https://other.example/")
    assert discover(op.base, out)[1]["code"] == "redirect"
