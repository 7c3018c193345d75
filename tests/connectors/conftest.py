"""Keys and a connector, made once: making keys is slow, and nothing changes them."""

from pathlib import Path

import pytest

from connectors.saml_sp.connector import SamlConnector
from idp.keys.file import FileSigner, create_saml_key, load_signer
from tests.connectors import forge


@pytest.fixture(scope="session")
def idp() -> forge.SigningParty:
    """The identity provider that is pinned."""
    return forge.rsa_party()


@pytest.fixture(scope="session")
def stranger() -> forge.SigningParty:
    """Somebody with a key of their own, whom nobody pinned."""
    return forge.rsa_party()


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> FileSigner:
    """Our own SAML key."""
    path: Path = tmp_path_factory.mktemp("keys") / "saml.pem"
    create_saml_key(path)
    return load_signer(path)


@pytest.fixture(scope="session")
def connector(idp: forge.SigningParty, signer: FileSigner) -> SamlConnector:
    """A connector to the pinned identity provider."""
    return SamlConnector(provider=forge.provider(forge.metadata(idp)), entity_id=forge.SP, acs_url=forge.ACS, signer=signer)
