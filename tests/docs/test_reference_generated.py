"""The tables of the reference that the code writes itself say all of it."""

from idp.config.settings import Settings
from tests.reference_tables import addresses, commands, page

TEXT = page()


def test_every_command_with_every_option_and_an_explanation_is_there() -> None:
    found = dict(commands())
    assert {"demo", "serve", "policy test", "metadata own", "ledger verify"} <= set(found)
    for name, command in found.items():
        part = TEXT.partition(f"### ciconia {name}\n")[2].partition("\n#")[0]
        for option in getattr(command, "params", ()):
            if option.name != "help":
                row = next(line for line in part.splitlines() if line.startswith("| `") and _names(option) in line)
                assert row.split(" | ")[1].strip(), f"{name}: {option.name} has no help"


def _names(option: object) -> str:
    argument = getattr(option, "param_type_name", "") == "argument"
    found = str(getattr(option, "metavar", "") if argument else getattr(option, "opts", [""])[0])
    return found.replace("|", "\\|")


def test_every_setting_is_there_and_explained() -> None:
    for name in sorted({*Settings.model_fields} - {"folder", "organization"}):
        (row,) = (line for line in TEXT.splitlines() if line.startswith(f"| `{name}` |") and line.count("|") == 4)
        assert len(row.split("|")[2].strip()) > 20


def test_addresses_know_their_methods_and_roles() -> None:
    found = addresses()
    assert found["/authorize"] == ("GET, POST", {"city"})
    assert found["/eidas/sso"] == ("GET, POST", {"node"})
    assert found["/saml/acs"] == ("POST", {"city", "node"})
    assert found["/log/checkpoint"] == ("GET, HEAD", {"city", "node"})
    assert found["/receipt"] == ("GET", {"city"})
    assert found["/receipt/forget"] == ("POST", {"city"})
