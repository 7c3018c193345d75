"""`ciconia demo --once`: the contract of its JSON, and what it leaves behind."""

import json
import shutil
import signal
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from idp.config.settings import load_settings
from idp.demo.citizens import CITY, Citizen, citizen
from idp.ledger.key_list import read_keys
from idp.receipts.receipt_verify import verify_receipt
from policies.errors import SignatureInvalid
from tests.idp.cli.command import CICONIA, ciconia, json_of, listen_on_a_free_port, serving
from tests.independent_receipt import check
from tests.postgres import server

MINIMUM_DATA_SET = {"family_name", "given_name", "birthdate", "person_identifier"}
SETTING_UP = [
    "Making keys and settings: Node of Storkhaven",
    "Making keys and settings: Node of Estonia",
    "Making keys and settings: Node of Bulgaria",
    "Starting the three nodes",
    "Waiting until the nodes know each other",
]
Kept = tuple[Path, dict[str, object]]
KEYS = {"ok", "steps", "upstream", "hops", "released", "weakened", "withheld", "loa", "receipt", "log_key", "ledgers"} | {
    *("citizen_page", "witness", "services")
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A run with --keep, and what it said."""
    folder = tmp_path_factory.mktemp("kept") / "demo"
    run = ciconia("demo", "--once", "--json", "--keep", folder)
    assert run.returncode == 0, run.stderr
    assert SETTING_UP[0] not in run.stderr
    return folder, json_of(run)


def released_of(said: dict[str, object]) -> dict[str, dict[str, object]]:
    released = said["released"]
    assert isinstance(released, dict)
    return released


def telling(someone: Citizen) -> list[str]:
    """The values that nothing else on the page can hold: not the city's name, and nothing as short as a house number."""
    return [value for value in someone.attributes.values() if len(value) > 5 and value != CITY]


def listed(said: dict[str, object], name: str) -> list[dict[str, object]]:
    found = said[name]
    assert isinstance(found, list)
    return found


@pytest.mark.spec("design.md §8")
def test_the_json_has_exactly_the_keys_of_the_contract(kept: Kept) -> None:
    said = kept[1]
    assert set(said) == KEYS
    assert said["ok"] is True
    assert said["loa"] in ("low", "substantial", "high")
    steps = listed(said, "steps")
    assert all(set(step) == {"node", "step", "ms"} for step in steps)
    assert {step["node"] for step in steps} == {"city", "receiving", "sending", "country"}
    assert all(isinstance(step["ms"], float) and step["ms"] >= 0 for step in steps)


@pytest.mark.spec("issue 4, shown by")
def test_it_leaves_a_receipt_that_holds_by_the_command_and_by_a_program_that_shares_no_code(
    kept: Kept,
) -> None:
    folder, said = kept
    receipt, key = Path(str(said["receipt"])), Path(str(said["log_key"]))
    assert {receipt.parent, key.parent} == {folder.resolve()}
    run = ciconia("audit", "verify", receipt)
    assert run.returncode == 0, run.stderr
    assert "age_over(18)" in run.stdout
    assert ciconia("audit", "verify", receipt, "--log", key).returncode == 0
    assert check(receipt.read_bytes(), key.read_text("utf-8")) is not None


@pytest.mark.slow
@pytest.mark.spec("issue 4, shown by: any single bit of the file flipped")
def test_no_bit_of_its_receipt_can_be_flipped(kept: Kept) -> None:
    octets = Path(str(kept[1]["receipt"])).read_bytes()
    keys = read_keys(Path(str(kept[1]["log_key"])).read_text("utf-8"))
    assert verify_receipt(octets, keys).index is not None
    for bit in range(len(octets) * 8):
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureInvalid):
            verify_receipt(bytes(changed), keys)


def test_something_is_weakened_and_something_withheld_and_each_has_its_reason(
    kept: Kept,
) -> None:
    weakened, withheld = listed(kept[1], "weakened"), listed(kept[1], "withheld")
    assert {"attribute": "birthdate", "asked": "exact", "given": "age_over(18)", "reason": "least_sufficient"} in weakened
    assert all(set(one) == {"attribute", "asked", "given", "reason"} and all(one.values()) for one in weakened)
    assert withheld
    assert all(set(one) == {"attribute", "reason"} and all(one.values()) for one in withheld)
    gone = set(released_of(kept[1]))
    assert gone.isdisjoint(str(one["attribute"]) for one in withheld)


