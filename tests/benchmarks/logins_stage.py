"""The brokers of the benchmark of logins: ours as `ciconia init` makes it, each in processes of its own."""

import hashlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from idp.keys.file import load_signer
from idp.system.addresses import acs_url, entity_id
from tests.benchmarks.logins_peers import CALLBACK, CLIENT, ME, SECRET, IdentityProvider, RelyingParty
from tests.connectors.forge import SigningParty, metadata
from tests.ports import free_port

HOST = "broker.bench.example"
ISSUER = f"https://{HOST}"
PURPOSE = "bench"
RSA_BITS = 2048
STARTING_SECONDS = 60
FEW = 5


def cpu_seconds(processes: Iterable[int]) -> float:
    """User and system time of processes, with what they have reaped, from /proc/PID/stat (proc(5): fields 14 to 17)."""
    spent = 0
    for process in processes:
        try:
            fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            continue
        spent += sum(int(each) for each in fields[11:15])
    return spent / os.sysconf("SC_CLK_TCK")


def cpu_of_threads(processes: Iterable[int]) -> float:
    """The time on a processor of all threads that live, in seconds, from /proc/PID/task/TID/schedstat: by nanoseconds."""
    spent = 0
    for process in processes:
        for task in Path(f"/proc/{process}/task").glob("*/schedstat"):
            try:
                spent += int(task.read_text(encoding="ascii").split()[0])
            except OSError:
                continue  # a thread that has just ended
    return spent / 1e9


def tree(process: int) -> list[int]:
    """A process and all below it."""
    found, todo = [], [process]
    while todo:
        one = todo.pop()
        found.append(one)
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            todo += [int(child) for child in task.read_text(encoding="ascii").split()]
    return found


def memory_kib(processes: Iterable[int]) -> int:
    """The memory that processes have for themselves (Private_*), in KiB."""
    lines = [
        line
        for process in processes
        for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    ]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


