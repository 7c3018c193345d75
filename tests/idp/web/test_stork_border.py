"""STORK between two of our own brokers over real sockets: a city asks, a citizen's country informs and answers."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any  # JSON

import pytest
from lxml import etree
from structlog.testing import capture_logs

from connectors.formats.stork.registry import BASE
from idp.keys.file import FileSigner, load_signer, load_unwrapper
from tests.connectors import forge
from tests.connectors.stork.test_stork_connector import OLD
from tests.idp.cli.inspecting import inspect, only
from tests.idp.staging import Clock, opened
from tests.idp.web.finland import ORGANIZATION
from tests.idp.web.stage import Stage
from tests.idp.web.test_enforced_http import ENFORCED, PURPOSE
from tests.idp.web.visitor import Answer, Visitor
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.stage import NodeStage, _pem

ASKS = """\
id = "nl"
protocol = "stork"
country = "NL"
entity_id = "{issuer}/stork"
url = "{issuer}/stork/acs"
certificates = "metadata/nl-stork.pem"
encryption_certificate = "metadata/nl-stork-encryption.pem"
persons = ["natural", "for_legal"]
middleware = true
deviations = ["sha1_signature"]
[title]
en = "S-PEPS of the Netherlands"
"""
ASKED = """\
id = "ee-stork"
protocol = "stork"
title.en = "Estonia over STORK"
country = "EE"
namespace = "stork/EE"
entity_id = "{issuer}/stork"
url = "{issuer}/stork/sso"
certificates = "metadata/ee-stork.pem"
middleware = true
sp_id = "STORKHAVEN"
"""


class StorkStage(Stage):
    """The city of `Stage`, and Estonia as a middleware country that it asks over STORK: two brokers."""

    node: NodeStage
    abroad = NodeStage

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        settings = self.receiving / "ciconia.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(f'country = "NL"\n{text}{ORGANIZATION}', encoding="utf-8")
        keys = self.receiving / "keys"
        more = {
            "nodes/nl-stork.toml": ASKS.format(issuer=self.issuer).replace('"nl"', '"nl-stork"'),
            "metadata/nl-stork.pem": _pem(load_signer(keys / "saml.pem").certificate),
            "metadata/nl-stork-encryption.pem": _pem(load_unwrapper(keys / "saml-encryption.pem").certificate),
        }
        self.node = self.abroad(self.folder / "estonia", Clock(), more)
        provider = ASKED.format(issuer=self.node.issuer)
        (self.receiving / "providers" / "ee-stork.toml").write_text(provider, encoding="utf-8")
        certificate = load_signer(self.node.folder / "keys" / "saml.pem").certificate
        (self.receiving / "metadata" / "ee-stork.pem").write_text(_pem(certificate), encoding="utf-8")

    def open(self) -> None:
        super().open()
        self.node.open()

    def close(self) -> None:
        self.node.close()
        super().close()


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorkStage]:
    with opened(StorkStage(tmp_path_factory.mktemp("stork"), Clock())) as stage:
        yield stage


@pytest.fixture
def visitor(border: StorkStage) -> Iterator[Visitor]:
    with Visitor(border) as made:
        yield made


@pytest.fixture
def citizen(border: StorkStage) -> Iterator[Browser]:
    with Browser(border.node) as made:
        yield made


def asked(visitor: Visitor, *ticked: str, **changes: str | None) -> Answer:
    """The city's page that takes the citizen to Estonia."""
    return visitor.asks(visitor.login(**changes), "ee-stork", *ticked)


CROSS = {"origin": "null", "sec-fetch-site": "cross-site"}


def informed(citizen: Browser, question: Answer, who: str = "mari") -> Answer:
    """Estonia's page that informs, after the sign-in there."""
    page = citizen.go("POST", "/stork/sso", fields=question.fields, headers=CROSS)
    if page.status == 200:
        (national,) = [url for url in page.found("//a/@href") if url.endswith("/at/national")]
        page = citizen.go("GET", national)
    return citizen.returns(citizen.signs_in(page, who))