def test_sub_goes_to_the_city_and_nothing_of_the_minimum_data_set_does(kept: Kept) -> None:
    hops = kept[1]["hops"]
    assert isinstance(hops, dict)
    assert set(hops["sending->receiving"]) >= MINIMUM_DATA_SET
    assert MINIMUM_DATA_SET.isdisjoint(hops["receiving->city"])
    assert hops["receiving->city"] == sorted(released_of(kept[1]))
    assert "sub" in released_of(kept[1])
    assert "birthdate" not in released_of(kept[1])


def test_the_records_are_in_both_ledgers_and_verified(kept: Kept) -> None:
    ledgers = kept[1]["ledgers"]
    assert isinstance(ledgers, dict)
    assert set(ledgers) == {"receiving", "sending"}
    # One login, and at the country's node one more, for the citizen's own page; before them, what each registration
    # approves in advance: two nodes, and one
    assert {name: ledger["size"] for name, ledger in ledgers.items()} == {"receiving": 3, "sending": 3}
    for ledger in ledgers.values():
        assert ledger["inclusion"] == "verified"
        assert len(bytes.fromhex(ledger["root"])) == 32
    assert ledgers["receiving"]["root"] != ledgers["sending"]["root"]


def test_values_are_absent(kept: Kept) -> None:
    mari = citizen("mari")
    assert mari is not None
    text = json.dumps(kept[1], ensure_ascii=False)
    assert all(set(one) == {"form"} for one in released_of(kept[1]).values())
    assert not [value for value in telling(mari) if value in text]


@pytest.mark.slow
@pytest.mark.spec("issue 30, shown by")
def test_at_a_service_that_speaks_saml_the_json_has_the_same_keys(kept: Kept) -> None:
    run = ciconia("demo", "--once", "--json", "--service", "saml")
    assert run.returncode == 0, run.stderr
    said = json_of(run)
    assert set(said) == KEYS
    assert (said["ok"], said["loa"], said["weakened"]) == (True, kept[1]["loa"], kept[1]["weakened"])
    assert released_of(said) == released_of(kept[1])
    visited = listed(said, "services")
    assert [one["service"] for one in visited] == ["library", "parking", "fares", "budget", "energy"]
    assert all(one["granted"] and one["decided"] and one["not_told"] for one in visited)
    assert {one["protocol"] for one in visited} == {"saml", "oidc"}
    assert [one["service"] for one in listed(kept[1], "services")] == ["parking"], "a record that is kept has one sign-in"


@pytest.mark.slow
def test_values_are_there_where_they_are_asked_for(tmp_path: Path) -> None:
    run = ciconia("demo", "--once", "--json", "--show-values", "--keep", tmp_path / "demo")
    assert run.returncode == 0, run.stderr
    with_values = released_of(json_of(run))
    assert all(set(one) == {"form", "value"} for one in with_values.values())
    assert with_values["age_over_18"]["value"] is True
    assert with_values["resident_of"] == {"form": "resident_of(Storkhaven)", "value": {"Storkhaven": True}}
    assert len(str(with_values["sub"]["value"])) > 20


def test_what_keep_leaves_is_a_configuration_with_its_database_whose_ledger_verifies(
    kept: Kept,
) -> None:
    for node in ("receiving", "sending"):
        folder = kept[0] / node
        assert stat.S_IMODE((folder / "ciconia.toml").stat().st_mode) == 0o600
        assert (folder / "ciconia.db").is_file()
        run = ciconia("ledger", "verify", "--config", folder, "--json")
        assert run.returncode == 0, run.stdout
        ledgers = kept[1]["ledgers"]
        assert isinstance(ledgers, dict)
        assert json_of(run)["root"] == ledgers[node]["root"]


def test_serve_accepts_what_keep_left(kept: Kept, tmp_path: Path) -> None:
    folder = tmp_path / "receiving"
    shutil.copytree(kept[0] / "receiving", folder)
    issuer = load_settings(folder).issuer
    # Somebody else may have its port by now
    listen_on_a_free_port(folder)
    with serving(folder, tmp_path / "log") as served:
        host = urlsplit(issuer).netloc
        assert served.get("/.well-known/openid-configuration", host=host).json()["issuer"] == issuer
        assert served.get("/log/checkpoint", host=host).status_code == 200


