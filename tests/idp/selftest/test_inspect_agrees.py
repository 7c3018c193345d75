"""`ciconia inspect` on the generator's own files says what the server says, case by case: verdict and check.

It is the command that an operator runs, once for all files of an entrance; in this process, since a start takes as
long as a thousand cases, and once in a process of its own, which must say the same to the letter.
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.verdict import JudgeVerdict, verdict_of
from idp.cli import app
from idp.selftest.case_keeper import file_name, side_files
from idp.selftest.run import GENERATORS
from tests.idp.cli.command import ciconia

# Entrances that the command cannot be asked about, by how their names begin, and why
NOT_ASKED: Mapping[str, str] = {
    "logout token": "no kind of `inspect`: nothing of ours receives a logout token yet",
    "encrypted id_token": "no option names our key: that a provider encrypts is said by its registration",
    "saml2int, by attribute": "no option names the attribute that identifies: a registration does",
    "saml2int, forced": "no option says that the login had asked for a fresh authentication",
    "saml2int, max_age": "--max-age is of id_tokens: a SAML request turns it into a forced authentication",
    "saml2int, AES-CBC": "no option switches a deviation on: a registration does",
    "client assertion by registration": "no option says which audience and life a registration accepts",
    "saml2int, persistent": "no option names the NameID format that a registration asks for",
    "saml2int, a proxy": "no option names who may sign somebody in behind a provider: a registration does",
    "saml2int, two keys of ours": "one --sp-key is taken: two are held while a key is changed",
    "eidas, registered for Latvia": "no option names the country that a node is registered for",
    "saml2int, as it came": "no option says how a message came: files hold what came by POST",
    "eidas, as it came": "as above",
    "eidas, as the citizen is told": "a check is told, and not the sentence that a citizen reads",
    "eidas, of another version": "no verdict: a node that cannot be asked is an error of the command, exit code 2",
    "eidas, as in a login": "no option names our country or the NameID format that was asked for: see `not_checked`",
    "nothing expected": "no option is empty: a judge is asked all the same, for empty is refusal",
    "key set": "no kind of `inspect`: a key set is read where its registration names it, at start",
    "one key": "no kind of `inspect`: as a key set",
    "certificate of a node": "no kind of `inspect`: read where a registration names it, at start",
    "pinned metadata": "nobody signed it: `--idp-metadata` and its like read it, as a side file",
    "node metadata, ": "no option names a node's entity, country and approval: a registration does",
    "registration, ": "no kind of `inspect`: `ciconia doctor` reads registrations",
    "node, ": "as above",
    "client registration": "as above",
    "inbound ": "no option says by which binding, under which name and for which keys a message came",
    "soap ": "as above",
    "artifact": "as above",
    "logout-request of a provider": "as above: the registration of a provider says how its messages come",
    "form signed beside": "as above",
    "saml2int, a landing": "no option says that nobody asked: a registration does",
    "federation metadata": "no kind of `inspect`: `ciconia metadata` judges it, by a registration",
    "a message verified without keys": "`inspect` takes no metadata without a key",
    "a query verified without keys": "as above",
    "a token of a kind without types": "each kind of `inspect` has its types",
    "id_token bound": "`inspect` says that a token is bound to no access token, and does not refuse it",
    "id_token trusted audience": "no option names further audiences: a registration does",
}
RUNNER = CliRunner()

Group = tuple[Sequence[AttackCase], Sequence[str] | None, Path]


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Group]:
    """The cases of each entrance, the arguments that ask about them, and the folder where both lie as files."""
    now = int(time.time())
    cases: dict[str, list[AttackCase]] = {}
    for name, generator in GENERATORS.items():
        for case in generator(now):
            cases.setdefault(f"{name}: {case.entrance.name}", []).append(case)
    found: dict[str, Group] = {}
    for number, (name, group) in enumerate(cases.items()):
        folder = tmp_path_factory.mktemp("agreement") / f"{number:02d}"
        folder.mkdir()
        arguments = side_files(group[0].entrance, folder / "side")
        for case in group if arguments is not None else ():
            (folder / file_name(case.name)).write_bytes(case.octets)
        found[name] = (group, arguments, folder)
    return found


def command(group: Group) -> list[str]:
    """The arguments of `ciconia` that ask about all files of an entrance."""
    cases, arguments, folder = group
    assert arguments is not None
    return ["inspect", *(str(folder / file_name(case.name)) for case in cases), *arguments, "--json"]


def asked(group: Group) -> list[tuple[AttackCase, JudgeVerdict]]:
    """Ask the command about each case of an entrance."""
    cases, _, _ = group
    run = RUNNER.invoke(app, command(group))
    assert run.exit_code in (0, 1), (run.exit_code, run.output[-500:])
    told = [json.loads(line) for line in run.stdout.splitlines()]
    assert [Path(one["file"]).name for one in told] == [file_name(case.name) for case in cases]
    said = []
    for case, one in zip(cases, told, strict=True):
        assert one["accepted"] is (one["error"] is None)
        said.append((case, JudgeVerdict(None if one["accepted"] else one["error"]["check"] or one["error"]["code"])))
    return said


def test_each_case_is_a_file_of_its_own(groups: Mapping[str, Group]) -> None:
    for name, (cases, _, _) in groups.items():
        assert len({file_name(case.name) for case in cases}) == len(cases), name


def test_what_inspect_cannot_be_asked_is_known_and_has_its_reason(groups: Mapping[str, Group]) -> None:
    reasons = {
        name: [why for begin, why in NOT_ASKED.items() if name.partition(": ")[2].startswith(begin)] for name in groups
    }
    wrong = [name for name, (_, arguments, _) in groups.items() if bool(reasons[name]) is not (arguments is None)]
    assert wrong == []
    for begin in NOT_ASKED:
        assert any(name.partition(": ")[2].startswith(begin) for name in groups), f"nothing is called {begin} any more"


@pytest.mark.spec(
    "issue 5: inspect on the generator's own files gives the same verdict as the server for every one of them"
)
def test_inspect_gives_the_servers_verdict_for_every_case(groups: Mapping[str, Group]) -> None:
    askable = {name: group for name, group in groups.items() if group[1] is not None}
    answers = {name: asked(group) for name, group in askable.items()}
    differing = [
        f"{case.name} at {name}: inspect {said}, the server {ours}"
        for name, answer in answers.items()
        for case, said in answer
        if (ours := verdict_of(case.entrance.judge, case.octets)) != said
    ]
    assert differing == []
    compared = sum(len(answer) for answer in answers.values())
    all_cases = sum(len(cases) for cases, _, _ in groups.values())
    print(f"inspect and the server agree on {compared} of {all_cases} cases; the rest cannot be asked")
    assert compared > all_cases // 2


def test_in_a_process_of_its_own_it_says_the_same_to_the_letter(groups: Mapping[str, Group]) -> None:
    group = groups["responses: saml2int"]
    alone = ciconia(*command(group))
    assert (alone.returncode, alone.stderr) == (1, "")
    assert alone.stdout == RUNNER.invoke(app, command(group)).stdout
