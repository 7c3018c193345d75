"""How an answer came: by which binding, in which parameters, and at whose address. The message in it is good."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

from idp.selftest.case import Case
from idp.selftest.responses.judging import came
from idp.selftest.responses.making import Make, Row, Setting, World, accepted, refused

COMING, VALID = "binding and parameters", "valid parameters"


def coming(world: World) -> Iterator[Case]:
    """A POST with one SAMLResponse, to the address of whom the login had asked."""
    yield from refused(COMING, _settings(world), *_BINDINGS, *_PARAMETERS, *_PROVIDERS)


def valid_coming(world: World) -> Iterator[Case]:
    """What may stand beside it."""
    yield from accepted(VALID, _settings(world), *_BESIDE)


def _settings(world: World) -> tuple[Setting, ...]:
    """The entrances to which a case says how it came."""
    eidas = replace(world.eidas, entrance=world.entrances.eidas_came)
    return (*(replace(each, entrance=world.entrances.came) for each in world.plain), eidas)


def _text(setting: Setting) -> str:
    return base64.b64encode(setting.sent()).decode()


def _by(binding: str) -> Callable[[Setting], bytes]:
    return lambda setting: came({"SAMLResponse": _text(setting)}, binding=binding)


def _asked(provider: str) -> Callable[[Setting], bytes]:
    return lambda setting: came({"SAMLResponse": _text(setting)}, provider=provider)


def _under(*names: str) -> Make:
    """The message under each of these names."""
    return lambda setting: came({name: _text(setting) for name in names})


_BINDINGS: tuple[Row, ...] = tuple(
    (what, "binding", _by(binding))
    for what, binding in {
        "redirect": "redirect",
        "redirect-in-capitals": "REDIRECT",
        "post-in-capitals": "POST",
        "artifact": "artifact",
        "uri-of-the-binding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        "no-binding": "",
    }.items()
)
_PARAMETERS: tuple[Row, ...] = (
    ("no-parameter", "parameters", _under("RelayState")),
    ("as-a-request", "parameters", _under("SAMLRequest")),
    ("beside-a-request", "parameters", _under("SAMLResponse", "SAMLRequest")),
    ("name-in-small-letters", "parameters", _under("samlresponse")),
    ("name-with-a-blank", "parameters", _under("SAMLResponse ")),
    ("as-an-artifact", "parameters", _under("SAMLart")),
    ("as-an-id-token", "parameters", _under("id_token")),
)
_PROVIDERS: tuple[Row, ...] = (
    ("asked-another", "provider", _asked("another")),
    ("asked-nobody", "provider", _asked("")),
    ("asked-in-capitals", "provider", _asked("SELFTEST")),
    ("asked-with-a-blank", "provider", _asked("selftest ")),
)
_BESIDE: tuple[tuple[str, Make], ...] = (
    ("alone", _under("SAMLResponse")),
    ("beside-a-relay-state", _under("SAMLResponse", "RelayState")),
    ("beside-what-nobody-knows", _under("SAMLResponse", "tracking")),
    ("from-whom-was-asked", _asked("selftest")),
    ("in-lines", lambda setting: came({"SAMLResponse": base64.encodebytes(setting.sent()).decode().replace("\n", "\r\n")})),
)
