"""docs/act-for-others.md: its blocks load together, and its example holds."""

import re
from pathlib import Path

from policies.load import load
from tests.policies.load.files import FILES

TEXT = (Path(__file__).parents[2] / "docs" / "act-for-others.md").read_text(encoding="utf-8")
NEED = """
[attributes.mandate]
form = "may_act(building-permit)"
required = true
must_be_true = true
why.en = "To build."

"""


def test_the_blocks_of_the_page_are_a_purpose_whose_example_holds() -> None:
    persons, name, example = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)[:3]
    purpose = FILES["purposes/parking.toml"].partition("[[examples]]")[0]
    # Its other needs would block the example, which gives a mandate alone
    whole = persons + purpose.replace("required = true\n", "") + name.replace("required = true\n", "") + NEED + example
    configuration = load({"purposes/parking.toml": whole.encode()})
    ((purpose_id, (one,)),) = configuration.examples.items()
    assert not configuration.differences(purpose_id, one)


def test_the_mandate_register_of_the_other_page_loads_with_its_purpose() -> None:
    page = (Path(__file__).parents[2] / "docs" / "attribute-providers.md").read_text(encoding="utf-8")
    register, needs = re.findall(r"```toml\n(.*?)```", page.partition("## A register that says")[2], re.DOTALL)[:2]
    persons, _, mandate = needs.partition("\n\n")
    purpose = f"{persons}\n{FILES['purposes/parking.toml'].partition('[[examples]]')[0]}\n{mandate}"
    powers = register.replace('providers = ["demo-ee"]\n', "")
    found = load({"purposes/parking.toml": purpose.encode(), "registers/powers.toml": powers.encode()})
    assert [str(kind) for one in found.registers.values() for kind in one.kinds] == ["for_legal"]
