"""SoftHSM2 of Debian: a token of PKCS#11 in a folder, and what an operator does with its tools."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.peers import require_peer

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL, PIN = "ciconia", "1971-a-pin-of-a-test"


class SoftHsm:
    """A token in `folder`, with its PIN in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tokens, self.pin = folder, folder / "tokens", folder / "pin"
        self.tokens.mkdir(parents=True)
        self.configuration = folder / "softhsm2.conf"
        self.configuration.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.pin.write_text(f"{PIN}\n")
        self.pin.chmod(0o600)
        self._number = 0
        self.tool("softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "0" * 8)

    def tool(self, *command: str) -> None:
        """Run a tool of an operator."""
        environment = {**os.environ, "SOFTHSM2_CONF": str(self.configuration)}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr + ran.stdout

    def generate(self, label: str, key_type: str, *more: str) -> str:
        """Make a key pair, or with GENERIC a secret, in the token; returns its address."""
        act = "--keygen" if key_type.startswith("GENERIC") else "--keypairgen"
        login = ("--module", str(MODULE), "--token-label", LABEL, "--login", "--pin", PIN)
        self.tool("pkcs11-tool", *login, act, "--key-type", key_type, "--label", label, "--id", self._next(), *more)
        return self.address(label)

    def bring(self, label: str, file: Path) -> str:
        """Bring a key of the key folder into the token; returns its address."""
        key = load_pem_private_key(file.read_bytes().partition(b"-----BEGIN CERTIFICATE")[0], password=None)
        plain = self.folder / "brought.pem"
        plain.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        names = ("--token", LABEL, "--pin", PIN, "--label", label, "--id", self._next())
        self.tool("softhsm2-util", "--import", str(plain), *names)
        plain.unlink()
        return self.address(label)

    def address(self, label: str) -> str:
        """The address of a key, as a key file has it."""
        return f"pkcs11:token={LABEL};object={quote(label)}?module-path={MODULE}&pin-source=file:{self.pin}\n"

    def take_out(self) -> None:
        """Take the token out."""
        self.tokens.rename(self.folder / "away")
        self.tokens.mkdir()

    def put_in(self) -> None:
        """Put it in again."""
        self.tokens.rmdir()
        (self.folder / "away").rename(self.tokens)

    def _next(self) -> str:
        self._number += 1
        return f"{self._number:02x}"


@contextmanager
def softhsm(folder: Path) -> Iterator[SoftHsm]:
    """A fresh token, which this process and those that it starts find."""
    tools = all(shutil.which(name) for name in ("softhsm2-util", "pkcs11-tool"))
    require_peer("SoftHSM2", present=MODULE.exists() and tools)
    before = os.environ.get("SOFTHSM2_CONF")
    made = SoftHsm(folder)
    os.environ["SOFTHSM2_CONF"] = str(made.configuration)
    try:
        yield made
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


def name_instead(file: Path, address: str) -> None:
    """Write an address into a key file, before the certificate that is there."""
    _, mark, certificate = file.read_text().partition("-----BEGIN CERTIFICATE")
    file.write_text(address + mark + certificate)
