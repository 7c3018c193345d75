"""Services of a realm of Keycloak, imported into a broker's folder, sign citizens in there: one of each protocol."""

import base64
import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from idp.cli import app
from tests.idp.cli.imports import peer_files
from tests.idp.cli.imports.peer_files import SECRET
from tests.idp.cli.test_party_command import contents
from tests.idp.web.saml_party import ACS, ENTITY, SamlParty
from tests.idp.web.stage import Stage
from tests.idp.web.test_saml_services_http import PAIRWISE, answered
from tests.idp.web.visitor import Visitor

CALLBACK = "https://tickets.storkhaven.example/callback"


def imported(stage: Stage, folder: Path, library: SamlParty) -> dict[str, str]:
    """The files that the import writes into the stage's folder."""
    of_saml = peer_files.saml_client(folder) | {"clientId": ENTITY}
    of_saml["attributes"] = {
        "saml_assertion_consumer_url_post": ACS,
        "saml.client.signature": "true",
        "saml.signing.certificate": base64.b64encode(library.signer.certificate).decode(),
        "saml_name_id_format": "persistent",
    }
    file = peer_files.realm(folder, peer_files.openid_client("tickets"), of_saml)
    # To read the database as a file would end the locks that SQLite has on it here
    city = Path(shutil.copytree(stage.receiving, folder / "city", ignore=shutil.ignore_patterns("ciconia.db*")))
    before = contents(city)
    arguments = ["import", "keycloak", str(file), "--purpose", "resident-parking", "--config", str(city), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, json.loads(result.stdout)["left"]) == (0, []), result.output
    return {name: text.decode() for name, text in contents(city).items() if name not in before}


def test_an_imported_client_and_an_imported_service_sign_citizens_in(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, encrypts=False)
    files = imported(stage, tmp_path, library)
    with stage.other_broker(tmp_path / "b", {}, files) as visitor.port:
        code = visitor.code(client_id="tickets", redirect_uri=CALLBACK)
        called = visitor.basic("tickets", SECRET)
        tokens = json.loads(visitor.redeem(code, authorization=called, redirect_uri=CALLBACK).text)
        claims = json.loads(visitor.userinfo(tokens["access_token"]).text)
        # The secret of before is the secret of now, and no other
        assert visitor.redeem(code, authorization=visitor.basic("tickets", "another"), redirect_uri=CALLBACK).status == 401
        answer = answered(visitor, library.asks(visitor))
        heard = library.read(answer, stage.application.keys.saml.at(0).certificate)
    assert claims["age_over_18"] is True
    assert heard.statuses == ["Success"]
    assert heard.text("saml:Audience") == ENTITY
    assert heard.value("saml:NameID", "Format").endswith(":persistent")
    assert PAIRWISE not in heard.attributes
    assert f"{stage.issuer}/attributes/age_over_18" in heard.attributes
