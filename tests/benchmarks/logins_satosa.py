"""The peer of the benchmark of logins: SATOSA, from a folder that says how it runs (its configuration and requirements).

The folder is copied. Its virtual environment is made beside the copy where it lacks, and keys and metadata in the copy.
SATOSA signs and verifies by the program xmlsec1 of Debian.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.benchmarks.logins_peers import ME, Answer, Asked, Connection, IdentityProvider, LoginFailedError, RelyingParty
from tests.benchmarks.logins_saml import SamlService
from tests.benchmarks.logins_stage import RSA_BITS, Running
from tests.ports import free_port

HOST = "proxy.bench.test"
BASE = f"https://{HOST}"
ACS = f"{BASE}/Saml2/acs/post"
SSO = f"{BASE}/Saml2/sso/post"
NEEDED = ("gen.sh", "conf", "requirements-proxy.txt")
WORKERS = 2


class Satosa:
    """A copy of the folder, ready to run. Raises OSError and subprocess.CalledProcessError."""

    def __init__(self, source: Path, copy: Path, *, encrypts: bool = False) -> None:
        if shutil.which("xmlsec1") is None:
            raise OSError("xmlsec1 is not installed, without which SATOSA cannot sign: apt-get install xmlsec1")
        if missing := [name for name in NEEDED if not (source / name).exists()]:
            raise OSError(f"{source} lacks {', '.join(missing)}")
        self._folder = copy
        shutil.copytree(source, copy, symlinks=True)
        self._gunicorn = _environment(source, copy.with_name("venv-satosa"))
        self._configure(encrypts=encrypts)
        subprocess.run(
            ["bash", str(self._folder / "gen.sh")],
            check=True,
            capture_output=True,
            cwd=self._folder,
            env={**os.environ, "KEYBITS": str(RSA_BITS)},
        )
        pki = self._folder / "conf" / "pki"
        proxy = x509.load_pem_x509_certificate((pki / "proxy.crt").read_bytes())
        key = proxy.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise OSError("SATOSA's key is not RSA")
        self.provider = IdentityProvider(
            key=(pki / "idp.key").read_bytes(),
            certificate=(pki / "idp.crt").read_bytes(),
            audience=f"{BASE}/Saml2/proxy_saml2_backend.xml",
            acs_url=ACS,
            broker=proxy.public_bytes(Encoding.DER),
        )
        self.party = RelyingParty(scope="openid email profile", key=key, pkce=False)
        self._encrypts = encrypts
        self._service = SamlService(
            key=(pki / "sp.key").read_bytes(),
            certificate=(pki / "sp.crt").read_bytes(),
            entity=f"{ME}/sp",
            sso=SSO,
            broker=proxy.public_bytes(Encoding.DER),
            encrypted=encrypts,
        )

    def _configure(self, *, encrypts: bool) -> None:
        """Its SAML services get encrypted assertions, or plain ones, and no attribute that ours do not get."""
        for file, old, new in (
            ("plugins/saml2_frontend.yaml", "encrypt_assertion: false", f"encrypt_assertion: {str(encrypts).lower()}"),
            ("internal_attributes.yaml", "    saml: [cn]\n", ""),
        ):
            path = self._folder / "conf" / file
            text = path.read_text(encoding="utf-8")
            if old not in text:
                raise OSError(f"{path} has no {old.strip()!r}")
            path.chmod(0o644)
            path.write_text(text.replace(old, new), encoding="utf-8")

    def serve(self) -> Running:
        """Start it as its folder does: two workers of gunicorn."""
        port = free_port()
        return Running(
            [str(self._gunicorn), "-w", str(WORKERS), "-k", "sync", "-b", f"127.0.0.1:{port}", "satosa.wsgi:app"],
            port,
            cwd=self._folder,
            environment={"SATOSA_CONFIG": "conf/proxy_conf.yaml"},
        )

    async def plain(self, browser: Connection) -> None:
        """One login (its case post:0:oidc)."""
        await self._login(browser, encrypted=False)

    async def encrypted(self, browser: Connection) -> None:
        """One login with an encrypted assertion (its case post:1:oidc)."""
        await self._login(browser, encrypted=True)

    async def saml(self, browser: Connection) -> None:
        """One login of a service that speaks SAML (its case post:0:saml, or post:1:saml where it encrypts)."""
        asked = self._service.ask()
        page = await self._back(browser, await browser.request("POST", SSO.removeprefix(BASE), asked.fields))
        self._service.verified(page.hidden(), asked)

    async def form(self, browser: Connection) -> dict[str, str]:
        """A login up to its code: the form that redeems it."""
        return await self._redeem(browser, self.party.ask(), encrypted=False)

    async def _login(self, browser: Connection, *, encrypted: bool) -> None:
        asked = self.party.ask()
        redeem = await self._redeem(browser, asked, encrypted=encrypted)
        self.party.verified(
            await browser.request("POST", "/OIDC/token", redeem, authorization=self.party.authorization), asked
        )

    async def _redeem(self, browser: Connection, asked: Asked, *, encrypted: bool) -> dict[str, str]:
        first = await browser.request("GET", f"/Saml2/OIDC/authorization?{asked.query}")
        back = await self._back(browser, first, encrypted=encrypted)
        if not back.header("location"):
            raise LoginFailedError(f"SATOSA: {back.status} {back.body[:300]!r}")
        redeem = self.party.redeem(back.header("location"), asked)
        browser.cookies.clear()
        return redeem

    async def _back(self, browser: Connection, first: Answer, *, encrypted: bool | None = None) -> Answer:
        """The citizen signs in where SATOSA sent the browser: its answer to who comes back."""
        if not first.header("location"):
            raise LoginFailedError(f"SATOSA: {first.status} {first.body[:300]!r}")
        opens = self._encrypts if encrypted is None else encrypted
        posted = self.provider.answer(first.header("location"), encrypted=opens)
        return await browser.request("POST", ACS.removeprefix(BASE), posted)


def _environment(source: Path, made: Path) -> Path:
    """Its gunicorn: in $PROXY_VENV, as the folder's own script has it, or beside the folder, or `made` once."""
    named = os.environ.get("PROXY_VENV")
    for place in (Path(named) if named else source.parent / "venv-satosa", source.parent / "venv-satosa", made):
        if (place / "bin" / "gunicorn").exists():
            return (place / "bin" / "gunicorn").absolute()
    pip = str(made / "bin" / "pip")
    subprocess.run([sys.executable, "-m", "venv", str(made)], check=True, capture_output=True)
    requirements = str(source / "requirements-proxy.txt")
    subprocess.run([pip, "install", "-q", "-r", requirements], check=True, capture_output=True)
    return made / "bin" / "gunicorn"
