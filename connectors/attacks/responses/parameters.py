"""How an answer came: by which binding, in which parameters, and at whose address. The message in it is good."""

import base64
from collections.abc import Iterator
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.recipes import each
from connectors.attacks.responses.response_judges import came
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, accepted, refused
from connectors.attacks.xml_signer import in_lines

COMING, VALID = "binding and parameters", "valid parameters"


def coming(world: ResponseWorld) -> Iterator[AttackCase]:
    """A POST with one SAMLResponse, to the address of whom the login had asked."""
    yield from refused(COMING, _settings(world), _OTHERWISE)


def valid_coming(world: ResponseWorld) -> Iterator[AttackCase]:
    """Parameters that may stand beside it."""
    yield from accepted(VALID, _settings(world), _BESIDE)


def _settings(world: ResponseWorld) -> tuple[Setting, ...]:
    """The entrances to which a case says how it came."""
    eidas = replace(world.eidas, entrance=world.entrances["eidas came"])
    return (*(replace(plain, entrance=world.entrances["came"]) for plain in world.plain), eidas)


def _text(setting: Setting) -> str:
    return base64.b64encode(setting.sent()).decode()


def _by(binding: str) -> Make:
    return lambda setting: came({"SAMLResponse": _text(setting)}, binding=binding)


def _asked(provider: str) -> Make:
    return lambda setting: came({"SAMLResponse": _text(setting)}, provider=provider)


def _under(*names: str) -> Make:
    """The message under each of these names."""
    return lambda setting: came({name: _text(setting) for name in names})


_BINDINGS = {"redirect": "redirect", "post-in-capitals": "POST", "artifact": "artifact", "no-binding": ""}
_OTHERWISE: Table = {
    "binding": each(_by, _BINDINGS),
    "parameters": {
        "no-parameter": _under("RelayState"),
        "as-a-request": _under("SAMLRequest"),
        "beside-a-request": _under("SAMLResponse", "SAMLRequest"),
        "name-in-small-letters": _under("samlresponse"),
    },
    "provider": {"asked-another": _asked("another"), "asked-nobody": _asked("")},
}
_BESIDE: Makes = {
    "alone": _under("SAMLResponse"),
    "beside-a-relay-state": _under("SAMLResponse", "RelayState"),
    "beside-what-nobody-knows": _under("SAMLResponse", "tracking"),
    "from-whom-was-asked": _asked("selftest"),
    "in-lines": lambda setting: came({"SAMLResponse": in_lines(76, "\r\n")(_text(setting))}),
}