@pytest.mark.slow
@pytest.mark.spec("issue 5, shown by")
def test_on_postgresql_it_says_the_same_and_leaves_nothing(kept: Kept) -> None:
    url = server().fresh()
    run = ciconia("demo", "--once", "--json", "--database", url)
    assert run.returncode == 0, run.stderr
    said = json_of(run)
    for name in ("ok", "hops", "weakened", "withheld", "loa"):
        assert said[name] == kept[1][name], name
    assert released_of(said).keys() == released_of(kept[1]).keys()
    assert [(step["node"], step["step"]) for step in listed(said, "steps")] == [
        (step["node"], step["step"]) for step in listed(kept[1], "steps")
    ]
    ledgers = said["ledgers"]
    assert isinstance(ledgers, dict)
    before = kept[1]["ledgers"]
    assert isinstance(before, dict)
    # Without --keep the city's four other services are visited, too, one of them from the sending node
    more = {"receiving": 4, "sending": 1}
    assert {node: (one["size"], one["inclusion"]) for node, one in ledgers.items()} == {
        node: (one["size"] + more[node], one["inclusion"]) for node, one in before.items()
    }
    left = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ciconia%'"
    assert server().execute(left, url.rpartition("/")[2]) == []


def test_a_database_that_cannot_be_is_refused_before_anything_starts() -> None:
    run = ciconia("demo", "--once", "--database", "mysql://db.example/x")
    assert run.returncode == 2
    assert "database" in run.stderr


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.db"
    path.write_text("mine", encoding="utf-8")
    run = ciconia("demo", "--once", "--database", f"sqlite:///{path}")
    assert run.returncode == 2
    assert str(path) in run.stderr
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_folder_that_is_not_empty_is_refused_before_anything_starts(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine", encoding="utf-8")
    run = ciconia("demo", "--once", "--json", "--keep", tmp_path)
    assert run.returncode == 2
    said = json_of(run)
    assert said == {
        "ok": False,
        "error": {"code": "taken", "detail": f"{tmp_path} is not an empty folder: name a new one."},
    }
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.slow
@pytest.mark.spec("issue 33 shown by")
def test_the_json_of_four_countries_has_exactly_the_keys_of_its_contract(tmp_path: Path) -> None:
    run = ciconia("demo", "--countries", "--once", "--json", "--keep", tmp_path / "kept")
    assert run.returncode == 0, run.stderr
    said = json_of(run)
    assert said.keys() == {"ok", "countries"}
    assert said["ok"] is True
    walks = listed(said, "countries")
    assert all(one.keys() == {"profile", "person", "hops"} for one in walks)
    assert [(one["profile"], one["person"]) for one in walks] == [
        (profile, person)
        for profile in ("eidas-1.4", "eidas-1.2", "stork-2.0", "middleware")
        for person in ("natural", "representative")
    ]
    for one in walks:
        assert isinstance(one["hops"], dict)
        assert one["hops"].keys() == {"sending->receiving", "receiving->city"}
    folders = {path.name for path in (tmp_path / "kept").iterdir()}
    assert folders == {"receiving", "sending", "sending-bg", "sending-pt", "sending-at", "parties"}
    examined = ciconia("policy", "test", "--config", tmp_path / "kept" / "receiving")
    assert examined.returncode == 0, examined.stdout


def test_four_countries_take_no_choice_of_one_walk() -> None:
    for option in (["--service", "saml"], ["--upstream", "oidc"], ["--show-values"]):
        run = ciconia("demo", "--countries", "--once", *option)
        assert run.returncode == 2
        assert "--countries" in run.stderr


@pytest.mark.slow
def test_four_countries_that_stay_say_where_to_begin(tmp_path: Path) -> None:
    with serving(tmp_path, tmp_path / "log", [CICONIA, "demo", "--countries"]) as stage:
        assert stage.first_line.startswith("Estonia (eidas-1.4): http://storkhaven.localhost:")
        assert stage.first_line.rstrip().endswith("/permit/login, and choose Estonia")
        assert stage.end(signal.SIGTERM) == 0


@pytest.mark.slow
def test_a_demo_that_stays_ends_on_sigterm_and_takes_its_folder_along(tmp_path: Path) -> None:
    with serving(tmp_path, tmp_path / "log", ["env", f"TMPDIR={tmp_path}", CICONIA, "demo"]) as stage:
        assert stage.first_line.startswith("Open http://storkhaven.localhost:")
        assert [path for path in tmp_path.iterdir() if path.name.startswith("ciconia-demo-")]
        assert stage.end(signal.SIGTERM) == 0
        assert [path.name for path in tmp_path.iterdir()] == ["log"]
        # A machine that is busy may be late to fetch a node's metadata, and says so
        late = '"check": "deadline"', '"event": "peer_available"'
        assert [line for line in stage.stderr.splitlines() if not any(one in line for one in late)] == SETTING_UP
