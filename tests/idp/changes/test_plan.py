"""A plan of two configurations: keys, what stops, approvals; and folders that get no plan."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from idp.changes.bundle import Bundle
from idp.changes.guard import WHOLE, Assent, Requirement, missing, requirements
from idp.changes.plan import NOTHING, Plan, base_of, make_plan
from policies.catalogue import STANDARD
from policies.load import Configuration, examine
from policies.parties import EntityId, NodeId, Peer, RequestingNode, Source
from tests.connectors.authority import DAY, NOW, revoking
from tests.idp.changes.signing import person
from tests.idp.cli.command import ciconia, json_of
from tests.policies.load.files import FILES, files

SETTINGS = {"settings.json": json.dumps({"four_eyes": True}).encode()}
ISSUER = "https://login.city.example"
PERSONS = {f"operators/{name}.pub": person(name).line for name in ("anna", "bert")}


def planned(after: Mapping[str, bytes], before: Mapping[str, bytes] | None = None) -> Plan:
    old, new = Bundle({**(before or files(**PERSONS)), **SETTINGS}), Bundle({**after, **SETTINGS})
    return make_plan(ISSUER, base_of(3, old), new, examine(new.files)[0])


def changed(file: str, *texts: tuple[str, str]) -> dict[str, bytes]:
    """The configuration with texts of one file replaced; "" takes the file away."""
    text = FILES[file]
    for old, new in texts:
        assert old in text
        text = text.replace(old, new)
    found = files(**{**PERSONS, file: text})
    return found if texts else {name: octets for name, octets in found.items() if name != file}


NODE = "providers/lv.toml"
PARTY = "parties/parking.toml"


@pytest.mark.parametrize(
    ("after", "stops", "waits"),
    [
        (files(**PERSONS), [], False),
        (changed(PARTY), ["Resident parking (parking) is no longer registered."], False),
        (changed("parties/fares.toml"), ["Concession fares (fares) is no longer registered."], False),
        (
            changed(NODE),
            ["Nobody can sign in with Latvia (LV) any more.", "parking) can no longer be used for resident-parking by"],
            False,
        ),
        (
            changed(PARTY, ("/callback", "/other")),
            ["Resident parking (parking) gets no answer at https://parking.storkhaven.example/callback any more."],
            True,
        ),
        (changed("nodes/nl.toml"), ["Node of the Netherlands (NL) can no longer ask."], False),
        (changed(NODE, ('"10.1.0.0/16", ', "")), [], True),
        (changed(NODE, ('"Latvia"', '"Republic of Latvia"')), [], True),
        (changed("catalogue.toml", ("1.2.3", "1.2.4")), [], True),
    ],
)
def test_a_plan_says_what_stops_and_what_waits(after: dict[str, bytes], stops: list[str], *, waits: bool) -> None:
    plan = planned(after)
    for stop in stops:
        assert any(stop in one for one in plan.stops), plan.stops
    assert bool(plan.stops) == bool(stops)
    assert bool(plan.needs) == waits


@pytest.mark.parametrize(
    ("after", "named"),
    [
        (changed(PARTY, ("2bb80d53", "3bb80d53")), [("parking.toml", False), ("parking.toml", True)]),
        (changed("parties/fares.jwks.json", ('"kid": "1"', '"kid": "2"')), [("fares.toml", False), ("fares.toml", True)]),
        (changed(NODE), [("lv.toml", False)] * 2),
        ({**files(**PERSONS), "operators/eve.pub": person("eve").line.encode()}, [("eve.pub", True)]),
    ],
)
def test_a_plan_names_each_certificate_and_key_that_changes(after: dict[str, bytes], named: list[tuple[str, bool]]) -> None:
    assert [(one.file.partition("/")[2], one.added) for one in planned(after).keys] == named


def test_the_first_configuration_needs_nobody_and_a_plan_has_its_own_name() -> None:
    new = Bundle(files())
    first = make_plan(ISSUER, NOTHING, new, examine(new.files)[0])
    assert (first.needs, first.changes) == ((), True)
    others = (
        planned(files()),
        planned(changed(PARTY)),
        make_plan("https://b.example", NOTHING, new, examine(new.files)[0]),
    )
    assert len({first.digest, *(one.digest for one in others)}) == 4
    assert first.document() != first.document("a/b")


def assents(*signed: tuple[str, str, bool]) -> list[Assent]:
    return [Assent(name, who, planner) for name, who, planner in signed]


PART = "parking/gender"


@pytest.mark.parametrize(
    ("signed", "left"),
    [
        ([], [WHOLE, PART]),
        ([(WHOLE, "anna", True)], [WHOLE, PART]),
        ([(WHOLE, "anna", True), (WHOLE, "anna", False), (PART, "anna", False)], [WHOLE, PART]),
        ([(WHOLE, "anna", True), (WHOLE, "bert", False)], [PART]),
        ([(WHOLE, "anna", True), (PART, "bert", False)], [WHOLE]),
        ([(WHOLE, "anna", True), (WHOLE, "bert", False), (PART, "bert", False)], []),
        # Nobody proposed it: two who agree are two
        ([(WHOLE, "anna", False), (WHOLE, "bert", False)], [PART]),
        # Who planned it approves no part of it, also where somebody else agreed to the whole
        ([(WHOLE, "anna", True), (WHOLE, "bert", False), (PART, "anna", False)], [PART]),
        ([(PART, "bert", False)], [WHOLE, PART]),
    ],
)
def test_two_persons_agree_to_the_whole_and_another_one_than_the_planner_to_a_part(
    signed: list[tuple[str, str, bool]], left: list[str]
) -> None:
    needs = [Requirement(WHOLE, ("a",)), Requirement(PART, ("b",))]
    assert [need.name for need in missing(needs, assents(*signed))] == left


def _link(path: Path) -> None:
    path.symlink_to(Path(__file__))


def _text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


PURPOSE = FILES["purposes/parking.toml"]
LONG = ", ".join(f'"{each}"' for each in range(10_000))
BAD: Mapping[str, tuple[Callable[[Path], object], set[str]]] = {
    "purposes/key.toml": (_text(PURPOSE.replace("[controller]", "colour = 1\n[controller]")), {"colour"}),
    "purposes/form.toml": (_text(PURPOSE.replace("over(18)", "over(x)")), {"attributes.birthdate.form"}),
    "purposes/long.toml": (
        _text(PURPOSE.replace("resident_of(Storkhaven)", f"one_of({LONG})".replace('"', ""))),
        {"attributes.address.form"},
    ),
    "purposes/twin.toml": (_text(PURPOSE), {"id"}),
    "purposes/nul.toml": (_text('id = "a\0b"'), {"file"}),
    "purposes/large.toml": (_text("# " + "x" * 10 * 1024**2), {"file"}),
    "purposes/link.toml": (_link, {"file"}),
    "purposes/circle.toml": (lambda path: path.symlink_to(path), {"file"}),
    "operators/eve.pub": (_text("ssh-rsa AAAA eve\n"), {"key"}),
}  # fmt: skip


def test_every_problem_of_a_folder_is_told_at_once_with_file_line_key_and_fix(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "operators").mkdir()
    for name, (write, _) in BAD.items():
        write(tmp_path / name)
    (tmp_path / "ciconia.toml").write_text('issuer = "https://login.city.example"\ncolour = 1\n')
    ended = ciconia("plan", "--config", tmp_path, "--json")
    assert ended.returncode == 1
    told = json_of(ended)["problems"]
    assert isinstance(told, list)
    assert all(one["fix"] and one["what"] and (one["line"] or one["key"] in ("file", "key")) for one in told), told
    for name, (_, keys) in BAD.items():
        assert {one["key"] for one in told if one["file"] == name} >= keys, (
            name,
            [one for one in told if one["file"] == name],
        )
    assert "colour" in {one["key"] for one in told if one["file"].endswith("ciconia.toml")}


@pytest.mark.parametrize(("begin", "needed"), [(0, False), (1, False), (-1, True), (None, True)])
def test_only_an_older_list_of_revoked_certificates_waits(begin: int | None, *, needed: bool) -> None:
    def with_list(octets: Sequence[tuple[str, bytes]]) -> Configuration:
        peer = Peer(EntityId("https://node.example"), "EE", "", b"", "", (), Source("", 1), revocation=tuple(octets))
        node = RequestingNode(NodeId("ee"), {}, peer, Source("", 1))
        return Configuration({}, {}, {}, STANDARD, {}, nodes={NodeId("ee"): node})

    before = with_list([("ee.crl", revoking("root"))])
    after = with_list([] if begin is None else [("ee.crl", revoking("root", begin=NOW - DAY + begin))])
    assert bool(requirements(before, after, four_eyes=True, wider=(), settings=())) is needed
