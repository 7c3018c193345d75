"""The peers that speak SAML, what each can do, and the cases that follow from it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.conftest import PEER_ROW
from tests.connectors.forge import IDP, SP
from tests.interop import peer_scripts
from tests.interop.peer_pysaml2 import PySaml2
from tests.interop.peer_xmldsig import LibXmlsec, SignXml, Xmlsec1Program
from tests.interop.saml_peers import Ability, Known, SamlPeer, all_but

NO_REDIRECT: tuple[Ability, ...] = (
    *("reads requests by redirect", "asks by redirect", "begins logout by redirect"),
    *("hears logout by redirect", "ends logout by redirect"),
)
KNOWN = (
    # A logout that it begins is answered by POST
    Known("pysaml2", PySaml2, all_but("hears logout by redirect"), IDP),
    # Peers that know XML signature and no SAML have no query
    Known("signxml", SignXml, all_but("answers encrypted", "hears encrypted", *NO_REDIRECT), IDP),
    Known("python-xmlsec", LibXmlsec, all_but(*NO_REDIRECT), IDP),
    Known("xmlsec1", Xmlsec1Program, all_but("hears encrypted", *NO_REDIRECT), IDP),
    # A service provider: what it answers is what this suite has it sign and encrypt
    Known(
        "npm @node-saml/node-saml",
        peer_scripts.node_saml,
        all_but("reads requests by post", "reads requests by redirect", "hears encrypted", "begins logout by post"),
        SP,
    ),
    # An identity provider
    Known(
        "npm samlp",
        peer_scripts.samlp,
        all_but("asks by post", "asks by redirect", "hears", "hears encrypted"),
        IDP,
    ),
    # It encrypts by AES-CBC
    Known("lasso", peer_scripts.lasso, all_but("answers encrypted", "hears encrypted"), IDP),
)


def cases(column: str, *abilities: Ability) -> list[ParameterSet]:
    """Each peer with each of these abilities that it has, as a cell of the table at the end of a run."""
    return [
        pytest.param(known, ability, id=f"{known.name} {ability}", marks=getattr(pytest.mark, PEER_ROW)(known.name, column))
        for known in KNOWN
        for ability in abilities
        if ability in known.abilities
    ]


class Open:
    """Peers that are open, each from its first use to the end of the module that uses it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack, self._peers = folder, stack, dict[str, SamlPeer]()

    def __call__(self, known: Known) -> SamlPeer:
        if known.name not in self._peers:
            folder = self._folder / known.name.rpartition("/")[2]
            folder.mkdir(exist_ok=True)  # a peer that is missing is asked for by each test
            self._peers[known.name] = self._stack.enter_context(closing(known.opening(folder)))
        return self._peers[known.name]


@contextmanager
def opened(folder: Path) -> Iterator[Open]:
    with ExitStack() as stack:
        yield Open(folder, stack)
