"""Keys take over while `ciconia serve --workers 2` signs citizens in, on PostgreSQL: made by `ciconia keys`, none fails.

What others hold of the next keys they fetched before those began, and never again: `/jwks` and our SAML metadata.
`CICONIA_TEST_LOGINS` says through how many logins (the closing of a release: 1000).
"""

import base64
import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate
from lxml import etree

from idp.keys.change import next_minute
from tests.connectors.forge import DS
from tests.idp.cli.command import CICONIA
from tests.idp.server.crew import until
from tests.idp.server.machines import Citizens, Machines, verified
from tests.postgres import server

pytestmark = [pytest.mark.slow, pytest.mark.spec("OpenID Connect Core 1.0 §10.1.1")]
LOGINS = int(os.environ.get("CICONIA_TEST_LOGINS", "200"))
KINDS = ("sealing", "es256", "rs256", "saml")
AFTER = 5
MD = "urn:oasis:names:tc:SAML:2.0:metadata"


class Published:
    """The keys of our metadata, as a country holds them: what one of them verifies is ours. `by`: which of them did."""

    def __init__(self, metadata: bytes) -> None:
        found = (base64.b64decode(text) for text in _certificates(metadata))
        self._keys = [load_der_x509_certificate(one).public_key() for one in found]
        self.by: list[int] = []

    def verify(self, signature: bytes, data: bytes, padding: PKCS1v15, algorithm: SHA256) -> None:
        """As a key of the library does."""
        for number, key in enumerate(self._keys):
            assert isinstance(key, RSAPublicKey)
            try:
                key.verify(signature, data, padding, algorithm)
            except InvalidSignature:
                continue
            self.by.append(number)
            return
        raise InvalidSignature


def _certificates(metadata: bytes) -> list[str]:
    """Those that we sign requests with, the one that signs now first."""
    described = etree.fromstring(metadata).iterfind(f".//{{{MD}}}SPSSODescriptor/{{{MD}}}KeyDescriptor[@use='signing']")
    return [one.findtext(f".//{{{DS}}}X509Certificate") or "" for one in described]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Machines]:
    found = Machines.alone(tmp_path / "stage", server().fresh())
    yield found
    found.close()


def test_no_login_at_the_workers_fails_while_keys_take_over(stage: Machines) -> None:
    folder = stage.folders[0]
    with stage.serving(0, "--workers", "2"):
        begins = next_minute(int(time.time()) + 75)
        at = datetime.fromtimestamp(begins, UTC).strftime("%Y%m%dT%H%MZ")
        for kind in KINDS:
            subprocess.run([CICONIA, "keys", "new", kind, "--at", at, "--config", folder], check=True, capture_output=True)
        # That very one: the other worker may not have looked into the folder yet
        seen: list[bytes] = []

        def both() -> bool:
            seen.append(_got(stage, "/saml/metadata"))
            return len(_certificates(seen[-1])) == 2

        until(both)
        until(lambda: _got(stage, "/jwks").count(b'"kid"') == 4)
        assert time.time() < begins - 5, "a slow machine: the next keys were published when they were about to begin"
        stage.country._broker_key = country = Published(seen[-1])  # type: ignore[assignment]
        with Citizens(stage, number=4).flowing() as citizens:
            until(lambda: citizens.done > 0 or bool(citizens.failed), 60)
            before = citizens.done
            until(lambda: (time.time() > begins + AFTER and citizens.done >= LOGINS) or bool(citizens.failed), 1200)
    assert citizens.failed == []
    assert 0 < before < citizens.done
    # Each of our two keys has signed
    assert set(country.by) == {0, 1}
    assert verified(folder, staged=True) >= citizens.done
    assert "Traceback" not in stage.log(0)
    print(f"{citizens.done} logins through a rotation of {', '.join(KINDS)}, the longest in {citizens.longest:.1f} s")


def _got(stage: Machines, path: str) -> bytes:
    return httpx2.get(f"http://127.0.0.1:{stage.front}{path}", timeout=20).content
