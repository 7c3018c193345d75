"""Random logins come out over HTTP as `policy explain` says of the same captured answers: page, boxes and claims."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from shutil import copytree, ignore_patterns

import pytest
from sqlalchemy import delete, literal_column, select
from typer.testing import CliRunner, Result

from idp.cli import app
from idp.config.folder import load_configuration
from idp.demo.citizens import CITIZENS
from idp.inspect.inspectors import inspector_of
from idp.inspect.options import MessageKind, Options
from idp.inspect.result import inspect_file
from idp.store import tables
from policies.attributes import AttributeName, Form
from policies.authentication import AskedAttribute, Offered
from policies.explain import Explanation, explain
from policies.forms import FORMS
from policies.load import Configuration
from policies.parameters import SORTS
from policies.parties import ClientId, ProviderId, PurposeId
from tests.idp.web.stage import Stage
from tests.idp.web.test_enforced_http import ENFORCED, OTHERS, PARTY, PURPOSE, WEAK
from tests.idp.web.visitor import Answer, Visitor

WIDER = ('birthdate = "age_over(18)"', 'birthdate = "exact"', 'address = "resident_of(Storkhaven)"', 'address = "exact"')
GROUND = "[controller]", '[transfers.other]\nbasis = "adequacy"\nlaw.en = "A decision"\n\n[controller]'
WIDE: Mapping[str, tuple[str, ...] | None] = {
    "parties/app.toml": None,
    "parties/other-app.toml": None,
    PARTY: (*WIDER, 'sphere = "eu"\n', ""),
    PURPOSE: (
        'form = "age_over(18)"\nrequired = true',
        'form = "year_month"',
        'form = "resident_of(Storkhaven)"',
        'form = "region"',
        *GROUND,
    ),
    **dict.fromkeys(OTHERS, GROUND),
    "providers/demo-lv.toml": ('country = "LV"', 'country = "LV"\nsphere = "other"'),
}
OPEN = {
    **WIDE,
    PARTY: WIDER,
    PURPOSE: (
        'minimum_assurance = "substantial"',
        'minimum_assurance = "low"',
        "required = true",
        "required = false",
        *GROUND,
    ),
}
VARIANTS: Mapping[str, Mapping[str, tuple[str, ...] | None]] = {"wide": WIDE, "open": OPEN, "enforced": ENFORCED}
PROVIDERS = ("demo-ee", "demo-lv")


@dataclass
class Broker:
    """One configuration that is served."""

    folder: Path
    port: int | None
    configuration: Configuration


@pytest.fixture
def brokers(stage: Stage, tmp_path: Path) -> Iterator[list[Broker]]:
    with ExitStack() as stack:
        found = [Broker(stage.receiving, None, load_configuration(stage.receiving))]
        for name, edits in VARIANTS.items():
            port = stack.enter_context(stage.other_broker(tmp_path / name, edits))
            found.append(Broker(tmp_path / name, port, load_configuration(tmp_path / name)))
        yield found


@dataclass
class Wish:
    """A request: its `claims`, what they ask for, and those that the broker does not know from this service."""

    claims: dict[str, object] = field(default_factory=dict)
    asked: list[AskedAttribute] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def wish(chance: Random, configuration: Configuration, purpose_id: PurposeId) -> Wish:
    """Some attributes, each in some form; often none, which means all that the purpose needs."""
    catalogue, party = configuration.catalogue, configuration.parties[ClientId("parking")]
    needs = configuration.purposes[purpose_id].needs
    named = {(name, rule.form) for name, rule in party.attributes.items()}
    named |= {(name, need.form) for name, need in needs.items()}
    made = Wish()
    for name, attribute in catalogue.attributes.items() if chance.random() < 0.8 else ():
        if chance.random() < 0.6:
            continue
        kind = chance.choice(list(FORMS[attribute.kind].values()))
        form = Form(kind.name, SORTS[kind.parameter].example if kind.parameter else "")
        value = "" if form.name == "age_over" else form.parameter
        claim = catalogue.claim_for(name, form)
        made.claims[claim] = {"value": value} if value else None
        # A service in a sphere asks for no age that no file names
        if (value or (form.parameter and party.sphere)) and (name, form) not in named:
            made.unknown.append(claim)
        else:
            made.asked.append(AskedAttribute(name, form))
    return made


def captured(stage: Stage, broker: Broker, provider: str, response: str, file: Path) -> Offered | None:
    """The country's answer, as `policy explain --response` reads it; None if its level is one that nobody registered."""
    file.write_text(response, encoding="ascii")
    options = Options(kind=MessageKind.RESPONSE, now=stage.clock(), config=broker.folder, party=provider)
    with ExitStack() as stack:
        result = inspect_file(str(file), inspector_of(options, stage.clock, stack))
    if result.accepted is None:
        assert result.refusal is not None
        assert (result.refusal.code, result.refusal.check) == ("assurance_too_low", "authn_context_unknown")
        return None
    assert result.accepted.offered is not None
    return result.accepted.offered