@pytest.mark.spec("eidas.md §20 middleware; eidas.md §21 encryption; eidas.md §21 for us")
def test_a_citizen_signs_in_across_a_stork_border_and_only_the_need_goes_on(visitor: Visitor, citizen: Browser) -> None:
    question = asked(visitor)
    assert question.found("//form/@action") == [f"{citizen.stage.issuer}/stork/sso"]
    page = informed(citizen, question)
    assert page.status == 200, page.text
    assert "Netherlands" in page.text
    sent = citizen.decides(page)
    assert sent.found("//main//form/@action") == [f"{visitor.stage.issuer}/stork/acs"]
    assert "EncryptedAssertion" not in sent.text
    question = visitor.comes_back("/stork/acs", citizen.stage.issuer, sent.fields)
    assert question.status == 200, question.text
    assert "Are you 18 or older?" in question.text
    tokens = visitor.redeem(visitor.decides(question).back["code"]).json
    claims = visitor.userinfo(str(tokens["access_token"])).json
    assert claims["age_over_18"] is True
    assert "family_name" not in claims


def test_inspect_judges_each_message_as_the_registrations_do(
    visitor: Visitor, citizen: Browser, border: StorkStage, tmp_path: Path
) -> None:
    question = asked(visitor)
    sent = citizen.decides(informed(citizen, question))

    def judged(fields: Mapping[str, str], name: str, folder: Path, *more: str) -> dict[str, Any]:
        (tmp_path / name).write_text(fields[name])
        by_registration: list[str | Path] = ["--config", folder, "--at", str(int(border.clock())), "--json", *more]
        found = only(inspect(tmp_path / name, *by_registration)).whole
        assert found["accepted"], found["error"]
        message = found["message"]
        assert isinstance(message, dict)
        return message

    request = judged(question.fields, "SAMLRequest", border.node.folder, "--as", "authn-request", "--from", "nl-stork")
    assert (request["citizen_country"], request["qaa"]) == ("EE", "3")
    assert request["service"]["id"] == "STORKHAVEN"
    for_the_record = ["--unsafe-decrypt", "--reason", "a test"]
    answer = judged(
        sent.fields, "SAMLResponse", border.receiving, "--as", "response", "--from", "ee-stork", *for_the_record
    )
    assert answer["attribute_statuses"][f"{BASE}eIdentifier"] == "Available"


@pytest.mark.spec("decisions.md 22; eidas.md §20 requested values")
@pytest.mark.parametrize("who", ["mari", "liisi"])
def test_a_country_that_knows_ages_says_yes_and_keeps_the_birth_date(
    visitor: Visitor, citizen: Browser, border: StorkStage, tmp_path: Path, who: str
) -> None:
    edits = {
        **ENFORCED,
        PURPOSE: ('required = true\nwhy.en = "A permit', 'required = true\nmust_be_true = true\nwhy.en = "A permit'),
        "providers/ee-stork.toml": ("middleware = true", "middleware = true\nis_age_over = true"),
    }
    with border.other_broker(tmp_path / "ages", edits) as visitor.port:
        question = asked(visitor)
        request = base64.b64decode(question.fields["SAMLRequest"]).decode()
        assert f"{BASE}isAgeOver" in request
        assert f"{BASE}dateOfBirth" not in request
        page = informed(citizen, question, who)
        assert "18 or older" in page.text
        sent = citizen.decides(page)
        (tmp_path / "answer").write_text(sent.fields["SAMLResponse"])
        how = ("--as", "response", "--from", "ee-stork", "--unsafe-decrypt", "--reason", "a test", "--json")
        opens = inspect(tmp_path / "answer", "--config", border.receiving, "--at", str(int(border.clock())), *how)
        message: Any = only(opens).whole["message"]
        said = message["attribute_statuses"]
        assert said[f"{BASE}isAgeOver"] == ("Available" if who == "mari" else "NotAvailable")
        assert f"{BASE}dateOfBirth" not in said
        page = visitor.comes_back("/stork/acs", citizen.stage.issuer, sent.fields)
        if who == "mari":
            tokens = visitor.redeem(visitor.decides(page).back["code"]).json
            assert visitor.userinfo(str(tokens["access_token"])).json["age_over_18"] is True
        else:
            assert page.heading == "You cannot continue"