class Running:
    """A broker that runs, as a process tree below `process`, listening at `port`."""

    def __init__(
        self,
        command: list[str],
        port: int,
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self.port = port
        logged = (log or cwd) / "broker.log"
        self._log = logged.open("ab")
        self._process = subprocess.Popen(
            command, cwd=cwd, env={**os.environ, **(environment or {})}, stdout=self._log, stderr=self._log
        )
        end = time.monotonic() + STARTING_SECONDS
        while not _listens(port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.close()
                tail = logged.read_text(encoding="utf-8", errors="replace")[-1000:]
                raise OSError(f"a broker did not start: {tail}")
            time.sleep(0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def processes(self) -> list[int]:
        """Its process tree."""
        return tree(self._process.pid)

    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds(self.processes)

    def cpu_of_threads(self) -> float:
        """The same by nanoseconds: for turns of so few requests that the ticks of the clock would count."""
        return cpu_of_threads(self.processes)

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def new_party(name: str) -> SigningParty:
    """A key of RSA-2048 with its self-signed certificate."""
    key = rsa.generate_private_key(65537, RSA_BITS)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=3650))
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return SigningParty(pem=pem, certificate=certificate.public_bytes(Encoding.DER))


def pem_of(certificate: bytes) -> bytes:
    """DER to PEM."""
    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder of ours with one identity provider and several relying parties, one of which the driver plays."""

    folder: Path
    port: int
    provider: IdentityProvider
    party: RelyingParty
    environment: Mapping[str, str] = field(default_factory=dict)

    def serve(self, workers: int = 1) -> Running:
        """Start it."""
        more = ["--workers", str(workers)] if workers > 1 else []
        command = [str(Path(sys.executable).with_name("ciconia")), "serve", "--config", str(self.folder), *more]
        return Running(command, self.port, cwd=self.folder, environment=self.environment)


def make_stage(folder: Path, *, parties: int = FEW, database: str = "") -> Stage:
    """Make it. Raises OSError and subprocess.CalledProcessError."""
    ciconia = str(Path(sys.executable).with_name("ciconia"))
    subprocess.run([ciconia, "init", str(folder), "--issuer", ISSUER], check=True, capture_output=True)
    port = free_port()
    settings = folder / "ciconia.toml"
    text = settings.read_text(encoding="utf-8").replace('"127.0.0.1:8400"', f'"127.0.0.1:{port}"')
    if database:
        text = text.replace('database = "ciconia.db"', f'database = "{database}"')
    settings.write_text(text, encoding="utf-8")
    for name in ("saml", "saml-encryption", "rs256"):
        party, file = new_party(HOST), folder / "keys" / f"{name}.pem"
        mark = file.read_bytes().partition(b"-----BEGIN")[0]
        file.write_bytes(mark + party.pem + (b"" if name == "rs256" else pem_of(party.certificate)))
    provider = new_party("idp")
    _write_parties(folder, provider, parties)
    keys = folder / "keys"
    return Stage(
        folder=folder,
        port=port,
        provider=IdentityProvider(
            key=provider.pem,
            certificate=pem_of(provider.certificate),
            audience=entity_id(ISSUER),
            acs_url=acs_url(ISSUER),
            broker=load_signer(keys / "saml-encryption.pem").certificate,
        ),
        party=RelyingParty(scope=f"openid email profile purpose:{PURPOSE}", key=_rsa(keys / "rs256.pem")),
    )


def _rsa(file: Path) -> rsa.RSAPublicKey:
    key = load_signer(file).public_key
    if not isinstance(key, rsa.RSAPublicKey):
        raise OSError(f"{file} is not RSA")
    return key


def _write_parties(folder: Path, provider: SigningParty, parties: int) -> None:
    (folder / "metadata" / "bench.xml").write_bytes(
        metadata(provider, entity_id=f"{ME}/idp", sso="https://idp.bench.example/sso")
    )
    (folder / "providers" / "bench.toml").write_text(PROVIDER, encoding="utf-8")
    (folder / "purposes" / "bench.toml").write_text(PURPOSE_FILE, encoding="utf-8")
    for name in (CLIENT, *(f"other-{number}" for number in range(parties - 1))):
        secret = SECRET if name == CLIENT else secrets.token_urlsafe(16)
        hashed = hashlib.sha256(secret.encode()).hexdigest()
        text = PARTY.format(client=name, callback=CALLBACK, secret=hashed)
        (folder / "parties" / f"{name}.toml").write_text(text, encoding="utf-8")


PROVIDER = f"""id = "bench"
country = "EE"
namespace = "bench"
entity_id = "{ME}/idp"
metadata = "metadata/bench.xml"
subject = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6"
title.en = "Bench sign-in"

[attributes]
"urn:oid:2.5.4.4" = "family_name"
"urn:oid:2.5.4.42" = "given_name"
"urn:oid:0.9.2342.19200300.100.1.3" = "email"
"""

PURPOSE_FILE = f"""id = "{PURPOSE}"
basis = "public_task"
minimum_assurance = "substantial"
countries = ["EE"]
title.en = "Measure a login"
law.en = "Statute of measuring, section 1"

[controller]
name.en = "City of Storkhaven"
contact = "office@storkhaven.example"

[attributes.family_name]
form = "exact"
required = true
why.en = "Logins are measured by name."

[attributes.given_name]
form = "exact"
required = true
why.en = "Logins are measured by name."

[attributes.email]
form = "exact"
required = true
why.en = "Logins are measured by mail."
"""

PARTY = """client_id = "{client}"
sector = "bench"
redirect_uris = ["{callback}"]
purposes = ["bench"]
token_endpoint_auth_method = "client_secret_basic"
client_secret_sha256 = "{secret}"
id_token_signed_response_alg = "RS256"
title.en = "Bench"

[attributes]
family_name = "exact"
given_name = "exact"
email = "exact"
"""