def shown(page: Answer, where: str, what: str) -> dict[str, str]:
    found = page.found(f"//{where}/@data-name"), page.found(f"//{where}/@{what}")
    return dict(zip(*found, strict=True))


def one_login(visitor: Visitor, stage: Stage, broker: Broker, chance: Random, file: Path) -> str:
    """Sign somebody in, and compare each thing that can be seen with the explanation. How it ended."""
    catalogue, party = broker.configuration.catalogue, broker.configuration.parties[ClientId("parking")]
    visitor.port, visitor.jar = broker.port, {}
    # No country here has a phone number
    purpose_id = PurposeId("resident-parking" if chance.random() < 0.9 else party.purposes[-1])
    provider, citizen = chance.choice(PROVIDERS), chance.choice(CITIZENS).key
    made = wish(chance, broker.configuration, purpose_id)
    login = visitor.login(scope=f"openid purpose:{purpose_id}", claims=json.dumps({"userinfo": made.claims}))
    fields = visitor.signs_in(visitor.asked(login, provider), citizen)
    offered = captured(stage, broker, provider, fields["SAMLResponse"], file)
    page = visitor.returns(fields)
    if offered is None:
        assert (page.status, page.heading) == (403, WEAK)
        assert "assurance_too_low" in page.found("//main//dl//code/text()")
        assert len(page.found("//main//dl[1]//dd")) == 1, "what is needed; no level is guessed"
        return "unknown level"
    on = datetime.fromtimestamp(stage.clock(), tz=UTC).date()

    def explained(*refused: AttributeName) -> Explanation:
        purpose = broker.configuration.purposes[purpose_id]
        source = replace(offered, sphere=broker.configuration.providers[ProviderId(provider)].sphere)
        return explain(made.asked, made.unknown, purpose, party, source, on, catalogue=catalogue, refused=refused)

    whole = explained()
    if not page.found("//button[@value='approve']"):
        too_low = {row.why for row in whole.rows} == {"assurance_too_low"}
        assert too_low or not whole.goes, page.text
        return "too low" if too_low else "stopped"
    assert whole.goes
    assert shown(page, "*[@data-form]", "data-form") == {r.ruling.name: str(r.goes) for r in whole.rows if r.goes}
    assert shown(page, "ul[@class='kept']/li", "data-reason") == {
        r.ruling.name: r.why for r in whole.rows if r.goes is None
    }
    boxes = [row.ruling.name for row in whole.rows if row.ticked is not None]
    ticked = [name for name in boxes if chance.random() < 0.5]
    left = visitor.decides(page, ticked={f"share.{name}": "yes" for name in ticked})
    token = str(visitor.redeem(left.back["code"]).json["access_token"])
    got = {
        claim: said
        for claim, said in visitor.userinfo(token).json.items()
        if claim in {*catalogue.claims} or claim.startswith("age_")
    }
    after = explained(*[name for name in boxes if name not in ticked]).decision.released
    assert got == {
        catalogue.claim_for(one.name, one.form): catalogue.claim_value(one.name, one.form, one.value) for one in after
    }
    return "released"