def test_a_service_that_may_hear_a_no_is_asked_for_the_birth_date(
    visitor: Visitor, border: StorkStage, tmp_path: Path
) -> None:
    knows = {"providers/ee-stork.toml": ("middleware = true", "middleware = true\nis_age_over = true")}
    with border.other_broker(tmp_path / "dates", knows) as visitor.port:
        request = base64.b64decode(asked(visitor).fields["SAMLRequest"]).decode()
        assert f"{BASE}dateOfBirth" in request
        assert f"{BASE}isAgeOver" not in request


def test_a_citizen_who_leaves_at_home_is_told_so_at_the_city(visitor: Visitor, citizen: Browser) -> None:
    sent = citizen.decides(informed(citizen, asked(visitor)), "cancel")
    page = visitor.comes_back("/stork/acs", citizen.stage.issuer, sent.fields)
    assert (page.status, page.heading) == (403, "You were not signed in")


def test_nobody_asks_estonia_whom_it_did_not_register(citizen: Browser, visitor: Visitor) -> None:
    fields = {**asked(visitor).fields}
    fields["SAMLRequest"] = fields["SAMLRequest"][:-8] + "AAAAAAA="
    page = citizen.go("POST", "/stork/sso", fields=fields, headers=CROSS)
    assert page.status == 400
    assert BASE not in page.text


@pytest.mark.spec("eidas.md §21 SHA-1")
def test_a_request_that_needed_sha_1_says_so_in_the_log(visitor: Visitor, citizen: Browser, border: StorkStage) -> None:
    question = asked(visitor)
    root = etree.fromstring(base64.b64decode(question.fields["SAMLRequest"]))
    root.remove(root.find("{*}Signature"))  # type: ignore[arg-type] # it is signed
    key = border.receiving / "keys" / "saml.pem"
    by = forge.SigningParty(key.read_bytes(), load_signer(key).certificate)
    old = base64.b64encode(forge.signed(etree.tostring(root), [str(root.get("ID"))], by, OLD)).decode()
    used = []
    for sent in (question.fields["SAMLRequest"], old):
        with capture_logs() as lines:
            citizen.go("POST", "/stork/sso", fields={**question.fields, "SAMLRequest": sent}, headers=CROSS)
        used += [line.get("deviations") for line in lines if line["event"] == "login" and line["step"] == "begun"]
    assert used == [None, ["sha1_signature"]]


@pytest.mark.spec("issue 33 bad input")
def test_what_came_before_or_is_missing_doubled_or_huge_goes_no_further(visitor: Visitor, citizen: Browser) -> None:
    question = asked(visitor)
    sent = citizen.decides(informed(citizen, question))
    visitor.decides(visitor.comes_back("/stork/acs", citizen.stage.issuer, sent.fields))
    replayed = visitor.comes_back("/stork/acs", citizen.stage.issuer, sent.fields)
    assert replayed.status == 409, replayed.text
    again = citizen.decides(informed(citizen, question))
    assert again.status == 409, "a request is answered once"
    for browser, path, name in ((citizen, "/stork/sso", "SAMLRequest"), (visitor, "/stork/acs", "SAMLResponse")):
        bodies = (b"", f"{name}=a&{name}=a".encode(), name.encode() + b"=" + b"A" * 500_000)
        answers = [browser.go("POST", path, fields={}, body=body, headers=CROSS) for body in bodies]
        assert not any(one.cookies for one in answers)
        # An answer of nobody's login meets no cookie
        assert [one.status for one in answers] == [400 if browser is citizen else 409, 400, 413], path