@pytest.mark.parametrize("logins", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_random_logins_are_as_explained(
    visitor: Visitor, stage: Stage, brokers: list[Broker], tmp_path: Path, logins: int
) -> None:
    chance = Random(logins)  # noqa: S311 - the same logins each time
    ended = Counter(
        one_login(visitor, stage, chance.choice(brokers), chance, tmp_path / "answer.b64") for _ in range(logins)
    )
    print(f"{logins} logins replayed: {dict(ended)}")
    assert set(ended) == {"released", "stopped", "too low", "unknown level"}, "each way to end occurs"


def test_the_command_explains_a_captured_answer(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "answer.b64"
    fields = visitor.signs_in(visitor.asked(visitor.login()), "mari")
    file.write_text(fields["SAMLResponse"], encoding="ascii")
    whose = ["--config", str(stage.receiving), "--provider", "demo-ee", "--at", str(stage.clock()), "--client", "parking"]
    words = ["policy", "explain", "--purpose", "resident-parking", "--response", str(file), *whose, "--json"]
    done = CliRunner().invoke(app, [*words, "--ask", "birthdate", "--ask", "family_name"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {name: one["form"] for name, one in told["released"].items()} == {
        "birthdate": "age_over(18)",
        "address": "resident_of(Storkhaven)",
    }
    assert "Maasikas" not in done.output
    other = CliRunner().invoke(app, [*words[:-1], "--at", "2020-01-01"])
    assert other.exit_code == 1
    assert "refused by the check" in other.output


def test_a_folder_is_compared_with_what_runs(stage: Stage, tmp_path: Path) -> None:
    proposed = copytree(stage.receiving, tmp_path / "proposed", ignore=ignore_patterns("ciconia.db*"))
    line = ["policy", "diff", str(proposed), "--running", "--config", str(stage.receiving)]
    assert CliRunner().invoke(app, line).exit_code == 0
    purpose = proposed / PURPOSE
    purpose.write_text(
        purpose.read_text(encoding="utf-8").replace('minimum_assurance = "substantial"', 'minimum_assurance = "low"')
    )
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 3, done.output
    assert "Resident parking* would newly receive: email address in full (now: nothing)" in done.stdout
    assert CliRunner().invoke(app, line[:3]).exit_code == 2, "one folder alone"


def newest(stage: Stage) -> str:
    """The id of the record that was written last."""
    columns = tables.records.c
    with stage.application.store.engine.connect() as connection:
        rows = connection.execute(select(columns.record, literal_column("rowid"))).all()
    return bytes(max(rows, key=lambda row: row[1])[0]).hex()


def of_record(stage: Stage, record: str, *more: str) -> Result:
    line = ["policy", "explain", "--record", record, "--config", str(stage.receiving), *more]
    return CliRunner().invoke(app, line)


def test_a_login_is_explained_by_its_record(visitor: Visitor, stage: Stage) -> None:
    page = visitor.question("mari", scope="openid purpose:resident-parking profile email")
    visitor.decides(page, ticked={})
    record = newest(stage)
    done = of_record(stage, record, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert {name: one["form"] for name, one in told["released"].items()} == {
        "birthdate": "age_over(18)",
        "address": "resident_of(Storkhaven)",
    }
    assert (told["record"], told["kind"], told["source"], told["differences"]) == (record, "release", "demo-ee", [])
    by_name = {one["attribute"]: one for one in told["attributes"]}
    assert by_name["email"]["reason"] == "not_chosen"
    assert by_name["family_name"]["reason"] == "not_needed"
    assert by_name["birthdate"]["left"]["needed"] == "age_over(18)"
    assert told["configuration"] >= 1
    assert "decides what the record says" in of_record(stage, record).stdout


def test_a_refusal_is_explained_too(visitor: Visitor, stage: Stage) -> None:
    visitor.decides(visitor.question("mari"), "refuse")
    told = json.loads(of_record(stage, newest(stage), "--json").stdout)
    assert (told["kind"], told["differences"], told["released"]) == ("refusal", [], {})


def test_the_policy_of_its_day_explains_a_login_and_where_it_is_gone_the_rest_is_shown(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    with stage.other_broker(tmp_path / "elsewhere", ENFORCED) as visitor.port:
        visitor.code()
        record = newest(stage)
    visitor.port = None
    done = of_record(stage, record, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert load_configuration(stage.receiving).purposes[PurposeId("resident-parking")].digest != told["policy"]
    with stage.application.store.engine.begin() as connection:
        connection.execute(
            delete(tables.configurations).where(tables.configurations.c.digest == bytes.fromhex(told["policy"]))
        )
    done = of_record(stage, record, "--json")
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    assert "is not kept" in told["missing"]
    assert told["released"] == {"birthdate": "age_over(18)", "address": "resident_of(Storkhaven)"}
    assert "asked: address" in of_record(stage, record).stdout


@pytest.mark.parametrize("record", ["0" * 32, "no id"])
def test_a_record_that_is_not_there_is_told(stage: Stage, record: str) -> None:
    done = of_record(stage, record, "--json")
    assert (done.exit_code, json.loads(done.stdout)["error"]["code"]) == (2, "not_found")
